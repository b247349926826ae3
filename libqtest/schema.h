// SPDX-License-Identifier: GPL-2.0-or-later
//
// Schema: what one QEMU binary can do, in its own words. Everything that differs between versions is asked here, never
// of a version number. Asking costs one start of QEMU (0.1 s); save() and load() hand the answer to other processes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "json.h"

namespace qtest
{

class Schema
{
  public:
    /// Starts the binary with `-machine none` and asks. Throws EnvironmentError, in one line, when it cannot be
    /// started, does not end well, or is no QEMU. `scratch` must be a writable directory; nothing stays in it.
    static Schema probe(const std::string& binary, const std::filesystem::path& scratch);

    /// What save() returned, possibly in another process.
    static Schema load(const Json& saved) { return Schema(saved); }
    const Json& save() const noexcept { return saved_; }

    /// "11.1.3"
    std::string version() const;
    /// The distribution's name for its build; may be empty.
    std::string package() const;
    /// "x86_64"
    std::string architecture() const { return saved_.at("architecture").as_string(); }

    /// Whether it was built with KVM.
    bool has_kvm() const { return saved_.at("kvm").as_bool(); }
    bool has_command(const std::string& name) const;
    /// Of a migration parameter, say: has_argument("migrate-set-parameters", "direct-io").
    bool has_argument(const std::string& command, const std::string& argument) const;
    /// Whether an argument that is an enumeration has this value.
    bool has_value(const std::string& command, const std::string& argument, const std::string& value) const;
    /// Whether `object-add` makes this: "tls-creds-x509".
    bool has_object(const std::string& type) const;
    /// Of migration: "file", "rdma". Older QEMUs (before 8.2) list none, although they have "socket", "exec" and "fd".
    bool has_transport(const std::string& name) const;
    bool has_migration_capability(const std::string& name) const;
    /// The machine type's own name ("pc-i440fx-7.2"), given that or an alias of it ("pc"); nothing when it is unknown.
    std::optional<std::string> machine(const std::string& name_or_alias) const;
    /// The own names of all machine types.
    std::vector<std::string> machines() const;

  private:
    explicit Schema(Json saved) : saved_(std::move(saved)) {}

    Json saved_;
};

} // namespace qtest
