// SPDX-License-Identifier: GPL-2.0-or-later
//
// The stream's own numbers: QEMU's migration/savevm.h, migration/ram.c, docs/devel/migration/main.rst.
#pragma once

#include <cstdint>

namespace stream
{

constexpr std::uint32_t file_magic = 0x5145564d; // "QEVM"
constexpr std::uint32_t file_version = 3;

/// The first byte of whatever comes next at the top level, or, for a subsection, after a device's fields.
namespace mark
{
constexpr std::uint8_t end = 0x00;
constexpr std::uint8_t section_start = 0x01;
constexpr std::uint8_t section_part = 0x02;
constexpr std::uint8_t section_end = 0x03;
constexpr std::uint8_t section_full = 0x04;
constexpr std::uint8_t subsection = 0x05;
constexpr std::uint8_t description = 0x06;
constexpr std::uint8_t configuration = 0x07;
constexpr std::uint8_t command = 0x08;
constexpr std::uint8_t footer = 0x7e;
} // namespace mark

/// In the low bits of each address of a RAM section.
namespace ram_flag
{
constexpr std::uint64_t zero = 0x02;
constexpr std::uint64_t mem_size = 0x04;
constexpr std::uint64_t page = 0x08;
constexpr std::uint64_t eos = 0x10;
constexpr std::uint64_t same_block = 0x20;
constexpr std::uint64_t xbzrle = 0x40;
constexpr std::uint64_t hook = 0x80;
constexpr std::uint64_t compressed = 0x100;
constexpr std::uint64_t multifd_flush = 0x200;
} // namespace ram_flag

} // namespace stream
