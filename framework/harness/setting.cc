// SPDX-License-Identifier: GPL-2.0-or-later
#include "setting.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "errors.h"
#include "machine_type.h"
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

} // namespace

qtest::Json Setting::save() const
{
    const auto side = [](const Qemu& qemu) {
        return qtest::Json{{"binary", qemu.binary}, {"schema", qemu.schema.save()}};
    };
    return {{"source", side(source)}, {"target", side(target)},        {"accelerator", accelerator},
            {"machine", machine},     {"debugging", debugging.save()}, {"no_machine", no_machine}};
}

Setting Setting::load(const qtest::Json& saved)
{
    const auto side = [](const qtest::Json& qemu) {
        return Qemu{qemu.at("binary").as_string(), qtest::Schema::load(qemu.at("schema"))};
    };
    return {side(saved.at("source")),
            side(saved.at("target")),
            saved.at("accelerator").as_string(),
            saved.at("machine").as_string(),
            Debugging::load(saved.at("debugging")),
            saved.at("no_machine").as_string()};
}

Setting Setting::from_environment(const Asked& asked, const fs::path& scratch)
{
    const std::string& accelerator = asked.accelerator;
    if (accelerator != "tcg" && accelerator != "kvm")
        throw qtest::EnvironmentError(fmt::format("unknown accelerator '{}' (tcg, kvm)", accelerator));
    if (accelerator == "kvm" && access("/dev/kvm", R_OK | W_OK) != 0)
        throw qtest::EnvironmentError(fmt::format("--accel kvm: /dev/kvm: {}", std::strerror(errno)));
    const auto binary = [](const std::string& given, const char* option, const char* variable) {
        return given.empty() ? qtest::qemu_binary(variable) : qtest::find_program(given, std::string("from ") + option);
    };
    const std::string source = binary(asked.source, "--source", "QTEST_QEMU_BINARY_SRC");
    const std::string target = binary(asked.target, "--target", "QTEST_QEMU_BINARY_DST");
    const qtest::Schema schema = qtest::Schema::probe(source, scratch);
    const char* type = std::getenv("QTEST_QEMU_MACHINE_TYPE");
    const std::string machine = !asked.machine.empty() ? asked.machine : type && *type ? type : "pc";
    Setting setting{
        {source, schema}, {target, source == target ? schema : qtest::Schema::probe(target, scratch)}, accelerator, ""};
    check_fit(setting.source, accelerator);
    check_fit(setting.target, accelerator);
    if (machine == "none")
        throw qtest::EnvironmentError("machine type 'none' cannot run a guest");
    const auto [common, missing] = common_machine(machine, setting.source.schema, setting.target.schema);
    setting.machine = common;
    setting.no_machine = missing;
    return setting;
}

std::string Setting::text() const
{
    const std::string from = source.schema.version();
    const std::string to = target.schema.version();
    return fmt::format("QEMU {} ({}, {})", is_pair() ? from + " → " + to : from, accelerator,
                       machine.empty() ? "no common machine type" : machine);
}

} // namespace harness
