// SPDX-License-Identifier: GPL-2.0-or-later
#include "description.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "malformed.h"
#include "marks.h"

namespace stream
{

using qtest::Json;

namespace
{

struct Place {
    std::uint64_t position; // of the section's type
    std::uint64_t size;     // of the JSON, which begins five bytes later
};

std::uint32_t be32(const std::uint8_t* from)
{
    return std::uint32_t{from[0]} << 24 | std::uint32_t{from[1]} << 16 | std::uint32_t{from[2]} << 8 | from[3];
}

/// The last place where the end of the sections, the description's type, and a length are followed by an object of
/// that length.
std::optional<Place> find_place(const Input& input, std::uint64_t window)
{
    constexpr std::size_t before = 5; // type and length
    std::vector<std::uint8_t> tail(static_cast<std::size_t>(std::min(window, input.size())));
    const std::uint64_t start = input.size() - tail.size();
    input.read(start, tail);
    for (std::size_t at = tail.size(); at-- > 1;) {
        if (tail[at] != mark::description || tail[at - 1] != mark::end || tail.size() - at <= before)
            continue;
        const std::uint64_t size = be32(&tail[at + 1]);
        if (size >= 2 && size <= tail.size() - at - before && tail[at + before] == '{' &&
            tail[at + before + static_cast<std::size_t>(size) - 1] == '}')
            return Place{start + at, size};
    }
    return std::nullopt;
}

std::string printable(const Json& value)
{
    std::string text = value.as_string();
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
        throw qtest::JsonError("a name that is no printable text");
    return text;
}

template <class Number>
Number number(const Json& value)
{
    const std::uint64_t result = value.as_uint();
    if (result > std::numeric_limits<Number>::max())
        throw qtest::JsonError(fmt::format("{} is too large", result));
    return static_cast<Number>(result);
}

Layout layout_of(const Json& json);

/// By the names QEMU gives its types; "equal" and "le" say what the target demands of the value.
Field::Kind kind_of(const std::string& type, std::uint64_t size)
{
    const std::string word = type.substr(0, type.find(' '));
    struct Integer {
        const char* type;
        std::uint64_t size;
        Field::Kind kind;
    };
    using enum Field::Kind;
    constexpr Integer integers[] = {{"bool", 1, boolean},
                                    {"int8", 1, signed_integer},
                                    {"int16", 2, signed_integer},
                                    {"int32", 4, signed_integer},
                                    {"int64", 8, signed_integer},
                                    {"timer", 8, signed_integer},
                                    {"uint8", 1, unsigned_integer},
                                    {"uint16", 2, unsigned_integer},
                                    {"uint32", 4, unsigned_integer},
                                    {"uint64", 8, unsigned_integer},
                                    {"nullptr", 1, null}};
    for (const Integer& one : integers) {
        if (word != one.type)
            continue;
        if (size != one.size)
            throw qtest::JsonError(fmt::format("{} of {} bytes", type, size));
        return one.kind;
    }
    return word == "capability" ? text : bytes;
}

Field field_of(const Json& json)
{
    Field field{.name = printable(json.at("name")), .kind = Field::Kind::structure, .size = json.at("size").as_uint()};
    const std::string type = printable(json.at("type"));
    if (type == "struct")
        field.structure = std::make_shared<Layout>(layout_of(json.at("struct")));
    else if (type == "tmp" && json.has("fields"))
        field.structure = std::make_shared<Layout>(layout_of(json));
    else
        field.kind = kind_of(type, field.size);
    field.array = json.has("array_len") || json.has("index");
    if (json.has("array_len"))
        field.count = json.at("array_len").as_uint();
    return field;
}

Layout layout_of(const Json& json)
{
    Layout layout;
    if (json.has("vmsd_name"))
        layout.name = printable(json.at("vmsd_name"));
    if (json.has("version"))
        layout.version = number<std::uint32_t>(json.at("version"));
    for (const Json& field : json.at("fields").elements())
        layout.fields.push_back(field_of(field));
    if (json.has("subsections")) {
        for (const Json& subsection : json.at("subsections").elements())
            layout.subsections.push_back(layout_of(subsection));
    }
    return layout;
}

void read(Description& description, const Json& json)
{
    description.page_size = number<std::uint32_t>(json.at("page_size"));
    if (!std::has_single_bit(description.page_size) || description.page_size < 1024 || description.page_size > 1 << 20)
        throw qtest::JsonError(fmt::format("pages of {} bytes", description.page_size));
    if (json.has("configuration"))
        description.configuration = layout_of(json.at("configuration"));
    for (const Json& device : json.at("devices").elements()) {
        const Description::Key key{printable(device.at("name")), number<std::uint32_t>(device.at("instance_id"))};
        if (!description.devices.emplace(key, layout_of(device)).second)
            throw qtest::JsonError(fmt::format("device {} (instance {}) is there twice", key.first, key.second));
    }
}

} // namespace

std::optional<Description> Description::find(const Input& input)
{
    constexpr std::uint64_t usual_size = 1 << 20;
    std::optional<Place> place = find_place(input, usual_size);
    if (!place)
        place = find_place(input, max_size);
    if (!place)
        return std::nullopt;
    Description description{.position = place->position,
                            .end = place->position + 5 + place->size,
                            .page_size = 0,
                            .configuration = {},
                            .devices = {}};
    std::string text(static_cast<std::size_t>(place->size), '\0');
    input.read(place->position + 5, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    try {
        stream::read(description, Json::parse(text));
    } catch (const qtest::JsonError& error) {
        throw Malformed(place->position + 5, fmt::format("the description of the devices: {}", error.what()));
    }
    return description;
}

} // namespace stream
