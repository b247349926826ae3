// SPDX-License-Identifier: GPL-2.0-or-later
#include "ram_stream.h"

#include <algorithm>

#include <fmt/format.h>

#include "marks.h"

namespace relay
{

namespace
{

namespace mark = stream::mark;
namespace ram_flag = stream::ram_flag;

/// The low bits of a RAM record's address are flags.
constexpr std::uint64_t flag_bits = RamStream::page_size - 1;

/// What may be kept: a command with all its data.
constexpr std::size_t longest_item = 4 + 0xffff;

} // namespace

std::optional<RamStream::Piece> RamStream::next(Bytes& bytes)
{
    const auto take = [&bytes](std::size_t most) {
        const Bytes taken = bytes.first(std::min(most, bytes.size()));
        bytes = bytes.subspan(taken.size());
        return taken;
    };
    if (told_) {
        kept_.clear();
        told_ = false;
    }
    if (content_left_ > 0 && !bytes.empty()) {
        const std::size_t at = record_.size() - content_left_;
        const Bytes content = take(content_left_);
        content_left_ -= content.size();
        return Piece{Piece::Kind::content, content, at};
    }
    if (!end_.empty())
        return bytes.empty() ? std::nullopt : std::optional(Piece{Piece::Kind::framing, take(bytes.size()), 0});
    while (!bytes.empty()) {
        const Bytes more = take(needed() - kept_.size());
        kept_.insert(kept_.end(), more.begin(), more.end());
        const std::size_t size = needed();
        if (size > longest_item)
            end_ = fmt::format("it has something {} bytes long outside RAM", size);
        if (size > longest_item || size == kept_.size()) {
            told_ = true;
            return Piece{end_.empty() ? interpret() : Piece::Kind::framing, kept_, 0};
        }
    }
    return std::nullopt;
}

/// How long the item is, as far as what is kept of it tells.
std::size_t RamStream::needed() const
{
    const auto with_length = [this](std::size_t at, std::size_t size, std::size_t behind) {
        return kept_.size() < at + size ? at + size : at + size + number(at, size) + behind;
    };
    switch (item_) {
    case Item::section:
        return 1;
    case Item::configuration:
        return with_length(0, 4, 0); // the machine type
    case Item::new_section:
        return with_length(4, 1, 8); // id, name, instance and version
    case Item::command:
        return with_length(2, 2, 0);
    case Item::old_section:
    case Item::footer:
        return 4;
    case Item::ram_block:
        return with_length(0, 1, 8); // name, size
    case Item::ram:
        if (kept_.size() < 8 || (number(0, 8) & (ram_flag::zero | ram_flag::page)) == 0 ||
            (number(0, 8) & ram_flag::same_block) != 0)
            return 8;
        return with_length(8, 1, 0);
    case Item::file_header:
        break;
    }
    return 8;
}

/// Reads the item that is kept, whole, and settles which one follows.
RamStream::Piece::Kind RamStream::interpret()
{
    const Item item = item_;
    item_ = Item::section;
    switch (item) {
    case Item::file_header:
        if (number(0, 4) != stream::file_magic || number(4, 4) != stream::file_version)
            end_ = fmt::format("it begins with {:016x}, which no migration stream does", number(0, 8));
        break;
    case Item::section:
        begin_section(kept_[0]);
        break;
    case Item::new_section:
        if (text(5, kept_[4]) != "ram") {
            end_ = "section '" + text(5, kept_[4]) + "' begins";
            break;
        }
        ram_section_ = number(0, 4);
        item_ = Item::ram;
        break;
    case Item::old_section:
        if (ram_section_ == number(0, 4))
            item_ = Item::ram;
        else
            end_ = fmt::format("section {}, which is not RAM's, goes on", number(0, 4));
        break;
    case Item::ram_block: {
        const std::uint64_t size = number(1 + std::size_t(kept_[0]), 8);
        sizes_left_ -= std::min(size, sizes_left_);
        item_ = sizes_left_ > 0 ? Item::ram_block : Item::ram;
        break;
    }
    case Item::ram:
        return begin_ram(number(0, 8) & ~flag_bits, number(0, 8) & flag_bits);
    case Item::configuration:
    case Item::command:
    case Item::footer:
        break;
    }
    return Piece::Kind::framing;
}

void RamStream::begin_section(std::uint8_t type)
{
    switch (type) {
    case mark::section_start:
        item_ = Item::new_section;
        break;
    case mark::section_part:
    case mark::section_end:
        item_ = Item::old_section;
        break;
    case mark::configuration:
        item_ = Item::configuration;
        break;
    case mark::command:
        item_ = Item::command;
        break;
    case mark::footer:
        item_ = Item::footer;
        break;
    default:
        end_ = fmt::format("a section of type {} begins", type);
    }
}

RamStream::Piece::Kind RamStream::begin_ram(std::uint64_t offset, std::uint64_t flags)
{
    const std::uint64_t what = flags & ~ram_flag::same_block;
    if (what == ram_flag::zero || what == ram_flag::page) {
        record_.names_block = what == flags;
        if (record_.names_block)
            record_.block = text(9, kept_[8]);
        record_.offset = offset;
        record_.zero = what == ram_flag::zero;
        record_.number++;
        content_left_ = record_.size();
        item_ = Item::ram;
        return Piece::Kind::header;
    }
    if (flags == ram_flag::mem_size) {
        sizes_left_ = offset;
        item_ = sizes_left_ > 0 ? Item::ram_block : Item::ram;
    } else if (flags != ram_flag::eos) {
        end_ = fmt::format("a RAM record has flags 0x{:x}", flags);
    }
    return Piece::Kind::framing;
}

std::vector<std::uint8_t> RamStream::header(const Record& record)
{
    std::uint64_t flags = record.zero ? ram_flag::zero : ram_flag::page;
    if (!record.names_block)
        flags |= ram_flag::same_block;
    std::vector<std::uint8_t> bytes;
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<std::uint8_t>((record.offset | flags) >> shift));
    if (record.names_block) {
        bytes.push_back(static_cast<std::uint8_t>(record.block.size()));
        bytes.insert(bytes.end(), record.block.begin(), record.block.end());
    }
    return bytes;
}

/// Big-endian, as everything in the stream.
std::uint64_t RamStream::number(std::size_t at, std::size_t size) const
{
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + size; i++)
        value = value << 8 | kept_[i];
    return value;
}

std::string RamStream::text(std::size_t at, std::size_t size) const
{
    return {kept_.begin() + static_cast<std::ptrdiff_t>(at), kept_.begin() + static_cast<std::ptrdiff_t>(at + size)};
}

} // namespace relay
