// SPDX-License-Identifier: GPL-2.0-or-later
//
// Text that goes to people's terminals and into line-oriented reports. What cases quote may be any bytes; shown as it
// is it could move the cursor, break a line in two or end a directive.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace harness
{

/// Valid UTF-8 (anything else becomes U+FFFD).
std::string valid_utf8(std::string_view text);
/// That, with characters that a terminal would obey instead of showing written as "\x1b", "\u202e". Lines stay lines; a
/// tab becomes a space.
std::string printable(std::string_view text);
/// The same on one line: line breaks become spaces.
std::string one_line(std::string_view text);

/// How many columns printable text takes: wide characters two, combining ones none.
std::size_t columns(std::string_view text);
/// No more than `width` columns: the start, and "…" when something was cut.
std::string clip_end(const std::string& text, std::size_t width);
/// The same, but the end is kept: of a path, what tells it from others; cut before a '/' when one is in reach.
std::string clip_start(const std::string& text, std::size_t width);
/// Each line indented, and broken between words to be no wider than `width` (0: as long as it is), what follows a break
/// as deep as the line's start. A word that is too
/// long, such as a path, stays whole. Ends with a line break.
std::string indented(std::string_view text, std::size_t indent, std::size_t width);

} // namespace harness
