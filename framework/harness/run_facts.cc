// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_facts.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include <glib.h>

#include "glib_ptr.h"

namespace harness
{

namespace
{

/// The value of the first line of a /proc file that begins with `key`: "model name : X" → "X".
std::string proc_value(const char* file, const std::string& key)
{
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t colon = line.find(':');
        if (line.starts_with(key) && colon != std::string::npos) {
            const std::size_t value = line.find_first_not_of(" \t", colon + 1);
            return value == std::string::npos ? "" : line.substr(value);
        }
    }
    return {};
}

} // namespace

qtest::Json describe(const Qemu& qemu)
{
    return {{"binary", qemu.binary}, {"version", qemu.schema.version()}, {"package", qemu.schema.package()}};
}

qtest::Json describe_host()
{
    utsname kernel{};
    uname(&kernel);
    const qtest::CharPtr os(g_get_os_info(G_OS_INFO_KEY_PRETTY_NAME));
    const auto pages = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES));
    return {{"os", os ? os.get() : ""},
            {"kernel", std::string(kernel.sysname) + " " + kernel.release},
            {"cpu", proc_value("/proc/cpuinfo", "model name")},
            {"cores", static_cast<std::int64_t>(g_get_num_processors())},
            {"memory_mib", pages * sysconf(_SC_PAGESIZE) / 1024 / 1024}};
}

qtest::Json RunFacts::save() const
{
    return {{"id", id},
            {"started", started},
            {"command_line", qtest::Json::array(command_line)},
            {"source", describe(setting.source)},
            {"target", describe(setting.target)},
            {"accelerator", setting.accelerator},
            {"machine", setting.machine},
            {"host", host},
            {"selected", qtest::Json::array(selected)},
            {"shard",
             {{"index", static_cast<std::int64_t>(shard.index)}, {"count", static_cast<std::int64_t>(shard.count)}}},
            {"repeat", static_cast<std::int64_t>(repeat)},
            {"planned", static_cast<std::int64_t>(planned)},
            {"jobs", static_cast<std::int64_t>(jobs)},
            {"stress", static_cast<std::int64_t>(stress)},
            {"seed", static_cast<std::int64_t>(seed)},
            {"deadline_scale", deadline_scale},
            {"deadline_scale_reason", deadline_scale_reason}};
}

} // namespace harness
