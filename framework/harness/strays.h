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

struct Stray {
    pid_t pid;
    std::string command; // its name
};

/// Kills (SIGKILL) every process that has `variable` set to `value`, and whatever it starts meanwhile, except this one,
/// and returns when they are gone: what it found.
std::vector<Stray> end_strays(const std::string& variable, const std::string& value);

/// Reaps dead children that this process did not start itself but was given (PR_SET_CHILD_SUBREAPER).
void reap_adopted(const std::set<pid_t>& own_children);

} // namespace harness
