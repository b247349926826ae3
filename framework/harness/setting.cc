// SPDX-License-Identifier: GPL-2.0-or-later
#include "setting.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "errors.h"
#include "qemu_binary.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

void check_fit(const Qemu& qemu, const std::string& accelerator)
{
    if (qemu.schema.architecture() != qtest::architecture)
        throw qtest::EnvironmentError(fmt::format("{}: emulates {}; this suite has a guest for {} only", qemu.binary,
                                                  qemu.schema.architecture(), qtest::architecture));
    if (accelerator == "kvm" && !qemu.schema.has_kvm())
        throw qtest::EnvironmentError(fmt::format("--accel kvm: {} was built without it", qemu.binary));
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
        throw qtest::EnvironmentError(
            fmt::format("{} and {} have no machine type '{}' in common", source.binary, target.binary, asked));
    return *common;
}

} // namespace

qtest::Json Setting::save() const
{
    const auto side = [](const Qemu& qemu) {
        return qtest::Json{{"binary", qemu.binary}, {"schema", qemu.schema.save()}};
    };
    return {{"source", side(source)},
            {"target", side(target)},
            {"accelerator", accelerator},
            {"machine", machine},
            {"debugging", debugging.save()}};
}

Setting Setting::load(const qtest::Json& saved)
{
    const auto side = [](const qtest::Json& qemu) {
        return Qemu{qemu.at("binary").as_string(), qtest::Schema::load(qemu.at("schema"))};
    };
    return {side(saved.at("source")), side(saved.at("target")), saved.at("accelerator").as_string(),
            saved.at("machine").as_string(), Debugging::load(saved.at("debugging"))};
}

Setting Setting::from_environment(const std::string& accelerator, const std::string& machine, const fs::path& scratch)
{
    if (accelerator != "tcg" && accelerator != "kvm")
        throw qtest::EnvironmentError(fmt::format("unknown accelerator '{}' (tcg, kvm)", accelerator));
    if (accelerator == "kvm" && access("/dev/kvm", R_OK | W_OK) != 0)
        throw qtest::EnvironmentError(fmt::format("--accel kvm: /dev/kvm: {}", std::strerror(errno)));
    const std::string source = qtest::qemu_binary("QTEST_QEMU_BINARY_SRC");
    const std::string target = qtest::qemu_binary("QTEST_QEMU_BINARY_DST");
    const qtest::Schema schema = qtest::Schema::probe(source, scratch);
    const char* type = std::getenv("QTEST_QEMU_MACHINE_TYPE");
    const std::string asked = !machine.empty() ? machine : type && *type ? type : "pc";
    Setting setting{{source, schema},
                    {target, source == target ? schema : qtest::Schema::probe(target, scratch)},
                    accelerator,
                    asked};
    check_fit(setting.source, accelerator);
    check_fit(setting.target, accelerator);
    if (asked == "none")
        throw qtest::EnvironmentError("machine type 'none' cannot run a guest");
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
