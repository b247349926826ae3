// SPDX-License-Identifier: GPL-2.0-or-later
#include "markup.h"

#include <cmath>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "glib_ptr.h"

namespace report
{

namespace
{

void append_escaped(std::string& out, gunichar c)
{
    const auto append = [&out](gunichar character) {
        char bytes[6];
        out.append(bytes, static_cast<std::size_t>(g_unichar_to_utf8(character, bytes)));
    };
    if (c == '&')
        out += "&amp;";
    else if (c == '<')
        out += "&lt;";
    else if (c == '>')
        out += "&gt;";
    else if (c == '"')
        out += "&quot;";
    else if (c < 0x20 && c != '\n' && c != '\t')
        append(0x2400 + c); // the picture of a control character
    else if (c == 0x7f)
        append(0x2421);
    else if ((c > 0x7f && c < 0xa0) || (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef))
        append(0xfffd);
    else if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
        append(0xfffd); // would turn round what stands beside it
    else
        append(c);
}

/// Not cut inside a character.
std::string_view beginning(std::string_view text, std::size_t most)
{
    if (text.size() <= most)
        return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80)
        most--;
    return text.substr(0, most);
}

} // namespace

std::string escaped(std::string_view text, std::size_t most)
{
    const std::string_view shown = beginning(text, most);
    const qtest::CharPtr valid(g_utf8_make_valid(shown.data(), static_cast<gssize>(shown.size())));
    std::string out;
    out.reserve(shown.size());
    for (const char* at = valid.get(); *at; at = g_utf8_next_char(at))
        append_escaped(out, g_utf8_get_char(at));
    if (shown.size() < text.size())
        out += fmt::format("… (cut: {} in all)", size_text(text.size()));
    return out;
}

std::string escaped_line(std::string_view text, std::size_t most)
{
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::string_view shown = beginning(line, most);
    return escaped(shown) + (shown.size() < text.size() ? "…" : "");
}

std::string path_text(std::string_view path)
{
    std::string out;
    for (const char c : escaped(path)) {
        out += c;
        if (c == '/' && out.size() > 1)
            out += "<wbr/>";
    }
    return out;
}

std::string seconds_text(double seconds)
{
    if (seconds >= 120) {
        const auto whole = static_cast<std::int64_t>(std::llround(seconds));
        return fmt::format("{} min {} s", whole / 60, whole % 60);
    }
    return fmt::format("{:.{}f} s", seconds, std::abs(seconds) < 1 ? 3 : std::abs(seconds) < 10 ? 2 : 1);
}

std::string size_text(std::uint64_t bytes)
{
    if (bytes < 10 * 1024)
        return counted(bytes, "byte");
    if (bytes < 10 * 1024 * 1024)
        return fmt::format("{} KiB", bytes / 1024);
    return fmt::format("{} MiB", bytes / 1024 / 1024);
}

std::string date_text(double since_epoch)
{
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(since_epoch)));
}

std::string counted(std::size_t count, std::string_view noun)
{
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

} // namespace report
