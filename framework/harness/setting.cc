// SPDX-License-Identifier: GPL-2.0-or-later
#include "setting.h"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "errors.h"
#include "glib_ptr.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

constexpr const char* architecture = "x86_64";

std::string variable(const char* name)
{
    const char* value = g_getenv(name);
    return value ? value : "";
}

/// Two numbers of a version directory's name, for "newest"; {0, 0} when it is none.
std::array<int, 2> version_of(const fs::path& directory)
{
    std::array<int, 2> version{};
    if (std::sscanf(directory.filename().c_str(), "%d.%d", &version[0], &version[1]) != 2)
        return {};
    return version;
}

/// What scripts/get-qemu brought; a tree without its mark is not whole.
std::string newest_brought()
{
    const std::string name = std::string("qemu-system-") + architecture;
    std::error_code error;
    for (fs::path above = fs::read_symlink("/proc/self/exe", error).parent_path(); !above.empty();
         above = above == above.root_path() ? fs::path() : above.parent_path()) {
        fs::path best;
        for (const auto& entry : fs::directory_iterator(above / ".qemu", error)) {
            if (fs::exists(entry.path() / ".whole", error) && version_of(entry.path()) > version_of(best))
                best = entry.path();
        }
        if (!best.empty())
            return best / "usr/bin" / name;
    }
    return {};
}

std::string find_program(const std::string& name, const std::string& origin)
{
    const qtest::CharPtr found(g_find_program_in_path(name.c_str()));
    if (found)
        return fs::absolute(found.get()).string();
    std::error_code error;
    const bool there = fs::exists(name, error);
    throw qtest::EnvironmentError(fmt::format("{}: {} ({})", name,
                                              !there                            ? "no such program"
                                              : fs::is_directory(name, error)   ? "is a directory, not a QEMU"
                                                                                : "is not an executable program",
                                              origin));
}

std::string choose(const char* side)
{
    for (const char* name : {side, "QTEST_QEMU_BINARY"}) {
        if (const std::string given = variable(name); !given.empty())
            return find_program(given, std::string("from ") + name);
    }
    if (const std::string brought = newest_brought(); !brought.empty())
        return brought;
    return find_program(std::string("qemu-system-") + architecture,
                        "from PATH; name one in QTEST_QEMU_BINARY, install qemu-system-x86, or run scripts/get-qemu 11.1");
}

void check_architecture(const Qemu& qemu)
{
    if (qemu.schema.architecture() != architecture)
        throw qtest::EnvironmentError(fmt::format("{}: emulates {}; this suite has a guest for {} only", qemu.binary,
                                                  qemu.schema.architecture(), architecture));
}

/// An alias ("pc") means another type in each version: the older of the two is mostly known to both.
std::string common_machine(const std::string& asked, const Qemu& source, const Qemu& target)
{
    std::optional<std::string> common;
    for (const auto* qemu : {&source, &target}) {
        const auto type = qemu->schema.machine(asked);
        if (!type)
            throw qtest::EnvironmentError(fmt::format("{}: has no machine type '{}'", qemu->binary, asked));
        if (source.schema.machine(*type) && target.schema.machine(*type) && !common)
            common = type;
    }
    if (!common)
        throw qtest::EnvironmentError(fmt::format("{} and {} have no machine type '{}' in common", source.binary, target.binary, asked));
    return *common;
}

} // namespace

qtest::Json Setting::save() const
{
    const auto side = [](const Qemu& qemu) { return qtest::Json{{"binary", qemu.binary}, {"schema", qemu.schema.save()}}; };
    return {{"source", side(source)}, {"target", side(target)}, {"accelerator", accelerator}, {"machine", machine}};
}

Setting Setting::load(const qtest::Json& saved)
{
    const auto side = [](const qtest::Json& qemu) {
        return Qemu{qemu.at("binary").as_string(), qtest::Schema::load(qemu.at("schema"))};
    };
    return {side(saved.at("source")), side(saved.at("target")), saved.at("accelerator").as_string(),
            saved.at("machine").as_string()};
}

Setting Setting::from_environment(const std::string& accelerator, const std::string& machine, const fs::path& scratch)
{
    if (accelerator != "tcg" && accelerator != "kvm")
        throw qtest::EnvironmentError(fmt::format("unknown accelerator '{}' (tcg, kvm)", accelerator));
    if (accelerator == "kvm" && access("/dev/kvm", R_OK | W_OK) != 0)
        throw qtest::EnvironmentError(fmt::format("--accel kvm: /dev/kvm: {}", g_strerror(errno)));
    const std::string source = choose("QTEST_QEMU_BINARY_SRC");
    const std::string target = choose("QTEST_QEMU_BINARY_DST");
    const qtest::Schema schema = qtest::Schema::probe(source, scratch);
    const std::string type = variable("QTEST_QEMU_MACHINE_TYPE");
    const std::string asked = !machine.empty() ? machine : !type.empty() ? type : "pc";
    Setting setting{{source, schema}, {target, source == target ? schema : qtest::Schema::probe(target, scratch)}, accelerator, asked};
    check_architecture(setting.source);
    check_architecture(setting.target);
    setting.machine = common_machine(asked, setting.source, setting.target);
    return setting;
}

std::string Setting::text() const
{
    const std::string from = source.schema.version();
    const std::string to = target.schema.version();
    const std::string versions = source.binary == target.binary ? from : from + " → " + to;
    return fmt::format("QEMU {} ({}, {})", versions, accelerator, machine);
}

} // namespace harness
