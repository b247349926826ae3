// SPDX-License-Identifier: GPL-2.0-or-later
#include "refusals.h"

namespace precopy
{

namespace
{

using When = Refusal::When;
using Side = MigrationPair::Side;

const Json incoming{{"uri", "tcp:127.0.0.1:0"}};
// Nothing of it is reached.
const Json to_tcp{{"uri", "tcp:127.0.0.1:0"}};
const Json to_exec{{"uri", "exec:cat > /dev/null"}};
const Json to_file{{"uri", "file:/dev/null"}};

Json channel(const char* type, const Json& address) { return {{"channel-type", type}, {"addr", address}}; }

const Json main_channel =
    channel("main", {{"transport", "socket"}, {"type", "inet"}, {"host", "127.0.0.1"}, {"port", "1"}});
const Json cpr_channel = channel("cpr", {{"transport", "socket"}, {"type", "unix"}, {"path", "/dev/null"}});

Json channels(const std::vector<Json>& all) { return {{"channels", Json::array(all)}}; }

Refusal migrate(std::string name, Json arguments, std::string text, std::vector<Need> needs = {}, Side with = {})
{
    Refusal refusal{"migrate/" + name, "migrate", std::move(arguments), {std::move(text)}, std::move(needs)};
    for (const std::string& capability : with.capabilities)
        refusal.needs.push_back(Need::capability(capability));
    refusal.with = std::move(with);
    return refusal;
}

Refusal on_target(Refusal refusal)
{
    refusal.on_target = true;
    return refusal;
}

Refusal migrate_incoming(std::string name, Json arguments, std::string text, std::vector<Need> needs = {},
                         Side with = {})
{
    Refusal refusal =
        on_target(migrate(std::move(name), std::move(arguments), std::move(text), std::move(needs), std::move(with)));
    refusal.name.replace(0, std::string("migrate").size(), "migrate-incoming");
    refusal.command = "migrate-incoming";
    return refusal;
}

Side cpr(const char* mode, std::vector<std::string> capabilities = {})
{
    return {.capabilities = std::move(capabilities), .parameters = {{"mode", mode}}};
}

/// QEMU must not leave it at that RAM which could not be handed over is private.
Refusal all_ram_shared(Refusal refusal)
{
    refusal.memory = migration::Memory::shared_memfd;
    refusal.with.arguments = {"-machine", "aux-ram-share=on"};
    return refusal;
}

Refusal blocked_by(std::string name, std::string text, std::vector<std::string> arguments)
{
    Refusal refusal = migrate("blocked-by-" + name, to_exec, std::move(text), {}, {.arguments = std::move(arguments)});
    refusal.blocked = true;
    return refusal;
}

Refusal in(When when, std::string name, std::string command, Json arguments, std::string text)
{
    Refusal refusal{std::move(name), std::move(command), std::move(arguments), {std::move(text)}};
    refusal.when = when;
    return refusal;
}

void add_migrate(std::vector<Refusal>& all)
{
    const std::string seekable = "Migration requires seekable transport (e.g. file)";
    const std::string multi_channel = "Migration requires multi-channel URIs (e.g. tcp)";
    const Need file = Need::transport("file");
    const Need reboot = Need::parameter_value("mode", "cpr-reboot");
    const Need transfer = Need::parameter_value("mode", "cpr-transfer");
    const Need addresses = Need::argument("migrate", "channels");
    const Json zlib{{"multifd-compression", "zlib"}};
    const std::vector<std::string> tls{"-object", "tls-creds-anon,id=tls,endpoint=client"};
    const std::vector<std::string> shared_memory{"-object", "memory-backend-ram,id=m,size=1M,share=on"};
    const std::string peer_mode = "Migration is disabled when using feature 'peer mode' in device 'ivshmem'";

    all.insert(
        all.end(),
        {
            migrate("mapped-ram/tcp", to_tcp, seekable, {}, {.capabilities = {"mapped-ram"}}),
            migrate("mapped-ram/exec", to_exec, seekable, {}, {.capabilities = {"mapped-ram"}}),
            migrate("mapped-ram/tls", to_file, "Cannot use TLS with mapped-ram", {},
                    {.capabilities = {"mapped-ram"}, .parameters = {{"tls-creds", "tls"}}, .arguments = tls}),
            migrate("mapped-ram/multifd-compression", to_file, "Cannot use compression with mapped-ram", {},
                    {.capabilities = {"mapped-ram", "multifd"}, .parameters = zlib}),
            migrate("multifd/exec", to_exec, multi_channel, {addresses}, {.capabilities = {"multifd"}}),
            migrate("multifd/file", to_file, multi_channel, {file}, {.capabilities = {"multifd"}}),
            migrate("postcopy-preempt/file", to_file, multi_channel, {file},
                    {.capabilities = {"postcopy-ram", "postcopy-preempt"}}),
            migrate("cpr/postcopy-ram", to_file, "Cannot use postcopy with CPR", {reboot},
                    cpr("cpr-reboot", {"postcopy-ram"})),
            migrate("cpr/background-snapshot", to_file, "Cannot use background snapshot with CPR", {reboot},
                    cpr("cpr-reboot", {"background-snapshot"})),
            migrate("cpr/x-colo", to_file, "Cannot use COLO with CPR", {reboot},
                    cpr("cpr-reboot", {"return-path", "x-colo"})),
            all_ram_shared(migrate("cpr-transfer/no-cpr-channel", to_tcp, "missing 'cpr' migration channel", {transfer},
                                   cpr("cpr-transfer"))),
            migrate("cpr-transfer/private-ram", channels({cpr_channel, main_channel}), "is not compatible with CPR",
                    {transfer}, cpr("cpr-transfer")),
            all_ram_shared(
                migrate("cpr-transfer/file",
                        channels({cpr_channel,
                                  channel("main", {{"transport", "file"}, {"filename", "/dev/null"}, {"offset", 0}})}),
                        "Migration requires streamable transport", {transfer}, cpr("cpr-transfer"))),
            migrate("cpr-exec/no-command", to_file, "cpr-exec mode requires setting cpr-exec-command",
                    {Need::parameter_value("mode", "cpr-exec")}, cpr("cpr-exec")),
            migrate("channels/two-main", channels({main_channel, main_channel}),
                    "Channel list has more than one main entry", {addresses}),
            migrate("channels/no-main", channels({cpr_channel}), "main", {transfer}),
            migrate("resume", {{"uri", "tcp:127.0.0.1:0"}, {"resume", true}},
                    "Cannot resume if there is no paused migration"),
            on_target(migrate("target", to_tcp, "Guest is waiting for an incoming migration")),
            migrate_incoming("mapped-ram/tcp", incoming, seekable, {}, {.capabilities = {"mapped-ram"}}),
            migrate_incoming("multifd/exec", {{"uri", "exec:true"}}, multi_channel,
                             {Need::argument("migrate-incoming", "channels")}, {.capabilities = {"multifd"}}),
            migrate_incoming("channels/cpr", channels({cpr_channel, main_channel}), "Channel list must have only one",
                             {transfer}),
            blocked_by("device-without-state", "State blocked by non-migratable device", {"-device", "rocker"}),
            blocked_by("ivshmem", peer_mode, {shared_memory[0], shared_memory[1], "-device", "ivshmem-plain,memdev=m"}),
        });
    Refusal only_migratable{"device_add/only-migratable",
                            "device_add",
                            {{"driver", "ivshmem-plain"}, {"memdev", "m"}, {"id", "x"}},
                            {"disallowing migration blocker (--only-migratable) for: " + peer_mode}};
    only_migratable.with.arguments = {"-only-migratable", shared_memory[0], shared_memory[1]};
    all.push_back(only_migratable);
}

void add_states(std::vector<Refusal>& all)
{
    const char* in_progress = "There's a migration process in progress";
    const char* already_started = "The incoming migration has already been started";
    const char* waiting = "Guest is waiting for an incoming migration";
    const char* resume = "Cannot resume if there is no paused migration";
    const Json elsewhere{{"uri", "exec:cat > /dev/null"}};
    all.insert(
        all.end(),
        {
            in(When::idle, "migrate-incoming/source", "migrate-incoming", incoming,
               "'-incoming' was not specified on the command line"),
            on_target(in(When::listening, "migrate-incoming/twice", "migrate-incoming", incoming, already_started)),
            on_target(in(When::listening, "migrate/target/listening", "migrate", elsewhere, waiting)),
            in(When::idle, "migrate-start-postcopy/idle/no-capability", "migrate-start-postcopy", {},
               "Enable postcopy with migrate_set_capability before the start of migration"),
            in(When::active, "migrate/active", "migrate", elsewhere, in_progress),
            in(When::active, "migrate/active/resume", "migrate", {{"uri", "exec:cat > /dev/null"}, {"resume", true}},
               resume),
            in(When::active, "capability/active", "migrate-set-capabilities", capabilities({"auto-converge"}),
               in_progress),
            in(When::active, "migrate-start-postcopy/active/no-capability", "migrate-start-postcopy", {},
               "Enable postcopy with migrate_set_capability before the start of migration"),
            in(When::active, "device_add/active", "device_add", {{"driver", "edu"}, {"id", "x"}},
               "device_add not allowed while migrating"),
            in(When::active, "dump-guest-memory/active", "dump-guest-memory",
               {{"paging", false}, {"protocol", "file:/dev/null"}},
               "disallowing migration blocker (migration/snapshot in progress)"),
            on_target(in(When::active, "migrate-incoming/active", "migrate-incoming", incoming, already_started)),
            on_target(in(When::active, "migrate/target/active", "migrate", elsewhere, waiting)),
            in(When::completed, "migrate/completed", "migrate", elsewhere,
               "Can't migrate the vm that was paused due to previous migration"),
        });
    Refusal unused = in(When::idle, "migrate-start-postcopy/idle", "migrate-start-postcopy", {},
                        "Postcopy must be started after migration has been started");
    unused.with.capabilities = {"postcopy-ram"};
    all.push_back(unused);
    for (const auto& [when, state, status] :
         {std::tuple{When::idle, "idle", "none"}, std::tuple{When::active, "active", "active"}}) {
        const std::string suffix = std::string("/") + state;
        all.insert(all.end(),
                   {
                       in(when, "migrate-continue" + suffix, "migrate-continue", {{"state", "pre-switchover"}},
                          std::string("Migration not in expected state: ") + status),
                       in(when, "migrate-pause" + suffix, "migrate-pause", {},
                          "migrate-pause is currently only supported during postcopy-active"),
                       in(when, "migrate-recover" + suffix, "migrate-recover", incoming,
                          "Migrate recover can only be run when postcopy is paused"),
                       on_target(in(when, "migrate-pause/target" + suffix, "migrate-pause", {},
                                    "migrate-pause is currently only supported during postcopy-active")),
                       on_target(in(when, "migrate-recover/target" + suffix, "migrate-recover", incoming,
                                    "Migrate recover can only be run when postcopy is paused")),
                   });
    }
}

} // namespace

std::vector<Refusal> commands_refused()
{
    std::vector<Refusal> all;
    add_migrate(all);
    add_states(all);
    return all;
}

} // namespace precopy
