// SPDX-License-Identifier: GPL-2.0-or-later
#include "saved_stream.h"

#include <algorithm>

#include <fmt/format.h>

namespace precopy
{

namespace
{

void expect_ram(harness::Case& test, migration::Vm& source, const stream::Analysis& saved)
{
    const auto block = std::find_if(saved.ram.begin(), saved.ram.end(),
                                    [&](const stream::RamBlock& one) { return one.size == source.ram_size(); });
    test.check(block != saved.ram.end(), fmt::format("the file has no RAM block of {} bytes", source.ram_size()));
    const auto read_ram = source.ram_reader();
    std::vector<std::uint8_t> expected(1 << 20);
    std::vector<std::uint8_t> seen(expected.size());
    for (std::uint64_t address = 0; address < source.ram_size(); address += expected.size()) {
        read_ram(address, expected);
        saved.read_ram(*block, address, seen);
        const auto differs = std::mismatch(expected.begin(), expected.end(), seen.begin());
        if (differs.first == expected.end())
            continue;
        const std::uint64_t at = address + static_cast<std::uint64_t>(differs.first - expected.begin());
        test.check(false, fmt::format("guest RAM in the file differs at 0x{:x} of {}: {} has {:02x}, the file {:02x}",
                                      at, guest::describe_page(at), source.name(), *differs.first, *differs.second));
    }
}

/// "EBX=0000001f" of HMP `info registers`.
std::uint64_t value_of(const std::string& registers, const std::string& name)
{
    return std::stoull(registers.substr(registers.find(name + "=") + name.size() + 1), nullptr, 16);
}

void expect_registers(harness::Case& test, migration::Vm& source, const stream::Analysis& saved)
{
    const std::string registers = source.registers();
    const qtest::Json cpu = saved.device("cpu").state;
    // In QEMU's order of them (target/i386/cpu.h): 3 is EBX, 6 is ESI.
    for (const auto& [name, field] : {std::pair{"EBX", "env.regs[3]"}, {"ESI", "env.regs[6]"}, {"EIP", "env.eip"}}) {
        const std::uint64_t expected = value_of(registers, name);
        test.check(cpu.at(field).as_uint() == expected, fmt::format("{} is {:x} at {}, {} in the file", name, expected,
                                                                    source.name(), cpu.at(field).dump()));
    }
}

} // namespace

void await_written(migration::Vm& source)
{
    source.await_run_state("postmigrate");
    // The command that QEMU writes to has ended by its next answer.
    source.run_state();
}

stream::Analysis expect_saved(harness::Case& test, migration::Vm& source, const std::filesystem::path& file,
                              std::uint64_t offset)
{
    test.phase("analyze the file");
    await_written(source);
    stream::Analysis saved = stream::analyze(file, {.offset = offset});
    const std::string machine = test.setting().source.schema.machine(test.setting().machine).value();
    test.check(saved.configuration.machine == machine,
               fmt::format("the file is of machine type '{}', not '{}'", saved.configuration.machine, machine));
    expect_ram(test, source, saved);
    expect_registers(test, source, saved);
    return saved;
}

} // namespace precopy
