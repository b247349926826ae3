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

/// The firmware image for `-bios`: pc and q35, KVM and TCG.
std::span<const std::uint8_t> x86_image();

/// How far the guest has come, by its registers.
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

struct Damage {
    std::uint64_t address; // of the first wrong byte
    std::string text;      // where, what was expected, what was seen, how much more is wrong
};

/// Reads guest RAM at a guest-physical address into all of the buffer.
using ReadRam = std::function<void(std::uint64_t address, std::span<std::uint8_t> buffer)>;

/// Compares every byte of RAM with what it must be at that position, but for the two pages that cases may change and
/// what a PC hides behind its video memory and ROMs. Nothing: all is well.
std::optional<Damage> find_damage(const ReadRam& read_ram, std::uint64_t ram_size, const Position& position);

/// The content of a page of the test range after a pass.
std::vector<std::uint8_t> page_after(std::uint64_t page, std::uint32_t pass);

/// Says of an address what it is to the guest: "page 261 (0x105000), always zero".
std::string describe_page(std::uint64_t address);

} // namespace guest
