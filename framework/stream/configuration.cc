// SPDX-License-Identifier: GPL-2.0-or-later
#include "configuration.h"

#include <algorithm>

#include "malformed.h"
#include "marks.h"

namespace stream
{

using qtest::Json;

namespace
{

constexpr const char* page_bits_name = "configuration/target-page-bits";
constexpr const char* capabilities_name = "configuration/capabilities";

/// The subsection that comes next, as it has always been where nothing describes it; null when none comes.
std::optional<Layout> undescribed(Cursor ahead)
{
    using enum Field::Kind;
    if (ahead.peek("the type of the next section") != mark::subsection)
        return std::nullopt;
    ahead.skip(1, "a subsection");
    const std::uint64_t at = ahead.position();
    const std::string name = ahead.name("a subsection's name");
    Layout layout{.name = name, .version = 1};
    if (name == page_bits_name) {
        layout.fields = {{"target_page_bits", unsigned_integer, 4}};
    } else if (name == capabilities_name) {
        ahead.skip(4, "a subsection's version");
        const std::uint32_t count = ahead.be32("the number of capabilities");
        layout.fields = {{"caps_count", unsigned_integer, 4}, {"capabilities", text, 0, true, count}};
    } else if (name == "configuration/uuid") {
        layout.fields = {{"uuid", bytes, 16}};
    } else {
        throw Malformed(at, fmt::format("subsection '{}', which is not described", name));
    }
    return layout;
}

void use_page_bits(Configuration& configuration, const Json& subsection, std::uint64_t at,
                   const Description* description)
{
    const auto bits = subsection.find("target_page_bits");
    if (!bits || !bits->is_integer() || bits->as_int() < 10 || bits->as_int() > 20)
        throw Malformed(at, fmt::format("target_page_bits is {}", bits ? bits->dump() : "not there"));
    configuration.page_size = std::uint64_t{1} << bits->as_int();
    if (description && description->page_size != *configuration.page_size)
        throw Malformed(at, fmt::format("pages of {} bytes, by the description of {}", *configuration.page_size,
                                        description->page_size));
}

void use_capabilities(Configuration& configuration, const Json& subsection, std::uint64_t at)
{
    const Json list = subsection.has("capabilities") ? subsection.at("capabilities") : Json::array();
    for (const Json& one : list.is_array() ? list.elements() : std::vector<Json>{list}) {
        if (!one.is_string())
            throw Malformed(at, fmt::format("a capability that has no name: {}", one.dump()));
        configuration.capabilities.push_back(one.as_string());
    }
    const Json count = subsection.has("caps_count") ? subsection.at("caps_count") : Json();
    if (!(count == Json(std::uint64_t{configuration.capabilities.size()})))
        throw Malformed(at, fmt::format("{} capabilities, but their number is given as {}",
                                        configuration.capabilities.size(), count.dump()));
}

} // namespace

Configuration read_configuration(Cursor& cursor, FieldReader& fields, const Description* description)
{
    Configuration configuration;
    const std::uint64_t at = cursor.position();
    const std::uint32_t size = cursor.be32("the machine type's length");
    constexpr std::uint32_t most = 255;
    if (size > most)
        throw Malformed(at, fmt::format("a machine type of {} letters", size));
    configuration.machine = cursor.text(size, "the machine type");

    const bool described = description && description->configuration;
    for (std::size_t i = 0;; i++) {
        std::optional<Layout> next;
        if (!described)
            next = undescribed(cursor);
        else if (i < description->configuration->subsections.size())
            next = description->configuration->subsections[i];
        if (!next)
            return configuration;
        fields.read_subsections({.name = {}, .subsections = {*next}}, "configuration", configuration.subsections);
        const Json subsection = configuration.subsections.members().back().second;
        // Both end in what they are about.
        const std::uint64_t end = cursor.position();
        if (next->name == page_bits_name)
            use_page_bits(configuration, subsection, end - 4, description);
        else if (next->name == capabilities_name)
            use_capabilities(configuration, subsection, end);
    }
}

} // namespace stream
