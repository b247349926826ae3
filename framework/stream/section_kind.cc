// SPDX-License-Identifier: GPL-2.0-or-later
#include "section_kind.h"

namespace stream
{

const char* to_string(Section::Kind kind) noexcept
{
    constexpr const char* names[] = {"configuration", "start", "part", "end", "full", "command", "description"};
    return names[static_cast<std::size_t>(kind)];
}

bool has_id(Section::Kind kind) noexcept
{
    using enum Section::Kind;
    return kind == start || kind == part || kind == end || kind == full;
}

} // namespace stream
