// SPDX-License-Identifier: GPL-2.0-or-later
//
// Registry: the cases, by path. A case states as data what it needs and how long it may take, so that a listing can
// show it and a missing need becomes a SKIP with its reason.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "setting.h"

namespace harness
{

class Case;

/// Something that the QEMUs, or this machine, must have.
struct Need {
    enum class Kind { capability, command, argument, value, object, transport, accelerator, host };
    /// Why this machine has it not; nothing when it has.
    using Probe = std::function<std::optional<std::string>()>;
    Kind kind;
    std::string name;
    Probe probe = {};
    /// Of which command an argument, and of which argument a value.
    std::string command_name = {};
    std::string argument_name = {};
    /// Of a QEMU: who uses it. A QEMU that has it not can still be the other side.
    enum class Side { both, source, target } side = Side::both;

    static Need capability(std::string name) { return {Kind::capability, std::move(name)}; }
    static Need command(std::string name) { return {Kind::command, std::move(name)}; }
    /// "argument exit-on-error of migrate-incoming"; a migration parameter is an argument of migrate-set-parameters.
    static Need argument(std::string command, std::string name)
    {
        return {Kind::argument, std::move(name), {}, std::move(command)};
    }
    static Need parameter(std::string name) { return argument("migrate-set-parameters", std::move(name)); }
    /// "value zstd of multifd-compression"
    static Need parameter_value(std::string parameter, std::string value)
    {
        return {Kind::value, std::move(value), {}, "migrate-set-parameters", std::move(parameter)};
    }
    /// What object-add makes: "tls-creds-psk".
    static Need object(std::string type) { return {Kind::object, std::move(type)}; }
    /// A transport of migration that not every QEMU has: "file".
    static Need transport(std::string name) { return {Kind::transport, std::move(name)}; }
    static Need accelerator(std::string name) { return {Kind::accelerator, std::move(name)}; }
    /// A feature or privilege of this machine: "hugepages", "userfaultfd".
    static Need host(std::string name, Probe probe) { return {Kind::host, std::move(name), std::move(probe)}; }

    Need on_source() const { return on(Side::source); }
    Need on_target() const { return on(Side::target); }

    /// Why it is not met, in words for a SKIP; nothing when it is.
    std::optional<std::string> missing(const Setting& setting) const;
    /// "capability x-colo", "argument channels of migrate (source)"
    std::string text() const;

  private:
    Need on(Side one) const
    {
        Need need = *this;
        need.side = one;
        return need;
    }
    std::string bare_text() const;
    bool is_met_by(const qtest::Schema& schema) const;
};

/// When a case runs: always; with --full; with `-m slow`.
enum class Tag { smoke, full, slow };
const char* name_of(Tag tag);

struct CaseInfo {
    std::string path; // "/migration/colo/plain/primary_failover"
    std::string summary;
    std::function<void(Case&)> run;
    std::vector<Need> needs = {};
    Tag tag = Tag::smoke;
    /// From start to end of its process, on a machine of ordinary speed.
    std::chrono::seconds deadline{60};
    /// What it is selected by besides path and tag: "tls", "multifd".
    std::vector<std::string> labels = {};
    /// Memory that all its QEMUs take together at their peak.
    unsigned ram_mib = 256;

    /// The second part of its path: "colo"; of a path that has no other, the first: "dirty_limit".
    std::string family() const;
    /// Its tag, its family and its labels: what --tag knows it by.
    std::vector<std::string> tags() const;
    /// Why it cannot run: there is no machine type for it, or the first need that is not met.
    std::optional<std::string> missing_need(const Setting& setting) const;
};

class Registry
{
  public:
    /// Throws std::logic_error on a path that is taken or malformed: a mistake in the program.
    void add(CaseInfo info);

    /// Sorted by path.
    const std::vector<CaseInfo>& all() const noexcept { return cases_; }
    const CaseInfo* find(std::string_view path) const;

  private:
    std::vector<CaseInfo> cases_;
};

/// Whether `path` is `prefix` or lies below it: "/migration/colo" selects "/migration/colo/plain/…" and not
/// "/migration/color". A leading "/x86_64", as in QEMU's own test paths, is ignored.
bool selects(std::string_view prefix, std::string_view path);

} // namespace harness
