// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "results.h"

namespace report
{

/// The whole page, HTML and well-formed XML at once. Nothing in it runs, and nothing is loaded: it forbids both itself.
std::string page_of(const Results& results);

} // namespace report
