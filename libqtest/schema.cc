// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "machine.h"

namespace qtest
{

namespace
{

// What is kept is small: every run reads it, and all that QEMU says of itself takes 50 ms to read.

/// What query-qmp-schema lists, by name.
using Entities = std::unordered_map<std::string, Json>;

Entities entities_of(const Json& schema)
{
    Entities entities;
    for (const Json& entity : schema.elements())
        entities.emplace(entity.at("name").as_string(), entity);
    return entities;
}

/// The values of an enumeration; true for every other type.
Json values_of(const Json& type)
{
    if (type.at("meta-type") != Json("enum"))
        return true;
    // Newer QEMUs list members, which older ones have not; `values` is deprecated.
    const auto members = type.find("members");
    if (!members)
        return type.at("values");
    Json names = Json::array();
    for (const Json& member : members->elements())
        names.append(member.at("name"));
    return names;
}

/// Each command with its arguments; an argument with its values where it is an enumeration, else with true.
Json commands_of(const Entities& entities)
{
    Json commands = Json::object();
    for (const auto& [name, entity] : entities) {
        if (entity.at("meta-type") != Json("command"))
            continue;
        Json arguments = Json::object();
        const Json& type = entities.at(entity.at("arg-type").as_string());
        for (const Json& member : type.at("members").elements())
            arguments.set(member.at("name").as_string(), values_of(entities.at(member.at("type").as_string())));
        commands.set(name, arguments);
    }
    return commands;
}

/// Where a migration can go: what `migrate` takes as a channel's address.
Json transports_of(const Entities& entities)
{
    const auto type_of = [&](const Json& object, const char* member) -> Json {
        for (const Json& one : object.find("members").value_or(Json()).elements()) {
            if (one.at("name") == Json(member))
                return entities.at(one.at("type").as_string());
        }
        return {};
    };
    const Json channels = type_of(entities.at(entities.at("migrate").at("arg-type").as_string()), "channels");
    if (channels.is_null())
        return Json::array();
    const Json address = type_of(entities.at(channels.at("element-type").as_string()), "addr");
    return values_of(type_of(address, "transport"));
}

/// Of each object in a list, these members.
Json each(const Json& list, const std::vector<std::string>& members)
{
    Json result = Json::array();
    for (const Json& one : list.elements()) {
        Json kept = Json::object();
        for (const std::string& member : members) {
            if (one.has(member))
                kept.set(member, one.at(member));
        }
        result.append(kept);
    }
    return result;
}

} // namespace

Schema Schema::probe(const std::string& binary, const std::filesystem::path& scratch)
{
    // A directory of its own for what the machine logs.
    std::string directory = (scratch / "probe-XXXXXX").string();
    if (!g_mkdtemp(directory.data()))
        throw EnvironmentError(fmt::format("cannot write below {}: {}", scratch.string(), g_strerror(errno)));
    struct Cleanup {
        std::filesystem::path path;
        ~Cleanup()
        {
            std::error_code ignored;
            std::filesystem::remove_all(path, ignored);
        }
    } const cleanup{directory};

    Loop loop;
    Machine machine(loop, {"the probed QEMU", binary, {"-machine", "none"}, directory});
    try {
        const auto deadline = Deadline::in(std::chrono::seconds(20));
        machine.await_ready(deadline);
        QmpClient& qmp = machine.qmp();
        const Entities entities = entities_of(qmp.execute("query-qmp-schema"));
        Json saved{{"version", qmp.execute("query-version")},
                   {"architecture", qmp.execute("query-target").at("arch")},
                   {"commands", commands_of(entities)},
                   {"transports", transports_of(entities)},
                   {"capabilities", each(qmp.execute("query-migrate-capabilities"), {"capability"})},
                   {"objects", each(qmp.execute("qom-list-types", {{"implements", "user-creatable"}}), {"name"})},
                   {"machines", each(qmp.execute("query-machines"), {"name", "alias"})},
                   {"kvm", qmp.execute("query-kvm").at("present")}};
        machine.quit();
        machine.wait_exit(deadline);
        return Schema(std::move(saved));
    } catch (const Error& error) {
        std::string text = error.what();
        std::replace(text.begin(), text.end(), '\n', ' ');
        throw EnvironmentError(fmt::format("{} is not usable as a QEMU: {}", binary, text));
    }
}

std::string Schema::version() const
{
    const Json version = saved_.at("version/qemu");
    return fmt::format("{}.{}.{}", version.at("major").as_int(), version.at("minor").as_int(),
                       version.at("micro").as_int());
}

std::string Schema::package() const { return saved_.at("version/package").as_string(); }

bool Schema::has_command(const std::string& name) const { return saved_.at("commands").has(name); }

bool Schema::has_argument(const std::string& command, const std::string& argument) const
{
    const auto known = saved_.at("commands").find(command);
    return known && known->has(argument);
}

bool Schema::has_value(const std::string& command, const std::string& argument, const std::string& value) const
{
    const auto values = saved_.at("commands").find(command + "/" + argument);
    if (!values || !values->is_array())
        return false;
    const auto all = values->elements();
    return std::find(all.begin(), all.end(), Json(value)) != all.end();
}

bool Schema::has_object(const std::string& type) const
{
    const auto all = saved_.at("objects").elements();
    return std::any_of(all.begin(), all.end(), [&](const Json& one) { return one.at("name") == Json(type); });
}

bool Schema::has_transport(const std::string& name) const
{
    const auto all = saved_.at("transports").elements();
    return std::find(all.begin(), all.end(), Json(name)) != all.end();
}

bool Schema::has_migration_capability(const std::string& name) const
{
    const auto all = saved_.at("capabilities").elements();
    return std::any_of(all.begin(), all.end(), [&](const Json& one) { return one.at("capability") == Json(name); });
}

std::optional<std::string> Schema::machine(const std::string& name_or_alias) const
{
    for (const Json& one : saved_.at("machines").elements()) {
        if (one.at("name") == Json(name_or_alias) || one.find("alias") == Json(name_or_alias))
            return one.at("name").as_string();
    }
    return std::nullopt;
}

std::vector<std::string> Schema::machines() const
{
    std::vector<std::string> names;
    for (const Json& one : saved_.at("machines").elements())
        names.push_back(one.at("name").as_string());
    return names;
}

} // namespace qtest
