// SPDX-License-Identifier: GPL-2.0-or-later
//
// Json::parse(): json-c's parser, and what that lets pass and JSON does not.
#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <new>

#include <json-c/json.h>

#include "json.h"

namespace qtest
{

namespace
{

/// What json-c 0.16 lets pass even when told to be strict: integers beyond 64 bits, which it clamps, strings in single
/// quotes, control characters in strings, NaN and Infinity, and "1." without digits. `text` is JSON otherwise.
void refuse_leniency(std::string_view text)
{
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        const auto refuse = [i](const char* what) {
            throw JsonError(std::string("no JSON: ") + what + " at byte " + std::to_string(i));
        };
        if (in_string) {
            if (static_cast<unsigned char>(c) < 0x20)
                refuse("a control character in a string");
            else if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"') {
            in_string = true;
            continue;
        }
        if (c == '\'')
            refuse("a single quote");
        if (c == 'N' || c == 'I')
            refuse("NaN or Infinity");
        if (c != '-' && (c < '0' || c > '9'))
            continue;
        const std::size_t end = std::min(text.find_first_not_of("-+.eE0123456789", i), text.size());
        const std::string_view number = text.substr(i, end - i);
        const std::size_t point = number.find('.');
        if (point != std::string_view::npos &&
            (point + 1 == number.size() || number[point + 1] < '0' || number[point + 1] > '9'))
            refuse("a number that ends in its point");
        if (number == "-")
            refuse("a minus without a number"); // -Infinity
        if (number.size() >= 19 && number.find_first_of(".eE") == std::string_view::npos) {
            std::uint64_t positive;
            std::int64_t negative;
            const char* last = number.data() + number.size();
            const auto result = c == '-' ? std::from_chars(number.data(), last, negative)
                                         : std::from_chars(number.data(), last, positive);
            if (result.ec != std::errc())
                throw JsonError("integer beyond 64 bits at byte " + std::to_string(i) + ": " + std::string(number));
        }
        i = end - 1;
    }
}

} // namespace

Json Json::parse(std::string_view text)
{
    // Kept: making one clears 40 KB for the levels of nesting.
    static const std::unique_ptr<json_tokener, void (*)(json_tokener*)> tokener(json_tokener_new_ex(max_depth),
                                                                                json_tokener_free);
    if (!tokener)
        throw std::bad_alloc();
    json_tokener_reset(tokener.get());
    if (text.size() > std::numeric_limits<int>::max())
        throw JsonError("more than 2 GiB of JSON");
    json_tokener_set_flags(tokener.get(), JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    // The end of a number, and of white space before nothing at all, shows only at a terminator, which json-c takes
    // from a string's own NUL: hence the copy. A NUL inside the text ends the parse early and is refused below.
    const std::string terminated(text);
    json_object* value =
        json_tokener_parse_ex(tokener.get(), terminated.c_str(), static_cast<int>(terminated.size()) + 1);
    const json_tokener_error error = json_tokener_get_error(tokener.get());
    const std::size_t stopped = json_tokener_get_parse_end(tokener.get());
    if (error != json_tokener_success)
        throw JsonError(std::string("no JSON: ") + json_tokener_error_desc(error) + " at byte " +
                        std::to_string(stopped));
    Json result(Adopt{}, value);
    if (text.find_first_not_of(" \t\r\n", std::min(stopped, text.size())) != std::string_view::npos)
        throw JsonError("no JSON: more than one value, the second at byte " + std::to_string(stopped));
    refuse_leniency(text);
    return result;
}

} // namespace qtest
