// SPDX-License-Identifier: GPL-2.0-or-later
#include "kept_runs.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <glib.h>

#include "errors.h"
#include "log_file.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

constexpr const char* mark_name = ".migration-test-run";
constexpr std::string_view mark =
    "Evidence of one run of migration-test, which removes it when it is one of its older ones.\n";

/// RunFacts::id: "20261122-153338-22724"
bool is_run_id(const std::string& name)
{
    return g_regex_match_simple("^[0-9]{8}-[0-9]{6}-[0-9]+$", name.c_str(), GRegexCompileFlags{}, GRegexMatchFlags{});
}

bool is_ours(const fs::directory_entry& entry)
{
    return entry.symlink_status().type() == fs::file_type::directory && is_run_id(entry.path().filename()) &&
           qtest::read_tail(entry.path() / mark_name, 2 * mark.size()) == mark;
}

bool is_under_way(const std::string& id)
{
    const auto process = std::stol(id.substr(id.rfind('-') + 1));
    return ::kill(static_cast<pid_t>(process), 0) == 0 || errno == EPERM;
}

} // namespace

void add_kept_run(const fs::path& run_directory, unsigned keep)
{
    try {
        if (fs::exists(run_directory / mark_name))
            return;
        fs::create_directories(run_directory);
        qtest::write_file(run_directory / mark_name, mark);
        std::vector<std::string> runs; // their names sort by time
        for (const auto& entry : fs::directory_iterator(fs::absolute(run_directory).parent_path())) {
            if (entry.path().filename() != run_directory.filename() && is_ours(entry))
                runs.push_back(entry.path().filename());
        }
        std::sort(runs.begin(), runs.end(), std::greater<>());
        for (std::size_t i = std::max(keep, 1U) - 1; i < runs.size(); i++) {
            if (!is_under_way(runs[i]))
                fs::remove_all(run_directory.parent_path() / runs[i]);
        }
    } catch (const fs::filesystem_error& error) {
        throw qtest::EnvironmentError(fmt::format("cannot keep evidence in {}: {}: {}", run_directory.string(),
                                                  error.path1().string(), error.code().message()));
    }
}

} // namespace harness
