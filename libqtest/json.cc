// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <memory>

#include <json-c/json.h>

namespace qtest
{

namespace
{

/// What a failure text shows of a value.
std::string shown(const Json& value)
{
    constexpr std::size_t limit = 300;
    std::string text = value.dump();
    if (text.size() > limit)
        text = text.substr(0, limit) + "… (" + std::to_string(text.size()) + " bytes)";
    return text;
}

json_object* made(json_object* value)
{
    if (!value)
        throw std::bad_alloc();
    return value;
}

} // namespace

Json::Json(bool value) : value_(made(json_object_new_boolean(value))) {}
Json::Json(std::int64_t value) : value_(made(json_object_new_int64(value))) {}
Json::Json(std::uint64_t value) : value_(made(json_object_new_uint64(value))) {}
Json::Json(double value)
{
    // As short as tells the value exactly; json-c itself prints 17 digits.
    char text[40];
    char* end = std::to_chars(text, text + 30, value).ptr;
    *end = '\0';
    if (!std::strpbrk(text, ".en")) // a whole number stays a double
        std::strcpy(end, ".0");
    value_ = made(json_object_new_double_s(value, text));
}
Json::Json(std::string_view value)
    : value_(made(json_object_new_string_len(value.data(), static_cast<int>(value.size()))))
{
}

Json::Json(std::initializer_list<Member> members) : Json(object())
{
    for (const auto& [key, value] : members)
        set(key, value);
}

Json::Json(const Json& other) noexcept : value_(json_object_get(other.value_)) {}

Json::~Json() { json_object_put(value_); }

Json Json::borrow(json_object* value) noexcept { return Json(Adopt{}, json_object_get(value)); }

Json Json::object() { return Json(Adopt{}, made(json_object_new_object())); }

Json Json::array(const std::vector<Json>& elements)
{
    Json result(Adopt{}, made(json_object_new_array()));
    for (const Json& element : elements)
        json_object_array_add(result.value_, json_object_get(element.value_));
    return result;
}

bool Json::is_bool() const noexcept { return json_object_is_type(value_, json_type_boolean); }
bool Json::is_integer() const noexcept { return json_object_is_type(value_, json_type_int); }
bool Json::is_number() const noexcept { return is_integer() || json_object_is_type(value_, json_type_double); }
bool Json::is_string() const noexcept { return json_object_is_type(value_, json_type_string); }
bool Json::is_array() const noexcept { return json_object_is_type(value_, json_type_array); }
bool Json::is_object() const noexcept { return json_object_is_type(value_, json_type_object); }

bool Json::as_bool() const
{
    if (!is_bool())
        throw JsonError("expected true or false, seen " + shown(*this));
    return json_object_get_boolean(value_);
}

std::int64_t Json::as_int() const
{
    if (!is_integer())
        throw JsonError("expected an integer, seen " + shown(*this));
    const std::int64_t value = json_object_get_int64(value_);
    // json-c clamps a uint64 beyond int64's range.
    if (value == std::numeric_limits<std::int64_t>::max() &&
        json_object_get_uint64(value_) != static_cast<std::uint64_t>(value))
        throw JsonError("expected a signed 64-bit integer, seen " + shown(*this));
    return value;
}

std::uint64_t Json::as_uint() const
{
    if (!is_integer() || json_object_get_int64(value_) < 0)
        throw JsonError("expected an unsigned integer, seen " + shown(*this));
    return json_object_get_uint64(value_);
}

double Json::as_double() const
{
    if (!is_number())
        throw JsonError("expected a number, seen " + shown(*this));
    return json_object_get_double(value_);
}

std::string Json::as_string() const
{
    if (!is_string())
        throw JsonError("expected a string, seen " + shown(*this));
    return {json_object_get_string(value_), static_cast<std::size_t>(json_object_get_string_len(value_))};
}

std::size_t Json::size() const noexcept
{
    if (is_array())
        return json_object_array_length(value_);
    return is_object() ? static_cast<std::size_t>(json_object_object_length(value_)) : 0;
}

std::vector<Json> Json::elements() const
{
    if (!is_array())
        throw JsonError("expected an array, seen " + shown(*this));
    std::vector<Json> result;
    for (std::size_t i = 0; i < size(); i++)
        result.push_back(borrow(json_object_array_get_idx(value_, i)));
    return result;
}

std::vector<Json::Member> Json::members() const
{
    if (!is_object())
        throw JsonError("expected an object, seen " + shown(*this));
    std::vector<Member> result;
    json_object_object_foreach(value_, key, value) { result.emplace_back(key, borrow(value)); }
    return result;
}

bool Json::has(const std::string& key) const noexcept
{
    return is_object() && json_object_object_get_ex(value_, key.c_str(), nullptr);
}

namespace
{

/// A path's first step and what follows it. A step is a key, or an index in brackets.
std::pair<std::string_view, std::string_view> first_step(std::string_view path)
{
    if (path.starts_with('/'))
        path.remove_prefix(1);
    const std::size_t end =
        path.starts_with('[') ? path.find(']') + 1 : std::min(path.find_first_of("/["), path.size());
    return {path.substr(0, end), path.substr(end)};
}

std::optional<std::size_t> as_index(std::string_view step)
{
    std::size_t index = 0;
    if (step.size() < 3 || !step.starts_with('[') || !step.ends_with(']'))
        return std::nullopt;
    const auto [end, error] = std::from_chars(step.data() + 1, step.data() + step.size() - 1, index);
    if (error != std::errc() || end != step.data() + step.size() - 1)
        return std::nullopt;
    return index;
}

} // namespace

std::optional<Json> Json::find(std::string_view path) const
{
    if (path.empty())
        return *this;
    const auto [step, rest] = first_step(path);
    if (step.empty())
        return std::nullopt;
    if (step.starts_with('[')) {
        const auto index = as_index(step);
        if (!index || !is_array() || *index >= size())
            return std::nullopt;
        return borrow(json_object_array_get_idx(value_, *index)).find(rest);
    }
    json_object* member = nullptr;
    if (!is_object() || !json_object_object_get_ex(value_, std::string(step).c_str(), &member))
        return std::nullopt;
    return borrow(member).find(rest);
}

Json Json::at(std::string_view path) const
{
    Json here = *this;
    for (std::string_view rest = path; !rest.empty();) {
        const auto [step, after] = first_step(rest);
        auto next = here.find(step);
        if (step.empty() || !next)
            throw JsonError("path '" + std::string(path) + "' stops at '" + std::string(step) + "': not in " +
                            shown(here));
        here = std::move(*next);
        rest = after;
    }
    return here;
}

bool Json::matches(const Json& part) const
{
    if (!is_object() || !part.is_object())
        return *this == part;
    const auto wanted = part.members();
    return std::all_of(wanted.begin(), wanted.end(), [this](const Member& member) {
        json_object* mine = nullptr;
        return json_object_object_get_ex(value_, member.first.c_str(), &mine) && borrow(mine).matches(member.second);
    });
}

bool Json::operator==(const Json& other) const noexcept { return json_object_equal(value_, other.value_) != 0; }

/// Makes this value the only owner of its top level, so that a change stays its own.
void Json::detach(bool array)
{
    json_object* copy = made(array ? json_object_new_array() : json_object_new_object());
    Json owner(Adopt{}, copy);
    if (array) {
        for (std::size_t i = 0; i < size(); i++)
            json_object_array_add(copy, json_object_get(json_object_array_get_idx(value_, i)));
    } else if (value_) {
        json_object_object_foreach(value_, key, value) { json_object_object_add(copy, key, json_object_get(value)); }
    }
    std::swap(value_, owner.value_);
}

Json& Json::set(const std::string& key, Json value)
{
    if (!is_null() && !is_object())
        throw JsonError("cannot set '" + key + "' in " + shown(*this));
    detach(false);
    json_object_object_add(value_, key.c_str(), std::exchange(value.value_, nullptr));
    return *this;
}

Json& Json::append(Json element)
{
    if (!is_null() && !is_array())
        throw JsonError("cannot append to " + shown(*this));
    detach(true);
    json_object_array_add(value_, std::exchange(element.value_, nullptr));
    return *this;
}

namespace
{

/// json-c makes an object and a buffer for each string it prints; most strings need no escape.
void print_string(std::string& out, std::string_view text)
{
    const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == '\x7f';
    });
    if (plain) {
        out += '"';
        out += text;
        out += '"';
        return;
    }
    const std::unique_ptr<json_object, int (*)(json_object*)> value(
        json_object_new_string_len(text.data(), static_cast<int>(text.size())), json_object_put);
    out += json_object_to_json_string_ext(value.get(), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

} // namespace

void Json::print(std::string& out, int indent, int level) const
{
    const auto new_line = [&](int depth) {
        if (indent)
            out += '\n' + std::string(static_cast<std::size_t>(indent * depth), ' ');
    };
    if (is_array() && size() > 0) {
        out += '[';
        for (std::size_t i = 0; i < size(); i++) {
            out += i ? (indent ? "," : ", ") : "";
            new_line(level + 1);
            borrow(json_object_array_get_idx(value_, i)).print(out, indent, level + 1);
        }
        new_line(level);
        out += ']';
    } else if (is_object() && size() > 0) {
        std::vector<std::pair<std::string_view, json_object*>> sorted;
        sorted.reserve(size());
        json_object_object_foreach(value_, key, value) { sorted.emplace_back(key, value); }
        std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        out += '{';
        bool first = true;
        for (const auto& [key, value] : sorted) {
            out += first ? "" : (indent ? "," : ", ");
            first = false;
            new_line(level + 1);
            print_string(out, key);
            out += ": ";
            borrow(value).print(out, indent, level + 1);
        }
        new_line(level);
        out += '}';
    } else if (is_string()) {
        print_string(out,
                     {json_object_get_string(value_), static_cast<std::size_t>(json_object_get_string_len(value_))});
    } else {
        out += json_object_to_json_string_ext(value_, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    }
}

std::string Json::dump() const
{
    std::string out;
    print(out, 0, 0);
    return out;
}

std::string Json::pretty() const
{
    std::string out;
    print(out, 2, 0);
    return out;
}

} // namespace qtest
