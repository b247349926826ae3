// SPDX-License-Identifier: GPL-2.0-or-later
#include "fields.h"

#include <map>

#include "malformed.h"
#include "marks.h"

namespace stream
{

using qtest::Json;

namespace
{

/// A description can ask for any number of values of no size. More than the largest device known has, by far.
constexpr std::uint64_t max_values = 1'000'000;
/// The largest fields are what a display adapter keeps, some MiB.
constexpr std::uint64_t max_field = 64 << 20;

Json hex(const std::string& bytes)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const char c : bytes) {
        text += digits[static_cast<std::uint8_t>(c) >> 4];
        text += digits[static_cast<std::uint8_t>(c) & 15];
    }
    return text;
}

} // namespace

void FieldReader::count(const std::string& what)
{
    if (++values_ > max_values)
        throw Malformed(cursor_.position(), fmt::format("{}: more than {} values", what, max_values));
}

Json FieldReader::read_element(const Field& field, const std::string& what)
{
    count(what);
    const std::uint64_t start = cursor_.position();
    switch (field.kind) {
    case Field::Kind::structure: {
        Json value = read(*field.structure, what);
        if (cursor_.position() - start != field.size)
            throw Malformed(start, fmt::format("{} has {} bytes by its fields, {} by its own description", what,
                                               cursor_.position() - start, field.size));
        return value;
    }
    case Field::Kind::boolean:
        return cursor_.u8(what) != 0;
    case Field::Kind::signed_integer:
        switch (field.size) {
        case 1:
            return static_cast<std::int8_t>(cursor_.u8(what));
        case 2:
            return static_cast<std::int16_t>(cursor_.be16(what));
        case 4:
            return static_cast<std::int32_t>(cursor_.be32(what));
        default:
            return static_cast<std::int64_t>(cursor_.be64(what));
        }
    case Field::Kind::unsigned_integer:
        switch (field.size) {
        case 1:
            return cursor_.u8(what);
        case 2:
            return cursor_.be16(what);
        case 4:
            return std::uint64_t{cursor_.be32(what)};
        default:
            return cursor_.be64(what);
        }
    case Field::Kind::text:
        return cursor_.name(what);
    case Field::Kind::null:
        if (const std::uint8_t mark = cursor_.u8(what); mark != '0')
            throw Malformed(start, fmt::format("{} is a null pointer, whose mark is 0x30, not {:#04x}", what, mark));
        return nullptr;
    case Field::Kind::bytes:
        if (field.size > max_field)
            throw Malformed(start, fmt::format("{} has {} bytes by its description", what, field.size));
        return hex(cursor_.bytes(field.size, what));
    }
    throw Malformed(start, "a field of no kind");
}

Json FieldReader::read(const Layout& layout, const std::string& what)
{
    struct Values {
        std::vector<Json> all = {};
        bool array = false;
    };
    std::map<std::string, Values> by_name;
    std::vector<std::map<std::string, Values>::iterator> in_order;
    for (const Field& field : layout.fields) {
        const auto [named, is_new] = by_name.try_emplace(field.name);
        if (is_new)
            in_order.push_back(named);
        Values& values = named->second;
        values.array = values.array || field.array || !values.all.empty();
        const std::string path = what + "/" + field.name;
        for (std::uint64_t i = 0; i < field.count; i++)
            values.all.push_back(read_element(field, path));
    }
    Json object = Json::object();
    for (const auto& named : in_order)
        object.set(named->first,
                   named->second.array ? Json::array(named->second.all) : std::move(named->second.all.front()));
    read_subsections(layout, what, object);
    return object;
}

void FieldReader::read_subsections(const Layout& layout, const std::string& what, Json& object)
{
    for (const Layout& subsection : layout.subsections) {
        count(what);
        const std::string path = what + "/" + subsection.name;
        const std::uint64_t start = cursor_.position();
        if (const std::uint8_t mark = cursor_.u8(path); mark != mark::subsection)
            throw Malformed(start, fmt::format("{}: expected a subsection (0x05), saw {:#04x}", path, mark));
        if (const std::string name = cursor_.name(path); name != subsection.name)
            throw Malformed(start + 1, fmt::format("expected subsection {}, saw '{}'", path, name));
        const std::uint64_t at = cursor_.position();
        if (const std::uint32_t version = cursor_.be32(path); version != subsection.version)
            throw Malformed(at, fmt::format("{} is described as version {}, and has version {}", path,
                                            subsection.version, version));
        object.set(subsection.name, read(subsection, path));
    }
}

} // namespace stream
