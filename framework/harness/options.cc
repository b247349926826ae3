// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <glib.h>

#include "errors.h"
#include "glib_ptr.h"

namespace harness
{

namespace
{

using Strings = std::unique_ptr<char*, decltype(&g_strfreev)>;

std::vector<std::string> strings(char** list)
{
    const Strings owner(list, g_strfreev);
    std::vector<std::string> result;
    for (char** one = list; one && *one; one++)
        result.emplace_back(*one);
    return result;
}

std::string string(char* text)
{
    const qtest::CharPtr owner(text);
    return text ? text : "";
}

/// GOption knows `-j 2` only; hands also type `-j2` and, as for GLib's own test programs, `-p=/path`.
std::vector<std::string> split_attached_values(int argc, char** argv)
{
    std::vector<std::string> arguments;
    for (int i = 0; i < argc; i++) {
        const std::string argument = argv[i];
        if (argument.size() > 2 && argument[0] == '-' &&
            std::string_view("jpsm").find(argument[1]) != std::string_view::npos) {
            arguments.push_back(argument.substr(0, 2));
            arguments.push_back(argument.substr(argument[2] == '=' ? 3 : 2));
        } else {
            arguments.push_back(argument);
        }
    }
    return arguments;
}

constexpr const char* summary =
    "Tests live migration and COLO of a QEMU, or of a pair of them.\n"
    "\n"
    "The QEMU: QTEST_QEMU_BINARY; for a pair QTEST_QEMU_BINARY_SRC and QTEST_QEMU_BINARY_DST; else the newest that\n"
    "scripts/get-qemu brought, else qemu-system-x86_64 from PATH. Machine type: --machine, QTEST_QEMU_MACHINE_TYPE, pc.";

constexpr const char* description =
    "A path selects a case or all below it: -p /migration/colo. A failed case's evidence is kept; the report names it.\n"
    "Report: one line a case on a terminal, TAP version 14 elsewhere.\n"
    "Exit status: 0 all passed or skipped, 1 a case failed, 2 usage or environment error, 77 a single case was skipped.";

} // namespace

Options Options::parse(int argc, char** argv)
{
    Options options;
    gboolean pause = FALSE, dry_run = FALSE, list = FALSE, full = FALSE, tap = FALSE, progress = FALSE, keep = FALSE,
             keep_going = FALSE;
    char **paths = nullptr, **skips = nullptr, **traces = nullptr;
    char *mode = nullptr, *seed = nullptr, *accelerator = nullptr, *machine = nullptr, *trouble = nullptr,
         *evidence = nullptr, *gdb = nullptr, *valgrind = nullptr;
    char *case_path = nullptr, *case_directory = nullptr, *setting = nullptr;
    int jobs = 1, repeat = 1, keep_runs = 10, case_deadline = 0;
    double multiplier = 1;
    const GOptionEntry entries[] = {
        {"list", 'l', 0, G_OPTION_ARG_NONE, &list, "List the cases and exit", nullptr},
        {"path", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &paths, "Run the cases at or below PATH (repeatable)", "PATH"},
        {"skip", 's', 0, G_OPTION_ARG_STRING_ARRAY, &skips, "Leave out the cases at or below PATH (repeatable)",
         "PATH"},
        {"mode", 'm', 0, G_OPTION_ARG_STRING, &mode, "quick, or slow: with slow cases too (also: G_TEST_SLOW set)",
         "MODE"},
        {"full", 0, 0, G_OPTION_ARG_NONE, &full, "With the cases beyond the smoke set", nullptr},
        {"tap", 0, 0, G_OPTION_ARG_NONE, &tap, "Report as TAP version 14 even on a terminal", nullptr},
        {"progress", 0, 0, G_OPTION_ARG_NONE, &progress, "Report for people even when not on a terminal", nullptr},
        {"jobs", 'j', 0, G_OPTION_ARG_INT, &jobs, "Cases at once (1)", "N"},
        {"repeat", 0, 0, G_OPTION_ARG_INT, &repeat, "Run everything N times", "N"},
        {"keep", 0, 0, G_OPTION_ARG_NONE, &keep, "Keep the evidence of passed cases, too", nullptr},
        {"evidence", 0, 0, G_OPTION_ARG_FILENAME, &evidence, "Where evidence is kept (./evidence)", "DIR"},
        {"keep-runs", 0, 0, G_OPTION_ARG_INT, &keep_runs, "Keep the evidence of the last N runs there (10)", "N"},
        {"gdb", 0, 0, G_OPTION_ARG_STRING, &gdb,
         "Run a VM's QEMU (source, target, all, …) under gdbserver (also: GDB_OPTIONS)", "SIDE"},
        {"valgrind", 0, 0, G_OPTION_ARG_STRING, &valgrind, "Run a VM's QEMU under valgrind (also: VALGRIND_QEMU=y)",
         "SIDE"},
        {"trace", 0, 0, G_OPTION_ARG_STRING_ARRAY, &traces, "Trace QEMU's events (repeatable; also: QTEST_TRACE)",
         "PATTERN"},
        {"pause-on-failure", 0, 0, G_OPTION_ARG_NONE, &pause,
         "Keep the VMs of a failed case and say how to look at them", nullptr},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &dry_run, "Print the command lines of the cases' VMs and start none",
         nullptr},
        {"accel", 0, 0, G_OPTION_ARG_STRING, &accelerator, "tcg or kvm (tcg)", "NAME"},
        {"machine", 0, 0, G_OPTION_ARG_STRING, &machine, "Machine type: pc, q35 or a versioned one (pc)", "TYPE"},
        {"timeout-multiplier", 0, 0, G_OPTION_ARG_DOUBLE, &multiplier, "Stretch every deadline by X", "X"},
        {"known-trouble", 0, 0, G_OPTION_ARG_FILENAME, &trouble, "Another catalogue of known trouble", "FILE"},
        {"seed", 0, 0, G_OPTION_ARG_STRING, &seed, "Accepted for GLib's sake: the order is fixed", "SEED"},
        {"keep-going", 'k', 0, G_OPTION_ARG_NONE, &keep_going, "Accepted for GLib's sake: always so", nullptr},
        {"run-case", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &case_path, nullptr, nullptr},
        {"case-directory", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &case_directory, nullptr, nullptr},
        {"setting", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &setting, nullptr, nullptr},
        {"case-deadline", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &case_deadline, nullptr, nullptr},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr}};
    const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(g_option_context_new(nullptr),
                                                                                    g_option_context_free);
    g_option_context_set_summary(context.get(), summary);
    g_option_context_set_description(context.get(), description);
    g_option_context_add_main_entries(context.get(), entries, nullptr);
    qtest::ErrorSlot error;
    std::vector<std::string> arguments = split_attached_values(argc, argv);
    std::vector<char*> pointers;
    for (std::string& argument : arguments)
        pointers.push_back(argument.data());
    argc = static_cast<int>(pointers.size());
    pointers.push_back(nullptr);
    argv = pointers.data();
    if (!g_option_context_parse(context.get(), &argc, &argv, error.out()))
        throw qtest::EnvironmentError(error.text() + " (--help tells the options)");
    if (argc > 1)
        throw qtest::EnvironmentError(
            fmt::format("what is '{}'? A case is selected with -p (--help tells the options)", argv[1]));

    options.list = list;
    options.selection.full = full;
    options.selection.paths = strings(paths);
    options.selection.skips = strings(skips);
    const std::string speed = string(mode);
    if (speed != "" && speed != "quick" && speed != "slow")
        throw qtest::EnvironmentError(fmt::format("-m {}: quick or slow", speed));
    options.selection.slow = speed == "slow" || (speed.empty() && g_getenv("G_TEST_SLOW"));
    if (tap && progress)
        throw qtest::EnvironmentError("--tap and --progress exclude each other");
    options.report = tap ? Report::tap : progress ? Report::text : Report::automatic;
    if (!(multiplier >= 0.01 && multiplier <= 1000))
        throw qtest::EnvironmentError("--timeout-multiplier: a number from 0.01 to 1000");
    options.timeout_multiplier = multiplier;
    if (jobs < 1 || repeat < 1)
        throw qtest::EnvironmentError("-j and --repeat: a number from 1 on");
    options.run.jobs = static_cast<unsigned>(jobs);
    options.run.repeat = static_cast<unsigned>(repeat);
    options.run.keep = keep;
    options.run.evidence = evidence ? string(evidence) : "evidence";
    if (options.run.evidence.empty())
        throw qtest::EnvironmentError("--evidence: no directory is named");
    if (keep_runs < 1)
        throw qtest::EnvironmentError("--keep-runs: a number from 1 on");
    options.run.keep_runs = static_cast<unsigned>(keep_runs);
    options.debugging.gdb = string(gdb);
    options.debugging.valgrind = string(valgrind);
    options.debugging.traces = strings(traces);
    options.debugging.pause_on_failure = pause;
    options.debugging.dry_run = dry_run;
    options.debugging.add_environment();
    if (accelerator)
        options.accelerator = string(accelerator);
    options.machine = string(machine);
    options.known_trouble = string(trouble);
    if (!options.known_trouble.empty())
        options.run.reproduce = {"--known-trouble", std::filesystem::absolute(options.known_trouble)};
    static_cast<void>(string(seed));
    options.case_path = string(case_path);
    options.case_directory = string(case_directory);
    options.setting_file = string(setting);
    if (case_deadline > 0)
        options.case_deadline = std::chrono::seconds(case_deadline);
    return options;
}

} // namespace harness
