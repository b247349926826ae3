// SPDX-License-Identifier: GPL-2.0-or-later
//
// `migration-test analyze`: what a saved migration stream holds, as a tree or as JSON.
#pragma once

#include <string>
#include <vector>

namespace stream
{

/// The arguments are those after "analyze". Returns 0. Throws qtest::EnvironmentError, on wrong usage, when there is no
/// such file, and when it is malformed: the text is one line with the file, the position and the reason.
int analyze_main(const std::vector<std::string>& arguments);

} // namespace stream
