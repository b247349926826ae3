// SPDX-License-Identifier: GPL-2.0-or-later
//
// `migration-test report RESULTS.json… -o report.html`: one page that needs nothing else, made from the JSON lines of
// one or several runs.
#pragma once

#include <string>
#include <vector>

namespace report
{

/// `arguments` are those after "report". Returns the exit status, 0. Throws qtest::EnvironmentError for a usage that
/// makes no sense and for files that cannot be read or written; then there is no new page, and an old one stays.
int report_main(const std::vector<std::string>& arguments);

} // namespace report
