// SPDX-License-Identifier: GPL-2.0-or-later
//
// Multifd with each compression, live and not. That bytes were saved is asserted: a guest's page is one word over and
// over, so any compression shrinks it.
#include <fmt/format.h>

#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

struct Method {
    const char* name;
    /// The parameter that sets its level; null: it has none.
    const char* level;
    /// Says why this machine has not what it needs; null: it needs nothing.
    Need::Probe host = {};
};

/// The accelerators are devices that a driver shows.
Need::Probe device(const char* path, const char* what)
{
    return [=]() -> std::optional<std::string> {
        if (std::filesystem::exists(path))
            return std::nullopt;
        return fmt::format("needs {} ({}), this machine has none", what, path);
    };
}

constexpr unsigned channels = 4;

void expect_compressed(Case& test, MigrationPair& pair)
{
    const Json ram = pair.source().qmp().execute("query-migrate").at("ram");
    const auto carried = ram.at("multifd-bytes").as_int();
    const auto pages = ram.at("normal").as_int() * ram.at("page-size").as_int();
    test.check(carried > 0 && carried < pages / 2,
               fmt::format("source: multifd-bytes is {} for pages of {} bytes; compressed, it would be less than half",
                           carried, pages));
}

MigrationPair::Options options(Case& test, const Method& method)
{
    MigrationPair::Options result = multifd(channels);
    result.parameters.set("multifd-compression", method.name);
    if (method.level)
        result.only_source.parameters = Json{{method.level, 2}};
    result.after = [&test](MigrationPair& pair) { expect_compressed(test, pair); };
    return result;
}

} // namespace

void register_compression(Registry& registry)
{
    const std::vector<Method> methods{
        {"zlib", "multifd-zlib-level"},
        {"zstd", "multifd-zstd-level"},
        {"qpl", nullptr, device("/dev/iax", "an Intel IAA accelerator")},
        {"uadk", nullptr, device("/sys/class/uacce", "an accelerator driven by UADK")},
        {"qatzip", "multifd-qatzip-level", device("/dev/qat_adf_ctl", "an Intel QAT accelerator")},
    };
    for (const Method& method : methods) {
        std::vector<Need> needs{Need::capability("multifd"), Need::parameter_value("multifd-compression", method.name)};
        if (method.host)
            needs.push_back(Need::host(method.name, method.host));
        const std::string path = std::string("/migration/multifd/tcp/plain/") + method.name;
        registry.add({.path = path,
                      .summary = std::string("a stopped guest, compressed with ") + method.name,
                      .run = [method](Case& test) { non_live(test, tcp, options(test, method)); },
                      .needs = needs,
                      .tag = Tag::full});
        registry.add({.path = path + "/live",
                      .summary = std::string("live, compressed with ") + method.name,
                      .run =
                          [method](Case& test) {
                              live(test, tcp, options(test, method),
                                   [&](MigrationPair& pair) { expect_connections(test, pair, channels); });
                          },
                      .needs = needs,
                      .tag = Tag::full});
    }
}

} // namespace precopy
