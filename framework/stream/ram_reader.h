// SPDX-License-Identifier: GPL-2.0-or-later
//
// RamReader: the sections of guest RAM (version 4): first the list of blocks, then pages, in as many sections as QEMU
// made passes. What is refused, with a reason, is what cannot be in a file that is complete in itself: xbzrle, whose
// pages are differences, RDMA's hooks, and compressed pages of older QEMUs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cursor.h"
#include "ram_block.h"

namespace stream
{

class RamReader
{
  public:
    struct Options {
        std::uint64_t page_size;
        bool ignore_shared;
        bool mapped;
    };
    RamReader(Cursor& cursor, Options options) : cursor_(cursor), options_(options) {}

    /// A section's content. Throws Malformed.
    void read(bool first);
    /// After the last section.
    std::vector<RamBlock> finish();

  private:
    void read_blocks(std::uint64_t total);
    void read_mapped(RamBlock& block);
    /// The block of a page, by its name unless it is the one of the page before, and the page's number.
    std::pair<std::size_t, std::uint64_t> page_of(std::uint64_t word, std::uint64_t at);

    static constexpr std::size_t none = ~std::size_t{0};
    Cursor& cursor_;
    Options options_;
    std::vector<RamBlock> blocks_ = {};
    std::map<std::string, std::size_t> by_name_ = {};
    std::size_t last_ = none;
};

} // namespace stream
