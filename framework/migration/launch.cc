// SPDX-License-Identifier: GPL-2.0-or-later
#include "launch.h"

#include <fstream>

#include <fmt/format.h>

#include "log_file.h"

namespace migration
{

namespace
{

/// The same file for every VM of the case.
std::string write_rom(const harness::Case& test, const guest::Options& options)
{
    const auto image = guest::x86_image(options);
    const std::string path = test.directory() / "guest.rom";
    qtest::write_file(path, {reinterpret_cast<const char*>(image.data()), image.size()});
    return path;
}

/// The memory backend, as -object takes it; empty: the machine's own.
std::string backend(const harness::Case& test, const std::string& name, const Launch& launch)
{
    const auto object = [&](const std::string& type_and_options) {
        return fmt::format("memory-backend-{},id=ram,size={}M", type_and_options, launch.ram_mib);
    };
    switch (launch.memory) {
    case Memory::anonymous:
        break;
    case Memory::memfd:
        return object("memfd,share=off");
    case Memory::shared_memfd:
        return object("memfd,share=on");
    case Memory::file:
        return object("file,share=off,mem-path=" + (test.directory() / (name + ".ram")).string());
    case Memory::shared_file:
        return object("file,share=on,mem-path=" + (test.directory() / "shared.ram").string());
    case Memory::hugepages:
        return object("memfd,share=off,hugetlb=on,hugetlbsize=2M");
    }
    return {};
}

} // namespace

std::vector<std::string> arguments_of(const harness::Case& test, const std::string& name, const Launch& launch)
{
    const harness::Setting& setting = test.setting();
    const std::string ram = backend(test, name, launch);
    std::vector<std::string> all{"-name",    name + ",debug-threads=on",
                                 "-machine", setting.machine + (ram.empty() ? "" : ",memory-backend=ram"),
                                 "-accel",   setting.accelerator,
                                 "-m",       fmt::format("{}M", launch.ram_mib),
                                 "-bios",    write_rom(test, launch.guest)};
    if (!ram.empty())
        all.insert(all.end(), {"-object", ram});
    if (launch.cpus > 1)
        all.insert(all.end(), {"-smp", std::to_string(launch.cpus)});
    return all;
}

harness::Need hugepages(unsigned ram_mib)
{
    return harness::Need::host("hugepages", [ram_mib]() -> std::optional<std::string> {
        constexpr unsigned page_mib = 2;
        std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
        unsigned free = 0;
        file >> free;
        const unsigned wanted = 2 * ram_mib / page_mib;
        if (free >= wanted)
            return std::nullopt;
        return fmt::format("needs {} free hugepages of 2 MiB, this machine has {}", wanted, free);
    });
}

} // namespace migration
