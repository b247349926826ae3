// SPDX-License-Identifier: GPL-2.0-or-later
//
// PageIndex: where the newest content of each page of a RAM block is. A page never told of costs nothing, and one told
// of again and again counts once, so that the index stays smaller than the stream it is of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stream
{

class PageIndex
{
  public:
    struct Entry {
        std::uint64_t page; // its number in the block
        std::uint64_t what; // as of() and filled() make it

        static Entry of(std::uint64_t page, std::uint64_t file_offset) { return {page, file_offset}; }
        static Entry filled(std::uint64_t page, std::uint8_t byte) { return {page, fill | byte}; }
        bool is_fill() const noexcept { return what & fill; }
        std::uint8_t fill_byte() const noexcept { return static_cast<std::uint8_t>(what); }
        std::uint64_t file_offset() const noexcept { return what; }

      private:
        static constexpr std::uint64_t fill = std::uint64_t{1} << 63;
    };

    void add(Entry entry);
    /// Nothing is added any more.
    void finish() { settle(); }

    /// Sorted by page, after finish().
    std::span<const Entry> entries() const noexcept { return entries_; }
    /// Those from that page on.
    std::span<const Entry> from(std::uint64_t page) const;

  private:
    void settle();

    std::vector<Entry> entries_; // each page once up to settled_, sorted; after that as they came
    std::size_t settled_ = 0;
};

} // namespace stream
