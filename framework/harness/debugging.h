// SPDX-License-Identifier: GPL-2.0-or-later
//
// Debugging: what a developer asks for to look into the VMs of a case. The command line and the environment decide it
// once; a case's process gets it with the Setting. A side is a VM's name ("source", "primary"), or "all".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "json.h"
#include "machine.h"

namespace harness
{

struct Debugging {
    std::string gdb;                             // the side that runs under gdbserver
    std::string gdb_options = "localhost:12345"; // gdbserver's words before QEMU's, as GDB_OPTIONS of iotests
    std::string valgrind;                        // the side that runs under valgrind
    std::vector<std::string> traces;             // each as for QEMU's -trace
    bool pause_on_failure = false;
    bool dry_run = false; // only inside dry_run()

    /// Adds what GDB_OPTIONS, VALGRIND_QEMU=y and QTEST_TRACE ask for.
    void add_environment();
    /// Throws qtest::EnvironmentError when a program that is needed is not installed.
    void require_tools() const;
    /// What to multiply deadlines with: hours where somebody sits at a debugger, and patience with valgrind.
    double deadline_factor() const;

    qtest::Json save() const;
    static Debugging load(const qtest::Json& saved);
    /// The options that ask for the same again.
    std::vector<std::string> options() const;

    /// What the VM runs under, `index` being how many were started before it in the case: each gdbserver gets a port of
    /// its own, counted up from the first one's.
    qtest::Wrapper wrapper(const std::string& vm, std::size_t index, const std::filesystem::path& directory) const;
    /// QEMU's arguments for tracing and for a second monitor.
    std::vector<std::string> arguments(const std::string& vm, const std::filesystem::path& directory) const;
    /// How to reach the gdbserver of this wrapper.
    static std::string how_to_attach(const qtest::Wrapper& wrapper, const std::string& binary);
};

/// Where the second monitor listens that --pause-on-failure gives to each VM.
std::filesystem::path second_monitor(const std::string& vm, const std::filesystem::path& directory);

} // namespace harness
