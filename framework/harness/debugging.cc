// SPDX-License-Identifier: GPL-2.0-or-later
#include "debugging.h"

#include <cctype>
#include <sstream>

#include <fmt/format.h>

#include "errors.h"
#include "glib_ptr.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

bool names(const std::string& side, const std::string& vm) { return side == "all" || side == vm; }

void require(const char* program, const char* option)
{
    if (!qtest::CharPtr(g_find_program_in_path(program)))
        throw qtest::EnvironmentError(
            fmt::format("{}: {} is not installed (Debian: package {})", option, program, program));
}

/// "localhost:12345" → "localhost:12347" for the third VM; words without a port stay as they are.
std::string with_port(const std::string& word, std::size_t index)
{
    const std::size_t digits = word.find_last_not_of("0123456789") + 1;
    if (digits == 0 || digits == word.size() || word[digits - 1] != ':')
        return word;
    return word.substr(0, digits) + std::to_string(std::stoul(word.substr(digits)) + index);
}

} // namespace

void Debugging::add_environment()
{
    if (const char* options = g_getenv("GDB_OPTIONS"); options && *options) {
        gdb_options = options;
        if (gdb.empty())
            gdb = "source";
    }
    if (const char* asked = g_getenv("VALGRIND_QEMU"); valgrind.empty() && asked && std::string_view(asked) == "y")
        valgrind = "all";
    if (const char* trace = g_getenv("QTEST_TRACE"); trace && *trace)
        traces.emplace_back(trace);
}

void Debugging::require_tools() const
{
    if (!gdb.empty())
        require("gdbserver", "--gdb");
    if (!valgrind.empty())
        require("valgrind", "--valgrind");
    if (!gdb.empty() && !valgrind.empty() && (gdb == "all" || valgrind == "all" || gdb == valgrind))
        throw qtest::EnvironmentError(
            fmt::format("--gdb {} and --valgrind {}: a QEMU runs under one of them", gdb, valgrind));
}

double Debugging::deadline_factor() const
{
    constexpr double hours = 1000;
    // A QEMU that only starts and ends took 30 times as long.
    constexpr double slow = 60;
    return !gdb.empty() ? hours : !valgrind.empty() ? slow : 1;
}

qtest::Json Debugging::save() const
{
    return {{"gdb", gdb},
            {"gdb_options", gdb_options},
            {"valgrind", valgrind},
            {"traces", qtest::Json::array(traces)},
            {"pause_on_failure", pause_on_failure}};
}

Debugging Debugging::load(const qtest::Json& saved)
{
    Debugging debugging{.gdb = saved.at("gdb").as_string(),
                        .gdb_options = saved.at("gdb_options").as_string(),
                        .valgrind = saved.at("valgrind").as_string(),
                        .traces = {},
                        .pause_on_failure = saved.at("pause_on_failure").as_bool()};
    for (const qtest::Json& trace : saved.at("traces").elements())
        debugging.traces.push_back(trace.as_string());
    return debugging;
}

std::vector<std::string> Debugging::options() const
{
    std::vector<std::string> all;
    if (!gdb.empty())
        all.insert(all.end(), {"--gdb", gdb});
    if (!valgrind.empty())
        all.insert(all.end(), {"--valgrind", valgrind});
    for (const std::string& trace : traces)
        all.insert(all.end(), {"--trace", trace});
    return all;
}

qtest::Wrapper Debugging::wrapper(const std::string& vm, std::size_t index, const fs::path& directory) const
{
    if (names(gdb, vm)) {
        qtest::Wrapper wrapper{.command = {"gdbserver"}, .forks = true};
        std::istringstream words(gdb_options);
        for (std::string word; words >> word;)
            wrapper.command.push_back(with_port(word, gdb == "all" ? index : 0));
        return wrapper;
    }
    if (names(valgrind, vm)) {
        const fs::path log = directory / (vm + ".valgrind");
        return {.command = {"valgrind", "--error-exitcode=99", "--log-file=" + log.string()}, .log = log};
    }
    return {};
}

std::vector<std::string> Debugging::arguments(const std::string& vm, const fs::path& directory) const
{
    std::vector<std::string> all;
    for (const std::string& trace : traces)
        all.insert(all.end(), {"-trace", trace});
    if (!traces.empty())
        all.insert(all.end(), {"-trace", fmt::format("file={}", (directory / (vm + ".trace")).string())});
    if (pause_on_failure)
        all.insert(all.end(),
                   {"-qmp", fmt::format("unix:{},server=on,wait=off", second_monitor(vm, directory).string())});
    return all;
}

std::string Debugging::how_to_attach(const qtest::Wrapper& wrapper, const std::string& binary)
{
    return fmt::format("gdb -ex 'target remote {}' {}", wrapper.command.back(), binary);
}

fs::path second_monitor(const std::string& vm, const fs::path& directory) { return directory / (vm + ".qmp"); }

} // namespace harness
