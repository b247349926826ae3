// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "json.h"

namespace report
{

/// What happened in a case, in order of time, as a table: phases, marks, and of every VM its states and events. Of a
/// long one the last rows, and how many were before them.
std::string chronicle_of(const qtest::Json& record);

} // namespace report
