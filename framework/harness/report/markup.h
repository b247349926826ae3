// SPDX-License-Identifier: GPL-2.0-or-later
//
// Text made fit for a page that is HTML and well-formed XML at once. Whatever came from outside, a guest's console or a
// reason of 1 MB, goes through escaped().
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace report
{

/// Fit for content and for attribute values in double quotes. Invalid UTF-8 and what neither HTML nor XML may hold are
/// replaced visibly; of more than `most` bytes the beginning is kept and the cut is stated.
std::string escaped(std::string_view text, std::size_t most = std::numeric_limits<std::size_t>::max());
/// The same for what must stay short: the first line, at most `most` bytes of it, and "…" when there is more.
std::string escaped_line(std::string_view text, std::size_t most);
/// A path, which may break into lines after each slash.
std::string path_text(std::string_view path);

/// "12.3 s", "0.412 s", "3 min 20 s"
std::string seconds_text(double seconds);
/// "812 bytes", "64 KiB"
std::string size_text(std::uint64_t bytes);
/// "2026-11-24 18:24:23 UTC"
std::string date_text(double since_epoch);
/// "1 case", "2 cases"
std::string counted(std::size_t count, std::string_view noun);

} // namespace report
