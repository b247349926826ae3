// SPDX-License-Identifier: GPL-2.0-or-later
//
// Strays: processes that outlive what started them. Every process of a run inherits environment variables that name the
// run's and the case's directory, whatever else it changes (session, process group, parent); by these it is found.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace harness
{

constexpr const char* run_variable = "MIGRATION_TEST_RUN";
constexpr const char* case_variable = "MIGRATION_TEST_CASE";
/// For people with a process list before them: the path of the case.
constexpr const char* path_variable = "MIGRATION_TEST_PATH";

struct Stray {
    pid_t pid;
    std::string command; // its name
};

/// "the case left a process behind: NAME (pid N)", for a failure; `strays` is not empty.
std::string left_behind(const std::vector<Stray>& strays);

/// The processes, other than this one, that were started with this environment variable set: "NAME=VALUE".
std::vector<Stray> find_processes(const std::string& assignment);

/// Kills (SIGKILL) every process that has `variable` set to `value`, and whatever it starts meanwhile, except this one,
/// and returns when they are gone: what it found.
std::vector<Stray> end_strays(const std::string& variable, const std::string& value);

/// The children of this process, dead ones that wait to be reaped included.
std::set<pid_t> children();

/// Kills, and returns when they are gone, those children of this process that are not among `own`, and whatever becomes
/// its child by their end: what a case's process left to its subreaper (PR_SET_CHILD_SUBREAPER), when that has changed
/// its environment. Those that belong to another case that runs (`case_variable` set to one of `others`) are left
/// alone. What it found alive.
std::vector<Stray> end_adopted(const std::set<pid_t>& own, const std::vector<std::string>& others = {});

} // namespace harness
