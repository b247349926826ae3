// SPDX-License-Identifier: GPL-2.0-or-later
#include "registry.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace harness
{

std::string Need::text() const { return (kind == Kind::capability ? "capability " : "command ") + name; }

std::optional<std::string> Need::missing(const Setting& setting) const
{
    const auto has = [this](const qtest::Schema& schema) {
        return kind == Kind::capability ? schema.has_migration_capability(name) : schema.has_command(name);
    };
    for (const Qemu* qemu : {&setting.source, &setting.target}) {
        if (!has(qemu->schema))
            return fmt::format("QEMU {} has no {}", qemu->schema.version(), text());
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
