// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine_type.h"

#include <cstring>

#include <fmt/format.h>

#include "errors.h"

namespace harness
{

namespace
{

/// What is the same in all versions of a machine type: "pc-i440fx-" of "pc-i440fx-7.2".
std::string series_of(const std::string& type) { return type.substr(0, type.find_last_not_of("0123456789.") + 1); }

bool is_newer(const std::string& type, const std::string& than) { return strverscmp(type.c_str(), than.c_str()) > 0; }

std::string newest(const std::vector<std::string>& types, const std::string& series)
{
    std::string best;
    for (const std::string& type : types) {
        if (type.starts_with(series) && is_newer(type, best))
            best = type;
    }
    return best;
}

} // namespace

CommonMachine common_machine(const std::string& asked, const qtest::Schema& source, const qtest::Schema& target)
{
    std::vector<std::string> common;
    for (const std::string& type : source.machines()) {
        if (target.machine(type) == type)
            common.push_back(type);
    }
    std::string best;
    std::string series;
    for (const qtest::Schema* schema : {&source, &target}) {
        const auto meant = schema->machine(asked);
        if (!meant)
            continue;
        series = series_of(*meant);
        const std::string found = newest(common, meant == asked ? asked : series);
        best = is_newer(found, best) ? found : best;
    }
    if (series.empty())
        throw qtest::EnvironmentError(
            fmt::format("QEMU {} has no machine type '{}'{}", source.version(), asked,
                        target.version() == source.version() ? "" : ", nor has QEMU " + target.version()));
    if (!best.empty())
        return {best, ""};
    const auto has = [&](const qtest::Schema& schema, const char* side) {
        const auto meant = schema.machine(asked);
        const std::string own = newest(schema.machines(), meant ? series_of(*meant) : series);
        return fmt::format("QEMU {} ({}) has {}", schema.version(), side, own.empty() ? "none" : own + " at newest");
    };
    return {"", fmt::format("no machine type '{}' that both have: {}, {}", asked, has(source, "source"),
                            has(target, "target"))};
}

} // namespace harness
