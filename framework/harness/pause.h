// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a case's process says to whoever sits at the terminal, by way of the runner: {"notice": TEXT} is shown, and
// {"paused": TEXT} is shown and stops the case's deadline, for somebody looks at its VMs now.
#pragma once

#include "case.h"

namespace harness
{

/// Tells the runner to show the text.
void notice(const std::string& text);

/// Tells how to look at the VMs that run, and serves them until this process gets SIGTERM, SIGINT or SIGHUP. Returns at
/// once when none runs.
void pause(Case& test);

} // namespace harness
