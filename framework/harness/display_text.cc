// SPDX-License-Identifier: GPL-2.0-or-later
#include "display_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "glib_ptr.h"

namespace harness
{

namespace
{

/// Calls `visit` with each character of valid UTF-8, and its bytes.
template <class Visit>
void for_each_character(std::string_view text, Visit visit)
{
    while (!text.empty()) {
        const auto size = std::min<std::size_t>(g_utf8_skip[static_cast<unsigned char>(text[0])], text.size());
        visit(g_utf8_get_char(text.data()), text.substr(0, size));
        text.remove_prefix(size);
    }
}

bool is_obeyed(gunichar c)
{
    const GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT || type == G_UNICODE_LINE_SEPARATOR ||
           type == G_UNICODE_PARAGRAPH_SEPARATOR || type == G_UNICODE_SURROGATE;
}

std::size_t columns(gunichar c) { return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1; }

} // namespace

std::string valid_utf8(std::string_view text)
{
    const qtest::CharPtr valid(g_utf8_make_valid(text.data(), static_cast<gssize>(text.size())));
    return valid.get();
}

std::string printable(std::string_view text)
{
    std::string result;
    for_each_character(valid_utf8(text), [&](gunichar c, std::string_view bytes) {
        if (c == '\t')
            result += ' ';
        else if (c != '\n' && is_obeyed(c))
            result += fmt::format(fmt::runtime(c < 0x100 ? "\\x{:02x}" : "\\u{:04x}"), c);
        else
            result += bytes;
    });
    return result;
}

std::string one_line(std::string_view text)
{
    std::string result = printable(text);
    result.erase(result.find_last_not_of(" \n") + 1);
    std::replace(result.begin(), result.end(), '\n', ' ');
    return result;
}

std::size_t columns(std::string_view text)
{
    std::size_t sum = 0;
    for_each_character(text, [&](gunichar c, std::string_view) { sum += columns(c); });
    return sum;
}

std::string clip_end(const std::string& text, std::size_t width)
{
    if (columns(text) <= width)
        return text;
    if (width == 0)
        return {};
    std::size_t taken = 0, used = 0;
    bool full = false;
    for_each_character(text, [&](gunichar c, std::string_view bytes) {
        full = full || used + columns(c) > width - 1;
        if (!full) {
            used += columns(c);
            taken += bytes.size();
        }
    });
    return text.substr(0, taken) + "…";
}

std::string clip_start(const std::string& text, std::size_t width)
{
    std::size_t left = columns(text);
    if (left <= width)
        return text;
    if (width == 0)
        return {};
    std::size_t dropped = 0;
    for_each_character(text, [&](gunichar c, std::string_view bytes) {
        if (left > width - 1) {
            left -= columns(c);
            dropped += bytes.size();
        }
    });
    const std::size_t slash = text.find('/', dropped);
    return "…" + text.substr(slash == std::string::npos ? dropped : slash);
}

std::string indented(std::string_view text, std::size_t indent, std::size_t width)
{
    const std::string shown = printable(text);
    std::string result;
    for (std::size_t at = 0; at < shown.size() || at == 0;) {
        const std::size_t end = std::min(shown.find('\n', at), shown.size());
        const std::size_t own = std::min(shown.find_first_not_of(' ', at), end) - at;
        const std::string margin(indent + own, ' ');
        at += own;
        std::string line = margin;
        std::size_t used = margin.size();
        for (std::size_t word = at; word < end;) {
            // A word with the spaces before it: so that what is aligned stays so.
            const std::size_t letter = std::min(shown.find_first_not_of(' ', word), end);
            const std::size_t next = std::min(shown.find(' ', letter), end);
            std::string piece = shown.substr(word, next - word);
            if (width > 0 && used > margin.size() && used + columns(piece) > width) {
                result += line + "\n";
                line = margin;
                used = margin.size();
                piece.erase(0, letter - word);
            }
            line += piece;
            used += columns(piece);
            word = next;
        }
        result += line + "\n";
        at = end + 1;
    }
    return result;
}

} // namespace harness
