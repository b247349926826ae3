// SPDX-License-Identifier: GPL-2.0-or-later
#include "registry.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace harness
{

std::string Need::bare_text() const
{
    static constexpr const char* kinds[] = {"capability ",          "command ",     "argument ", "value ", "object ",
                                            "migration transport ", "accelerator ", ""};
    const std::string text = kinds[static_cast<int>(kind)] + name;
    if (kind == Kind::value)
        return text + " of " + argument_name;
    if (kind != Kind::argument)
        return text;
    return command_name == "migrate-set-parameters" ? "migration parameter " + name : text + " of " + command_name;
}

std::string Need::text() const
{
    static constexpr const char* sides[] = {"", " (source)", " (target)"};
    return bare_text() + sides[static_cast<int>(side)];
}

bool Need::is_met_by(const qtest::Schema& schema) const
{
    switch (kind) {
    case Kind::capability:
        return schema.has_migration_capability(name);
    case Kind::argument:
        return schema.has_argument(command_name, name);
    case Kind::value:
        return schema.has_value(command_name, argument_name, name);
    case Kind::object:
        return schema.has_object(name);
    case Kind::transport:
        return schema.has_transport(name);
    default:
        return schema.has_command(name);
    }
}

std::optional<std::string> Need::missing(const Setting& setting) const
{
    if (kind == Kind::host)
        return probe();
    if (kind == Kind::accelerator)
        return setting.accelerator == name
                   ? std::nullopt
                   : std::optional(fmt::format("needs --accel {}, this run has {}", name, setting.accelerator));
    std::vector<std::string> without;
    const auto look = [&](const Qemu& qemu, const char* which) {
        if (!is_met_by(qemu.schema))
            without.push_back(fmt::format("QEMU {}{}", qemu.schema.version(), setting.is_pair() ? which : ""));
    };
    if (side != Side::target)
        look(setting.source, " (source)");
    if (side == Side::target || (side == Side::both && setting.is_pair()))
        look(setting.target, " (target)");
    if (without.empty())
        return std::nullopt;
    return fmt::format("{} {} no {}", fmt::join(without, " and "), without.size() > 1 ? "have" : "has", bare_text());
}

std::string CaseInfo::family() const
{
    const std::size_t second = path.find('/', 1);
    const std::size_t begin = second == std::string::npos ? 1 : second + 1;
    return path.substr(begin, path.find('/', begin) - begin);
}

std::vector<std::string> CaseInfo::tags() const
{
    std::vector<std::string> all{name_of(tag), family()};
    all.insert(all.end(), labels.begin(), labels.end());
    return all;
}

std::optional<std::string> CaseInfo::missing_need(const Setting& setting) const
{
    if (!setting.no_machine.empty())
        return setting.no_machine;
    for (const Need& need : needs) {
        if (auto reason = need.missing(setting))
            return reason;
    }
    return std::nullopt;
}

const char* name_of(Tag tag)
{
    static constexpr const char* names[] = {"smoke", "full", "slow"};
    return names[static_cast<int>(tag)];
}

void Registry::add(CaseInfo info)
{
    const auto place =
        std::lower_bound(cases_.begin(), cases_.end(), info.path,
                         [](const CaseInfo& known, const std::string& path) { return known.path < path; });
    if (!info.path.starts_with('/') || info.path.ends_with('/') || (place != cases_.end() && place->path == info.path))
        throw std::logic_error("a case's path is malformed or taken: " + info.path);
    cases_.insert(place, std::move(info));
}

const CaseInfo* Registry::find(std::string_view path) const
{
    const auto found =
        std::find_if(cases_.begin(), cases_.end(), [&](const CaseInfo& known) { return known.path == path; });
    return found == cases_.end() ? nullptr : &*found;
}

bool selects(std::string_view prefix, std::string_view path)
{
    constexpr std::string_view architecture = "/x86_64";
    if (prefix == architecture || prefix.starts_with("/x86_64/"))
        prefix.remove_prefix(architecture.size());
    while (prefix.ends_with('/'))
        prefix.remove_suffix(1);
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

} // namespace harness
