// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctest_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace harness
{

namespace
{

/// The runner ends a case that is late, and tells why; CTest ends the runner and can tell nothing. So CTest waits for
/// the deadline stretched as far as a slow machine may stretch it, and for the runner's start and end.
constexpr int greatest_stretch = 20;
constexpr std::chrono::seconds start_and_end{60};

/// A bracket argument: the one form in which CMake replaces nothing, and ends the argument at the bracket alone.
std::string quoted(const std::string& text)
{
    std::string equals = "=";
    while (text.find("]" + equals + "]") != std::string::npos || text.ends_with("]" + equals))
        equals += "=";
    return fmt::format("[{0}[{1}]{0}]", equals, text);
}

} // namespace

std::string ctest_file(const std::vector<const CaseInfo*>& cases, const std::filesystem::path& program)
{
    std::string text = "# Made at build time: a test for each case.\n";
    for (const CaseInfo* info : cases) {
        // A CI job's part of the cases is for CTest to choose, not for each case's runner.
        text += fmt::format("add_test({0} {1} --tap --shard 1/1 -p {0})\n"
                            "set_tests_properties({0} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT {2} LABELS {3})\n",
                            quoted(info->path), quoted(program),
                            (info->deadline * greatest_stretch + start_and_end).count(),
                            quoted(fmt::format("{}", fmt::join(info->tags(), ";"))));
    }
    return text;
}

} // namespace harness
