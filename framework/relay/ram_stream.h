// SPDX-License-Identifier: GPL-2.0-or-later
//
// RamStream: finds the records of RAM pages in a migration stream that comes in chunks of any size. It knows the
// framing of pre-copy's RAM sections (QEMU: migration/savevm.c, migration/ram.c, scripts/analyze-migration.py) and
// nothing of devices: from the first other section on, or from the first thing it does not know, no more records are
// found. Every byte it is given comes out again, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace relay
{

using Bytes = std::span<const std::uint8_t>;

class RamStream
{
  public:
    static constexpr std::size_t page_size = 4096;

    /// A page of guest RAM as it is sent, once.
    struct Record {
        std::string block; // "pc.ram"
        std::uint64_t offset;
        bool zero;          // one byte stands for all of it
        bool names_block;   // else its block is that of the record before
        std::size_t number; // 1 is the first
        std::size_t size() const noexcept { return zero ? 1 : page_size; } // of its content, in the stream
    };
    struct Piece {
        enum class Kind { framing, header, content };
        Kind kind;
        /// Until the next call. A header is always whole; a content may come in several pieces.
        Bytes bytes;
        /// Where in the content; 0 in all others.
        std::size_t at;
    };

    /// Takes the next piece off the front of `bytes`; nothing when they are used up, the last of them maybe kept until
    /// there are more.
    std::optional<Piece> next(Bytes& bytes);
    /// What is kept, when the stream ends here.
    Bytes kept() const noexcept { return told_ ? Bytes() : Bytes(kept_); }

    /// Of the latest header or content.
    const Record& record() const noexcept { return record_; }
    /// How many there were.
    std::size_t records() const noexcept { return record_.number; }
    /// Why no more records will be found; empty as long as there may be some.
    const std::string& end() const noexcept { return end_; }

    /// The header of a record, as RamStream reads it.
    static std::vector<std::uint8_t> header(const Record& record);

  private:
    /// What the bytes being kept are the beginning of.
    enum class Item { file_header, section, configuration, new_section, old_section, footer, command, ram, ram_block };

    std::size_t needed() const;
    Piece::Kind interpret();
    void begin_section(std::uint8_t type);
    Piece::Kind begin_ram(std::uint64_t offset, std::uint64_t flags);
    std::uint64_t number(std::size_t at, std::size_t size) const;
    std::string text(std::size_t at, std::size_t size) const;

    Item item_ = Item::file_header;
    std::vector<std::uint8_t> kept_;
    bool told_ = false; // kept_ is what was returned last
    Record record_{"", 0, false, false, 0};
    std::size_t content_left_ = 0;
    std::uint64_t sizes_left_ = 0; // of the list of RAM blocks: bytes of RAM not accounted for yet
    std::optional<std::uint64_t> ram_section_;
    std::string end_;
};

} // namespace relay
