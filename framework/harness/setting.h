// SPDX-License-Identifier: GPL-2.0-or-later
//
// Setting: what a run runs on: the QEMU of either side, accelerator and machine type. The runner decides it once; every
// case's process gets it as JSON.
#pragma once

#include <filesystem>
#include <string>

#include "debugging.h"
#include "schema.h"

namespace harness
{

struct Qemu {
    std::string binary;
    qtest::Schema schema;
};

struct Setting {
    Qemu source;
    Qemu target;
    std::string accelerator; // "tcg", "kvm"
    std::string machine;     // the newest type of the kind asked for that both sides know: "pc-q35-7.2"
    Debugging debugging = {};
    /// Why there is no such machine, in words for a SKIP of every case; empty when there is one.
    std::string no_machine = {};

    qtest::Json save() const;
    static Setting load(const qtest::Json& saved);

    /// Whether source and target are different QEMUs.
    bool is_pair() const { return source.binary != target.binary; }

    /// What the command line says; what is empty there comes from the environment.
    struct Asked {
        std::string source = {};
        std::string target = {};
        std::string machine = {};
        std::string accelerator = "tcg";
    };
    /// Environment: QTEST_QEMU_BINARY, _SRC, _DST and QTEST_QEMU_MACHINE_TYPE; else the newest QEMU that
    /// scripts/get-qemu brought into a .qemu directory above this program; else qemu-system-x86_64 from PATH. Throws
    /// qtest::EnvironmentError when one of them is unfit.
    static Setting from_environment(const Asked& asked, const std::filesystem::path& scratch);
    /// "QEMU 11.1.3 (tcg, pc)", "QEMU 10.0.2 → 11.1.3 (…)"
    std::string text() const;
};

} // namespace harness
