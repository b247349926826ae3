// SPDX-License-Identifier: GPL-2.0-or-later
#include "ram_reader.h"

#include <algorithm>
#include <bit>

#include "malformed.h"
#include "marks.h"

namespace stream
{

void RamReader::read(bool first)
{
    for (;;) {
        const std::uint64_t at = cursor_.position();
        const std::uint64_t word = cursor_.be64("a RAM section's address and flags");
        const std::uint64_t address = word & ~(options_.page_size - 1);
        const std::uint64_t flags = word & (options_.page_size - 1);
        switch (flags) {
        case ram_flag::mem_size:
            if (!first || !blocks_.empty())
                throw Malformed(at, "a second list of RAM blocks");
            read_blocks(address);
            continue;
        case ram_flag::zero:
        case ram_flag::zero | ram_flag::same_block: {
            const auto [block, page] = page_of(word, at);
            blocks_[block].index.add(PageIndex::Entry::filled(page, cursor_.u8("a page's fill byte")));
            blocks_[block].repeats++;
            continue;
        }
        case ram_flag::page:
        case ram_flag::page | ram_flag::same_block: {
            const auto [block, page] = page_of(word, at);
            blocks_[block].index.add(PageIndex::Entry::of(page, cursor_.position()));
            blocks_[block].repeats++;
            cursor_.skip(options_.page_size, "a page of RAM block " + blocks_[block].name);
            continue;
        }
        case ram_flag::multifd_flush:
        case ram_flag::eos:
            if (address != 0)
                throw Malformed(at,
                                fmt::format("a RAM flag without a page ({:#x}) has the address {:#x}", flags, address));
            if (flags == ram_flag::eos)
                return;
            continue;
        default:
            throw Malformed(at, flags & ram_flag::xbzrle ? "an xbzrle page: a difference to a page sent before, which "
                                                           "this reader does not apply"
                                : flags & ram_flag::hook ? "a hook of RDMA, which makes no sense in a file"
                                : flags & ram_flag::compressed ? "a compressed page, which this reader does not know"
                                                               : fmt::format("unknown RAM flags {:#x}", flags));
        }
    }
}

std::pair<std::size_t, std::uint64_t> RamReader::page_of(std::uint64_t word, std::uint64_t at)
{
    if (options_.mapped)
        throw Malformed(at, "a page among the sections, although capability mapped-ram is set");
    if (!(word & ram_flag::same_block)) {
        const std::string name = cursor_.name("a RAM block's name");
        const auto found = by_name_.find(name);
        if (found == by_name_.end())
            throw Malformed(at + 8, fmt::format("a page of RAM block '{}', which is not in the list", name));
        last_ = found->second;
    } else if (last_ == none) {
        throw Malformed(at, "a page of the same RAM block as the one before, and there is none before");
    }
    const std::uint64_t page = word / options_.page_size;
    if (page >= blocks_[last_].pages())
        throw Malformed(at, fmt::format("page {:#x} of RAM block {}, which has {:#x} bytes", page * options_.page_size,
                                        blocks_[last_].name, blocks_[last_].size));
    return {last_, page};
}

void RamReader::read_blocks(std::uint64_t total)
{
    constexpr std::uint64_t most = std::uint64_t{1} << 52; // no machine has more address lines
    for (std::uint64_t left = total; left > 0;) {
        RamBlock block{.name = {}, .offset = cursor_.position(), .size = 0, .page_size = options_.page_size};
        block.name = cursor_.name("a RAM block's name");
        const std::uint64_t at = cursor_.position();
        block.size = cursor_.be64("the size of RAM block " + block.name);
        if (block.size % block.page_size != 0 || block.size > most)
            throw Malformed(at, fmt::format("RAM block '{}' has a size of {:#x}", block.name, block.size));
        if (block.size > left)
            throw Malformed(at,
                            fmt::format("RAM block '{}' has {:#x} bytes, but of all RAM ({:#x}) only {:#x} are left",
                                        block.name, block.size, total, left));
        left -= block.size;
        if (options_.ignore_shared)
            block.guest_address = cursor_.be64("the address of RAM block " + block.name);
        if (options_.mapped)
            read_mapped(block);
        if (!by_name_.emplace(block.name, blocks_.size()).second)
            throw Malformed(block.offset, fmt::format("RAM block '{}' is there twice", block.name));
        blocks_.push_back(std::move(block));
    }
}

void RamReader::read_mapped(RamBlock& block)
{
    const std::uint64_t at = cursor_.position();
    const std::string what = "the mapped-ram header of RAM block " + block.name;
    if (const std::uint32_t version = cursor_.be32(what); version != 1)
        throw Malformed(at, fmt::format("{} has version {}; this reader knows 1", what, version));
    if (const std::uint64_t size = cursor_.be64(what); size != block.page_size)
        throw Malformed(at + 4, fmt::format("{} has pages of {} bytes, the stream of {}", what, size, block.page_size));
    const RamBlock::Mapped mapped{cursor_.be64(what), cursor_.be64(what)};
    const std::uint64_t here = cursor_.position(), size = here + cursor_.left();
    if (options_.ignore_shared && mapped.bitmap_offset == 0 && mapped.pages_offset == 0) {
        block.in_stream = false;
        return;
    }
    const std::uint64_t bitmap_size = (block.pages() + 7) / 8;
    if (mapped.bitmap_offset < here || mapped.bitmap_offset > size)
        throw Malformed(at + 12, fmt::format("the bitmap of RAM block {} is at {:#x}, which does not lie between this "
                                             "header and the file's end ({:#x})",
                                             block.name, mapped.bitmap_offset, size));
    if (mapped.pages_offset < mapped.bitmap_offset + bitmap_size || mapped.pages_offset > size ||
        block.size > size - mapped.pages_offset)
        throw Malformed(at + 20, fmt::format("the pages of RAM block {} are at {:#x}, which does not lie between their "
                                             "bitmap and the file's end ({:#x})",
                                             block.name, mapped.pages_offset, size));
    block.mapped = mapped;
    Cursor bits(cursor_);
    cursor_.skip(mapped.pages_offset + block.size - here, "RAM block " + block.name);
    bits.skip(mapped.bitmap_offset - here, "a bitmap");
    for (std::uint64_t left = block.pages(); left > 0;) {
        const unsigned count = static_cast<unsigned>(std::min<std::uint64_t>(left, 8));
        const unsigned byte = bits.u8("a bitmap") & ((1U << count) - 1);
        block.data_pages += static_cast<unsigned>(std::popcount(byte));
        left -= count;
    }
    block.zero_pages = block.pages() - block.data_pages;
}

std::vector<RamBlock> RamReader::finish()
{
    for (RamBlock& block : blocks_) {
        if (block.mapped || !block.in_stream)
            continue;
        block.index.finish();
        for (const PageIndex::Entry& entry : block.index.entries())
            (entry.is_fill() && entry.fill_byte() == 0 ? block.zero_pages : block.data_pages)++;
        block.repeats -= block.index.entries().size();
        block.in_stream = !options_.ignore_shared || !block.index.entries().empty();
    }
    return std::move(blocks_);
}

} // namespace stream
