// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "registry.h"
#include "verb.h"

namespace harness
{

/// What a program of cases does from its first to its last line: command line, selection, run, report. `known_trouble`
/// is the catalogue built in, `verbs` what it can do besides. Returns the exit status (options.cc says which); never
/// throws.
int main(int argc, char** argv, const Registry& registry, std::string_view known_trouble,
         const std::vector<Verb>& verbs = {});

} // namespace harness
