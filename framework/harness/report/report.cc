// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <filesystem>

#include <fmt/format.h>

#include "errors.h"
#include "glib_ptr.h"
#include "log_file.h"
#include "page.h"
#include "results.h"

namespace report
{

namespace
{

constexpr const char* usage = "usage: migration-test report RESULTS.json… -o report.html";

/// As a whole or not at all; but a pipe or /dev/stdout cannot be replaced.
void write(const std::string& path, const std::string& page)
{
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
        qtest::write_file(path, page);
        return;
    }
    qtest::ErrorSlot failure;
    if (!g_file_set_contents_full(path.c_str(), page.data(), static_cast<gssize>(page.size()),
                                  G_FILE_SET_CONTENTS_CONSISTENT, 0644, failure.out()))
        throw qtest::EnvironmentError(failure.text());
}

} // namespace

int report_main(const std::vector<std::string>& arguments)
{
    std::vector<std::string> files;
    std::string output;
    bool options_end = false;
    for (std::size_t i = 0; i < arguments.size(); i++) {
        const std::string& argument = arguments[i];
        const bool is_option = !options_end && argument.size() > 1 && argument[0] == '-';
        if (!is_option) {
            files.push_back(argument);
        } else if (argument == "--") {
            options_end = true;
        } else if (argument == "-o" || argument == "--output") {
            if (!output.empty() || ++i == arguments.size() || arguments[i].empty())
                throw qtest::EnvironmentError(fmt::format("report: {} needs one file; {}", argument, usage));
            output = arguments[i];
        } else if (argument == "-h" || argument == "--help") {
            fmt::print("{}\n\nMakes one HTML page of the results that --json wrote, in one or several runs.\n", usage);
            return 0;
        } else {
            throw qtest::EnvironmentError(fmt::format("report: unknown option {}; {}", argument, usage));
        }
    }
    if (files.empty() || output.empty())
        throw qtest::EnvironmentError(fmt::format("report: no {} given; {}", files.empty() ? "results" : "-o", usage));
    for (const std::string& file : files) {
        if (std::error_code error; std::filesystem::equivalent(file, output, error))
            throw qtest::EnvironmentError(fmt::format("report: {} is both read and written", output));
    }
    write(output, page_of(Results::read(files)));
    return 0;
}

} // namespace report
