// SPDX-License-Identifier: GPL-2.0-or-later
//
// RamBlock: what a stream says of one block of guest RAM, and where in the file the content of its pages is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "input.h"
#include "page_index.h"

namespace stream
{

struct RamBlock {
    std::string name;
    std::uint64_t offset; // of its entry in the stream
    std::uint64_t size;   // bytes
    std::uint64_t page_size;
    std::optional<std::uint64_t> guest_address = {}; // told with x-ignore-shared
    /// False: it was shared memory, left to whoever shares it (x-ignore-shared).
    bool in_stream = true;
    std::uint64_t data_pages = 0;
    std::uint64_t zero_pages = 0; // told to be so, page by page or in the bitmap
    std::uint64_t repeats = 0;    // pages told again, because the guest wrote them meanwhile

    std::uint64_t pages() const noexcept { return size / page_size; }
    std::uint64_t unsent_pages() const noexcept { return pages() - data_pages - zero_pages; }

    /// With mapped-ram each page has its place, and a bitmap tells which places are used.
    struct Mapped {
        std::uint64_t bitmap_offset;
        std::uint64_t pages_offset;
    };
    std::optional<Mapped> mapped = {};
    PageIndex index = {}; // without

    /// Fills the span with the content from `from` on; zeros where a page was never sent. Throws qtest::UsageError
    /// beyond the block's end, Malformed when the file has changed.
    void read(const Input& input, std::uint64_t from, std::span<std::uint8_t> to) const;
    /// SHA-256 of the whole content, in hex. Nothing when it is not in the stream, or has more zeros than are left in
    /// `zeros`, which are counted down: a few bytes can declare terabytes.
    std::optional<std::string> sha256(const Input& input, std::uint64_t& zeros) const;

  private:
    void read_mapped(const Input& input, std::uint64_t from, std::span<std::uint8_t> to) const;
};

} // namespace stream
