// SPDX-License-Identifier: GPL-2.0-or-later
#include "terminal.h"

#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "display_text.h"

namespace harness
{

namespace
{

std::string_view environment(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

} // namespace

Terminal::Terminal(int fd)
    : fd_(fd), is_terminal_(isatty(fd)),
      can_draw_(is_terminal_ && !environment("TERM").empty() && environment("TERM") != "dumb"),
      has_colours_(can_draw_ && environment("NO_COLOR").empty())
{
}

std::size_t Terminal::width() const
{
    if (!is_terminal_)
        return 0;
    winsize size{};
    constexpr std::size_t usual = 80;
    return ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

std::string Terminal::in_colour(const std::string& text, Colour colour) const
{
    static constexpr int codes[] = {32, 31, 33};
    return has_colours_ ? fmt::format("\x1b[{}m{}\x1b[m", codes[colour], text) : text;
}

std::string Terminal::erase(const std::string& drawn) const
{
    if (drawn.empty())
        return {};
    const std::size_t rows_above = (columns(drawn) - 1) / width();
    return (rows_above ? fmt::format("\x1b[{}A", rows_above) : "") + "\r\x1b[J";
}

} // namespace harness
