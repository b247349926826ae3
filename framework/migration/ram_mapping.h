// SPDX-License-Identifier: GPL-2.0-or-later
//
// RamMapping: what guest RAM is made of, as the kernel says of QEMU's memory (Linux's Documentation/filesystems/proc:
// smaps).
#pragma once

#include <cstdint>
#include <string>

#include "machine.h"

namespace migration
{

struct RamMapping {
    std::string backing; // a file's path, "/memfd:… (deleted)"; empty: anonymous
    bool shared;
    std::uint64_t page_size; // bytes
};

/// Where QEMU has the guest's RAM, by HMP `gpa2hva`.
std::uint64_t ram_address(qtest::Machine& machine);

/// Of the mapping that has guest-physical address 0.
RamMapping ram_mapping(qtest::Machine& machine);

} // namespace migration
