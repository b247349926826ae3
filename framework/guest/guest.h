// SPDX-License-Identifier: GPL-2.0-or-later
//
// The guest program every case runs, and what must be true of its RAM. The program (x86.S) writes words that follow
// from page number and pass, so that a lost, stale, misplaced or altered page shows, whichever byte of it is looked at.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "x86_layout.h"

namespace guest
{

/// What the guest is to do besides its passes.
struct Options {
    /// Suspend to RAM after this pass, once: it prints 'S', QEMU tells SUSPEND. QMP `system_wakeup` makes it print 'W'
    /// and go on with the next pass. 0: not before it is asked to (GUEST_INFO_SUSPEND_REQUEST).
    std::uint32_t suspend_after_pass = 0;
};

/// The firmware image for `-bios`: pc and q35, KVM and TCG.
std::vector<std::uint8_t> x86_image(const Options& options = {});

/// Reads guest RAM at a guest-physical address into all of the buffer.
using ReadRam = std::function<void(std::uint64_t address, std::span<std::uint8_t> buffer)>;

/// Guest-physical address of the 32-bit word in which a CPU other than the boot CPU counts, about 1000 times a second,
/// from pass 1 on. Of `-smp N` the APIC IDs are 0 (the boot CPU) to N - 1 unless a topology is asked for whose sizes
/// are no powers of two.
constexpr std::uint64_t counter_address(unsigned apic_id)
{
    return GUEST_COUNTERS + std::uint64_t{apic_id} * GUEST_COUNTER_SIZE;
}

/// How far the guest has come.
struct Position {
    /// The pass being written; pass 1 is the first.
    std::uint32_t pass;
    /// Guest-physical address of the page being written; of the test range, everything below it is of this pass,
    /// everything above of the one before. The end of the test range, or beyond: this pass is complete.
    std::uint64_t page;
};

/// Reads the position from what HMP `info registers` prints while the VM is stopped. Throws qtest::TestFailure when the
/// guest is not in its passes: not there yet, or its registers are not those of this program.
Position parse_position(const std::string& info_registers);

/// The same, and for a moment when the registers cannot tell: a CPU that was reset by waking, before the guest has set
/// them again, is where the guest's notes say it was suspended.
Position find_position(const std::string& info_registers, const ReadRam& read_ram);

struct Damage {
    std::uint64_t address; // of the first wrong byte
    std::string text;      // where, what was expected, what was seen, how much more is wrong
};

/// Compares every byte of RAM with what it must be at that position, but for the two pages that cases may change, how
/// far other CPUs than the boot CPU have counted, and what a PC hides behind its video memory and ROMs. Nothing: all is
/// well.
std::optional<Damage> find_damage(const ReadRam& read_ram, std::uint64_t ram_size, const Position& position);

/// The content of a page of the test range after a pass.
std::vector<std::uint8_t> page_after(std::uint64_t page, std::uint32_t pass);

/// Says of an address what it is to the guest: "page 261 (0x105000), always zero".
std::string describe_page(std::uint64_t address);

} // namespace guest
