// SPDX-License-Identifier: GPL-2.0-or-later
#include "ram_block.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <glib.h>

#include "errors.h"

namespace stream
{

void RamBlock::read(const Input& input, std::uint64_t from, std::span<std::uint8_t> to) const
{
    if (from > size || to.size() > size - from)
        throw qtest::UsageError(
            fmt::format("{} has {:#x} bytes: there are no {:#x} from {:#x} on", name, size, to.size(), from));
    if (mapped) {
        read_mapped(input, from, to);
        return;
    }
    std::fill(to.begin(), to.end(), 0);
    const std::uint64_t end = from + to.size();
    for (const PageIndex::Entry& entry : index.from(from / page_size)) {
        const std::uint64_t page = entry.page * page_size;
        if (page >= end)
            break;
        const std::uint64_t first = std::max(page, from), last = std::min(page + page_size, end);
        const auto part = to.subspan(static_cast<std::size_t>(first - from), static_cast<std::size_t>(last - first));
        if (entry.is_fill())
            std::fill(part.begin(), part.end(), entry.fill_byte());
        else
            input.read(entry.file_offset() + (first - page), part);
    }
}

void RamBlock::read_mapped(const Input& input, std::uint64_t from, std::span<std::uint8_t> to) const
{
    if (to.empty())
        return;
    const std::uint64_t end = from + to.size();
    const std::uint64_t first_byte = from / page_size / 8;
    std::vector<std::uint8_t> bitmap(static_cast<std::size_t>((end - 1) / page_size / 8 - first_byte + 1));
    input.read(mapped->bitmap_offset + first_byte, bitmap);
    const auto is_used = [&](std::uint64_t address) {
        const std::uint64_t page = address / page_size;
        return bitmap[static_cast<std::size_t>(page / 8 - first_byte)] >> page % 8 & 1;
    };
    for (std::uint64_t start = from, next; start < end; start = next) {
        const auto used = is_used(start);
        next = start;
        do
            next = std::min(end, (next / page_size + 1) * page_size);
        while (next < end && is_used(next) == used);
        const auto part = to.subspan(static_cast<std::size_t>(start - from), static_cast<std::size_t>(next - start));
        if (used)
            input.read(mapped->pages_offset + start, part);
        else
            std::fill(part.begin(), part.end(), 0);
    }
}

std::optional<std::string> RamBlock::sha256(const Input& input, std::uint64_t& zeros) const
{
    const std::uint64_t empty = (pages() - data_pages) * page_size;
    if (!in_stream || empty > zeros)
        return std::nullopt;
    zeros -= empty;
    const std::unique_ptr<GChecksum, decltype(&g_checksum_free)> sum(g_checksum_new(G_CHECKSUM_SHA256),
                                                                     g_checksum_free);
    constexpr std::uint64_t piece = 1 << 20;
    std::vector<std::uint8_t> buffer(static_cast<std::size_t>(std::min(piece, size)));
    for (std::uint64_t at = 0; at < size; at += buffer.size()) {
        buffer.resize(static_cast<std::size_t>(std::min(piece, size - at)));
        read(input, at, buffer);
        g_checksum_update(sum.get(), buffer.data(), static_cast<gssize>(buffer.size()));
    }
    return g_checksum_get_string(sum.get());
}

} // namespace stream
