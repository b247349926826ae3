// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_state.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cursor.h"
#include "errors.h"
#include "log_file.h"
#include "malformed.h"
#include "marks.h"

namespace migration
{

namespace
{

/// Bytes that differ although all is well. Seen between QEMUs 7.2, 10.0 and 11.1, `pc` and `q35`, TCG and KVM; nothing
/// else does: every clock but these stands still with the VM.
struct Excepted {
    std::string_view name;
    std::size_t from;
    std::size_t size = 1;
};
constexpr Excepted all_excepted[] = {
    // The time of day is the host's, and is looked up when the device is saved (QEMU's hw/rtc/mc146818rtc.c): seconds,
    // minutes, hours; weekday, day, month, year; whether a second has passed (register C); century; when the next
    // update
    // and the next alarm are due.
    {"mc146818rtc", 0},
    {"mc146818rtc", 2},
    {"mc146818rtc", 4},
    {"mc146818rtc", 6, 4},
    {"mc146818rtc", 12},
    {"mc146818rtc", 0x32},
    {"mc146818rtc", 229, 16},
    // KVM's clock is what the host's makes of it at loading (QEMU's hw/i386/kvm/clock.c).
    {"kvmclock", 0, 8},
    // Saving itself writes the run state "running" here; how it is padded differs between versions.
    {"globalstate", 0, std::string::npos},
};

std::string without_excepted(const DeviceState& device)
{
    std::string bytes = device.bytes;
    for (const Excepted& one : all_excepted) {
        if (device.name == one.name && one.from < bytes.size())
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(one.from),
                        std::min(one.size, bytes.size() - one.from), '\0');
    }
    return bytes;
}

/// Nothing tells a section's size: it ends where its footer is followed by another section, or by the end.
std::size_t end_of_section(const std::string& saved, std::size_t from, std::uint32_t id)
{
    std::string footer{static_cast<char>(stream::mark::footer)};
    for (const int shift : {24, 16, 8, 0})
        footer += static_cast<char>(id >> shift & 0xff);
    for (std::size_t at = saved.find(footer, from); at != std::string::npos; at = saved.find(footer, at + 1)) {
        const std::string_view next = std::string_view(saved).substr(at + footer.size());
        if (next == std::string_view("\0", 1) || (!next.empty() && next[0] == stream::mark::section_full))
            return at;
    }
    throw stream::Malformed(from, fmt::format("section {} has no footer", id));
}

/// How the two differ; empty: they do not.
std::string difference(const DeviceState& source, const DeviceState& target)
{
    if (source.version != target.version || source.bytes.size() != target.bytes.size())
        return fmt::format("differs: version {}, {} bytes at the source; version {}, {} bytes at the target",
                           source.version, source.bytes.size(), target.version, target.bytes.size());
    const std::string expected = without_excepted(source);
    const std::string seen = without_excepted(target);
    const auto at = static_cast<std::size_t>(std::mismatch(expected.begin(), expected.end(), seen.begin()).first -
                                             expected.begin());
    if (at == expected.size())
        return {};
    return fmt::format("differs at byte {} of {}: source {:#04x}, target {:#04x}", at, expected.size(),
                       static_cast<std::uint8_t>(expected[at]), static_cast<std::uint8_t>(seen[at]));
}

const DeviceState* find(const std::vector<DeviceState>& all, const DeviceState& like)
{
    const auto found = std::find_if(all.begin(), all.end(), [&](const DeviceState& one) {
        return one.name == like.name && one.instance == like.instance;
    });
    return found == all.end() ? nullptr : &*found;
}

} // namespace

std::vector<DeviceState> device_states(Vm& vm)
{
    const std::string path = vm.machine().config().directory / (vm.name() + ".devices");
    vm.qmp().execute("xen-save-devices-state", {{"filename", path}, {"live", true}});
    const std::string saved = qtest::read_file(path);
    const stream::Input input(saved);
    stream::Cursor cursor(input);
    if (cursor.be32("the magic number") != stream::file_magic || cursor.be32("the version") != stream::file_version)
        throw stream::Malformed(0, path + " is no stream of version 3");
    std::vector<DeviceState> result;
    while (cursor.u8("the type of the next section") == stream::mark::section_full) {
        const std::uint32_t id = cursor.be32("a section's id");
        DeviceState device{.name = cursor.name("a section's name"), .instance = 0, .version = 0, .bytes = {}};
        device.instance = cursor.be32("a section's instance");
        device.version = cursor.be32("a section's version");
        device.bytes = cursor.bytes(end_of_section(saved, cursor.position(), id) - cursor.position(), device.name);
        cursor.skip(5, "a footer");
        result.push_back(std::move(device));
    }
    if (cursor.left() > 0 || result.empty())
        throw stream::Malformed(cursor.position(),
                                fmt::format("{}: {} bytes after {} devices", path, cursor.left(), result.size()));
    return result;
}

void expect_same_devices(Vm& source, Vm& target, bool same_qemu)
{
    const auto all_of_source = device_states(source);
    const auto all_of_target = device_states(target);
    std::vector<std::string> differences;
    const auto note = [&](const DeviceState& device, const std::string& text) {
        differences.push_back(fmt::format("device {}/{} {}", device.name, device.instance, text));
    };
    for (const DeviceState& device : all_of_source) {
        const DeviceState* other = find(all_of_target, device);
        const bool comparable = other && other->version == device.version && other->bytes.size() == device.bytes.size();
        if (!comparable && !same_qemu)
            continue;
        const std::string text = other ? difference(device, *other) : "is at the source only";
        if (!text.empty())
            note(device, text);
    }
    for (const DeviceState& device : all_of_target) {
        if (same_qemu && !find(all_of_source, device))
            note(device, "is at the target only");
    }
    if (!differences.empty())
        throw qtest::TestFailure(fmt::format("{}", fmt::join(differences, "; ")));
}

} // namespace migration
