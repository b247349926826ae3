// SPDX-License-Identifier: GPL-2.0-or-later
#include "known_trouble.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "errors.h"
#include "selection.h"

using qtest::Json;

namespace harness
{

namespace
{

using Version = std::array<int, 3>;

/// "10.2", "11.1.3"; what is not given is 0.
Version parse_version(const std::string& text)
{
    Version version{};
    const char* next = text.data();
    const char* end = text.data() + text.size();
    for (std::size_t i = 0; i < version.size(); i++) {
        const auto result = std::from_chars(next, end, version[i]);
        if (result.ec != std::errc())
            break;
        if (result.ptr == end)
            return version;
        if (*result.ptr != '.')
            break;
        next = result.ptr + 1;
    }
    throw qtest::JsonError("'" + text + "' is no version");
}

std::string member(const Json& entry, const std::string& path)
{
    const auto value = entry.find(path);
    return value ? value->as_string() : "";
}

KnownTrouble::Range parse_range(const Json& entry, const std::string& side)
{
    const KnownTrouble::Range range{member(entry, side + "/from"), member(entry, side + "/before")};
    for (const std::string& version : {range.from, range.before}) {
        if (!version.empty())
            parse_version(version);
    }
    return range;
}

std::vector<std::string> patterns(const Json& cases)
{
    if (!cases.is_array())
        return {cases.as_string()};
    std::vector<std::string> all;
    for (const Json& one : cases.elements())
        all.push_back(one.as_string());
    return all;
}

KnownTrouble::Entry parse_entry(const Json& json)
{
    static constexpr std::array known{"cases",       "qemu", "source",    "target",    "machine",
                                      "accelerator", "what", "reference", "deadline_s"};
    for (const auto& [key, value] : json.members()) {
        if (std::find(known.begin(), known.end(), key) == known.end())
            throw qtest::JsonError("unknown member '" + key + "'");
    }
    KnownTrouble::Entry entry{
        patterns(json.at("cases")),  parse_range(json, "qemu"),        parse_range(json, "source"),
        parse_range(json, "target"), member(json, "machine"),          member(json, "accelerator"),
        json.at("what").as_string(), json.at("reference").as_string(), std::nullopt};
    if (const auto seconds = json.find("deadline_s"))
        entry.deadline = std::chrono::seconds(seconds->as_uint());
    return entry;
}

bool is_in(const KnownTrouble::Range& range, const Qemu& qemu)
{
    const Version version = parse_version(qemu.schema.version());
    return (range.from.empty() || version >= parse_version(range.from)) &&
           (range.before.empty() || version < parse_version(range.before));
}

} // namespace

KnownTrouble KnownTrouble::parse(std::string_view text, const std::string& origin)
{
    KnownTrouble result;
    std::size_t number = 0;
    try {
        for (const Json& entry : Json::parse(text).at("entries").elements()) {
            number++;
            result.entries_.push_back(parse_entry(entry));
        }
    } catch (const qtest::JsonError& error) {
        const std::string where = number ? fmt::format(", entry {}", number) : "";
        throw qtest::EnvironmentError(fmt::format("{}{}: {}", origin, where, error.what()));
    }
    return result;
}

const KnownTrouble::Entry* KnownTrouble::find(const std::string& path, const Setting& setting) const
{
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return std::any_of(entry.cases.begin(), entry.cases.end(),
                           [&](const std::string& pattern) { return matches(pattern, path); }) &&
               setting.machine.starts_with(entry.machine) &&
               (entry.accelerator.empty() || entry.accelerator == setting.accelerator) &&
               (is_in(entry.qemu, setting.source) || is_in(entry.qemu, setting.target)) &&
               is_in(entry.source, setting.source) && is_in(entry.target, setting.target);
    });
    return found == entries_.end() ? nullptr : &*found;
}

} // namespace harness
