// SPDX-License-Identifier: GPL-2.0-or-later
#include "page_index.h"

#include <algorithm>

namespace stream
{

namespace
{

bool before(const PageIndex::Entry& a, const PageIndex::Entry& b) { return a.page < b.page; }

} // namespace

void PageIndex::add(Entry entry)
{
    entries_.push_back(entry);
    constexpr std::size_t worth_it = 65536;
    if (entries_.size() >= 2 * settled_ + worth_it)
        settle();
}

void PageIndex::settle()
{
    std::stable_sort(entries_.begin(), entries_.end(), before);
    // Of one page's entries the last is the newest.
    auto kept = entries_.begin();
    for (auto next = entries_.begin(); next != entries_.end(); ++next) {
        if (next + 1 == entries_.end() || next->page != (next + 1)->page)
            *kept++ = *next;
    }
    entries_.erase(kept, entries_.end());
    settled_ = entries_.size();
}

std::span<const PageIndex::Entry> PageIndex::from(std::uint64_t page) const
{
    return {std::lower_bound(entries_.begin(), entries_.end(), Entry::of(page, 0), before), entries_.end()};
}

} // namespace stream
