// SPDX-License-Identifier: GPL-2.0-or-later
#include "ram_mapping.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "errors.h"

namespace migration
{

std::uint64_t ram_address(qtest::Machine& machine)
{
    const std::string answer = machine.qmp().hmp("gpa2hva 0");
    // "Host virtual address for 0x0 (pc.ram) is 0x7f1e17e00000"
    const std::size_t at = answer.rfind("is 0x");
    if (at == std::string::npos)
        throw qtest::TestFailure(fmt::format("{}: HMP gpa2hva 0 says no host address: {}", machine.name(), answer));
    return std::stoull(answer.substr(at + 3), nullptr, 16);
}

RamMapping ram_mapping(qtest::Machine& machine)
{
    const std::uint64_t address = ram_address(machine);
    std::ifstream smaps(fmt::format("/proc/{}/smaps", machine.pid()));
    RamMapping mapping{};
    bool found = false;
    for (std::string line; std::getline(smaps, line);) {
        std::istringstream words(line);
        // "7f1e17e00000-7f1e1be00000 rw-s 00000000 00:01 2049   /memfd:… (deleted)", then its "KernelPageSize:   4 kB".
        std::uint64_t begin = 0, end = 0, kib = 0;
        char dash = 0;
        std::string key, flags, offset, device, inode;
        if (!found && words >> std::hex >> begin >> dash >> end >> flags && begin <= address && address < end) {
            words >> offset >> device >> inode >> std::ws;
            std::getline(words, mapping.backing);
            mapping.shared = flags.back() == 's';
            found = true;
        } else if (found && line.starts_with("KernelPageSize:") && words >> key >> kib) {
            mapping.page_size = kib * 1024;
            return mapping;
        }
    }
    throw qtest::EnvironmentError(fmt::format("{}: no mapping of QEMU has 0x{:x}", machine.name(), address));
}

} // namespace migration
