// SPDX-License-Identifier: GPL-2.0-or-later
//
// Json: a JSON value over json-c. A value: copying is cheap (a reference is counted) and a change to one copy is never
// seen through another. Integers are exact over the whole of int64 and uint64, as QEMU sends them. Not for use by two
// threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "errors.h"

struct json_object;

namespace qtest
{

/// Text that is no JSON, a path that leads nowhere, or a value of another type than asked for.
class JsonError : public Error
{
  public:
    using Error::Error;
};

class Json
{
  public:
    using Member = std::pair<std::string, Json>;

    Json() noexcept = default; // null
    Json(std::nullptr_t) noexcept {}
    Json(bool value);
    Json(int value) : Json(static_cast<std::int64_t>(value)) {}
    Json(std::int64_t value);
    Json(std::uint64_t value);
    Json(double value);
    Json(std::string_view value);
    Json(const std::string& value) : Json(std::string_view(value)) {}
    Json(const char* value) : Json(std::string_view(value)) {}
    /// An object: `Json{{"execute", "stop"}, {"arguments", Json::object()}}`.
    Json(std::initializer_list<Member> members);

    Json(const Json& other) noexcept;
    Json(Json&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
    Json& operator=(Json other) noexcept
    {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Json();

    static Json object();
    static Json array(const std::vector<Json>& elements = {});
    /// Of whatever makes a Json: strings, numbers.
    template <typename Element>
    static Json array(const std::vector<Element>& elements)
    {
        return array(std::vector<Json>(elements.begin(), elements.end()));
    }

    /// Depth of nesting accepted by parse(): that of QEMU's own parser.
    static constexpr int max_depth = 1024;
    /// One value and nothing after it but white space. Throws JsonError naming the byte where it stopped making sense:
    /// wrong syntax, wrong UTF-8, an integer no 64 bits hold, nesting beyond max_depth.
    static Json parse(std::string_view text);

    bool is_null() const noexcept { return value_ == nullptr; }
    bool is_bool() const noexcept;
    bool is_integer() const noexcept;
    bool is_number() const noexcept;
    bool is_string() const noexcept;
    bool is_array() const noexcept;
    bool is_object() const noexcept;

    // Each throws JsonError when the value is of another type, or does not fit.
    bool as_bool() const;
    std::int64_t as_int() const;
    std::uint64_t as_uint() const;
    double as_double() const;
    std::string as_string() const;

    /// Elements of an array, members of an object; 0 for everything else.
    std::size_t size() const noexcept;
    std::vector<Json> elements() const;
    std::vector<Member> members() const;

    bool has(const std::string& key) const noexcept;
    /// The value at `a/b[2]/c`; nothing when the path leads nowhere. (A key with '/' or '[' in it cannot be named.)
    std::optional<Json> find(std::string_view path) const;
    /// The same, but throws JsonError that shows the path, the part of it that failed, and the value it failed in.
    Json at(std::string_view path) const;

    /// Whether everything in `part` is here too: objects member by member, all else by equality.
    bool matches(const Json& part) const;
    bool operator==(const Json& other) const noexcept;

    Json& set(const std::string& key, Json value); // object (or null, which becomes one)
    Json& append(Json element);                    // array (or null, which becomes one)

    /// One line, members sorted by key, `/` not escaped: equal values print equally.
    std::string dump() const;
    /// The same over several lines, indented by two.
    std::string pretty() const;

  private:
    struct Adopt {
    };
    Json(Adopt, json_object* value) noexcept : value_(value) {}
    static Json borrow(json_object* value) noexcept;
    void detach(bool array);
    void print(std::string& out, int indent, int level) const;

    json_object* value_ = nullptr; // one reference
};

} // namespace qtest
