// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/format.h>
#include <glib.h>

#include "errors.h"
#include "glib_ptr.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

/// What GOption has stored for us.
struct Texts {
    char** all = nullptr;

    Texts() = default;
    Texts(const Texts&) = delete;
    Texts& operator=(const Texts&) = delete;
    ~Texts() { g_strfreev(all); }
    std::vector<std::string> get() const { return {all, all + (all ? g_strv_length(all) : 0)}; }
};
struct Text {
    char* text = nullptr;

    Text() = default;
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;
    ~Text() { g_free(text); }
    explicit operator bool() const { return text != nullptr; }
    std::string get() const { return text ? text : ""; }
};

/// GOption knows `-j 2` only; hands also type `-j2` and, as for GLib's own test programs, `-p=/path`. And `--json`
/// names a file, except in a listing.
std::vector<std::string> as_goption_likes(int argc, char** argv, gboolean& json_list)
{
    std::vector<std::string> arguments(argv, argv + argc);
    const bool listing = std::any_of(arguments.begin(), arguments.end(),
                                     [](const std::string& one) { return one == "-l" || one == "--list"; });
    std::vector<std::string> result;
    for (const std::string& argument : arguments) {
        if (listing && argument == "--json") {
            json_list = TRUE;
        } else if (argument.size() > 2 && argument[0] == '-' &&
                   std::string_view("jpsm").find(argument[1]) != std::string_view::npos) {
            result.push_back(argument.substr(0, 2));
            result.push_back(argument.substr(argument[2] == '=' ? 3 : 2));
        } else {
            result.push_back(argument);
        }
    }
    return result;
}

constexpr const char* which_qemu =
    "The QEMU: QTEST_QEMU_BINARY; for a pair --source and --target, or QTEST_QEMU_BINARY_SRC and QTEST_QEMU_BINARY_DST;\n"
    "else the newest that scripts/get-qemu brought, else qemu-system-x86_64 from PATH. Machine type: --machine,\n"
    "QTEST_QEMU_MACHINE_TYPE, pc; of a pair the newest such one that both have.\n"
    "QTEST_ANALYZE_SCRIPT: QEMU's scripts/analyze-migration.py, for /migration/analyze-script to run as well.";

std::string summary_with(const std::vector<Verb>& verbs)
{
    std::string text = "Tests live migration and COLO of a QEMU, or of a pair of them.\n"
                       "  migration-test merge FILE... [-o FILE]     join the results (--json) of a run's shards\n"
                       "  migration-test report FILE... -o FILE      draw results as one HTML page\n";
    for (const Verb& verb : verbs)
        text += fmt::format("  migration-test {:<26}  {}\n", verb.name + " " + verb.arguments, verb.summary);
    return text + "\n" + which_qemu;
}

constexpr const char* description =
    "A path selects a case or all below it (-p /migration/colo); with *, ? or [ it is a glob (-p '*/multifd/*').\n"
    "Shards are also taken from TEST_SHARD_INDEX and TEST_TOTAL_SHARDS, GTEST_SHARD_INDEX and GTEST_TOTAL_SHARDS,\n"
    "CI_NODE_INDEX and CI_NODE_TOTAL, SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT.\n"
    "Report: one line a case on a terminal, TAP version 14 elsewhere. A failed case's evidence is kept; the report\n"
    "names it. Ctrl-C: what runs is finished and reported; twice: it is killed, and reported all the same.\n"
    "Exit status: 0 all passed or skipped, 1 a case failed, 2 usage or environment error, 77 a single case was skipped,\n"
    "129, 130 or 143 ended by SIGHUP, SIGINT or SIGTERM.";

/// The options as they were typed.
struct Raw {
    gboolean list = FALSE, long_list = FALSE, json_list = FALSE, ctest_list = FALSE;
    gboolean markdown_list = FALSE;
    gboolean full = FALSE, tap = FALSE, progress = FALSE, keep = FALSE, keep_going = FALSE, until_fail = FALSE;
    gboolean pause = FALSE, dry_run = FALSE, fail_fast = FALSE, shuffle = FALSE, require_no_skip = FALSE;
    Texts paths, skips, tags, traces;
    Text gdb, valgrind, mode, seed, accelerator, machine, trouble, evidence, shard, junit, json, nursery;
    Text source, target;
    int jobs = -1, repeat = -1, stress = 0, keep_runs = 10;
    double multiplier = 1;
};

/// Half the cores: each case has two VMs.
unsigned usual_jobs() { return std::max(1U, g_get_num_processors() / 2); }

/// A number as it is; any other text, such as GLib's "R02S…", by its hash.
std::uint32_t seed_of(const std::string& text)
{
    std::uint32_t number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    if (result.ec == std::errc() && result.ptr == text.data() + text.size())
        return number;
    return g_str_hash(text.c_str());
}

std::string file_named(const char* option, const Text& value)
{
    if (value && value.get().empty())
        throw qtest::EnvironmentError(fmt::format("{}: no file is named", option));
    return value.get();
}

unsigned at_least(const char* option, int value, int least)
{
    if (value < least)
        throw qtest::EnvironmentError(fmt::format("{}: a number from {} on", option, least));
    return static_cast<unsigned>(value);
}

void parse_words(Raw& raw, int argc, char** argv, const std::vector<Verb>& verbs)
{
    const GOptionEntry entries[] = {
        {"list", 'l', 0, G_OPTION_ARG_NONE, &raw.list, "List the cases, or what the options select, and exit", nullptr},
        {"long", 0, 0, G_OPTION_ARG_NONE, &raw.long_list,
         "With -l: tags, deadline, memory, last time, needs, and why one would be skipped", nullptr},
        {"ctest", 0, 0, G_OPTION_ARG_NONE, &raw.ctest_list, "With -l: list as a CTestTestfile.cmake", nullptr},
        {"markdown", 0, 0, G_OPTION_ARG_NONE, &raw.markdown_list, "With -l: list as docs/cases.md", nullptr},
        {"path", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &raw.paths.all, "Run the cases at or below PATH (repeatable)",
         "PATH"},
        {"skip", 's', 0, G_OPTION_ARG_STRING_ARRAY, &raw.skips.all, "Leave out the cases at or below PATH (repeatable)",
         "PATH"},
        {"tag", 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw.tags.all, "Run the cases with this tag (repeatable: or that)",
         "TAG"},
        {"mode", 'm', 0, G_OPTION_ARG_STRING, &raw.mode.text,
         "quick, or slow: with slow cases too (also: G_TEST_SLOW set)", "MODE"},
        {"full", 0, 0, G_OPTION_ARG_NONE, &raw.full, "With the cases beyond the smoke set", nullptr},
        {"shard", 0, 0, G_OPTION_ARG_STRING, &raw.shard.text, "Run the I-th of N parts of that", "I/N"},
        {"tap", 0, 0, G_OPTION_ARG_NONE, &raw.tap, "Report as TAP version 14 even on a terminal", nullptr},
        {"progress", 0, 0, G_OPTION_ARG_NONE, &raw.progress, "Report for people even when not on a terminal", nullptr},
        {"junit", 0, 0, G_OPTION_ARG_FILENAME, &raw.junit.text, "Report as JUnit XML, too", "FILE"},
        {"json", 0, 0, G_OPTION_ARG_FILENAME, &raw.json.text, "Report as JSON lines, too (with -l: list as JSON)",
         "FILE"},
        {"jobs", 'j', 0, G_OPTION_ARG_INT, &raw.jobs, "Cases at once (half the cores)", "N"},
        {"repeat", 0, 0, G_OPTION_ARG_INT, &raw.repeat, "Run everything N times", "N"},
        {"until-fail", 0, 0, G_OPTION_ARG_NONE, &raw.until_fail, "Repeat until a case fails", nullptr},
        {"fail-fast", 0, 0, G_OPTION_ARG_NONE, &raw.fail_fast, "Start no further case once one has failed", nullptr},
        {"shuffle", 0, 0, G_OPTION_ARG_NONE, &raw.shuffle, "Run in random order", nullptr},
        {"seed", 0, 0, G_OPTION_ARG_STRING, &raw.seed.text, "The order that SEED gave with --shuffle before", "SEED"},
        {"stress", 0, 0, G_OPTION_ARG_INT, &raw.stress, "Keep N processes busy beside the run", "N"},
        {"timeout-multiplier", 0, 0, G_OPTION_ARG_DOUBLE, &raw.multiplier,
         "Stretch every deadline by X, besides what calibration finds", "X"},
        {"require-no-skip", 0, 0, G_OPTION_ARG_NONE, &raw.require_no_skip, "Exit 1 when a case was skipped", nullptr},
        {"keep", 0, 0, G_OPTION_ARG_NONE, &raw.keep, "Keep the evidence of passed cases, too", nullptr},
        {"evidence", 0, 0, G_OPTION_ARG_FILENAME, &raw.evidence.text, "Where evidence is kept (./evidence)", "DIR"},
        {"keep-runs", 0, 0, G_OPTION_ARG_INT, &raw.keep_runs, "Of how many runs evidence is kept there (10)", "N"},
        {"gdb", 0, 0, G_OPTION_ARG_STRING, &raw.gdb.text,
         "Run a VM's QEMU (source, target, all, …) under gdbserver (also: GDB_OPTIONS)", "SIDE"},
        {"valgrind", 0, 0, G_OPTION_ARG_STRING, &raw.valgrind.text,
         "Run a VM's QEMU under valgrind (also: VALGRIND_QEMU=y)", "SIDE"},
        {"trace", 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw.traces.all,
         "Trace QEMU's events (repeatable; also: QTEST_TRACE)", "PATTERN"},
        {"pause-on-failure", 0, 0, G_OPTION_ARG_NONE, &raw.pause,
         "Keep the VMs of a failed case and say how to look at them", nullptr},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &raw.dry_run, "Print the command lines of the cases' VMs and start none",
         nullptr},
        {"accel", 0, 0, G_OPTION_ARG_STRING, &raw.accelerator.text, "tcg or kvm (tcg)", "NAME"},
        {"source", 0, 0, G_OPTION_ARG_FILENAME, &raw.source.text, "The source's QEMU (also: QTEST_QEMU_BINARY_SRC)",
         "QEMU"},
        {"target", 0, 0, G_OPTION_ARG_FILENAME, &raw.target.text, "The target's QEMU (also: QTEST_QEMU_BINARY_DST)",
         "QEMU"},
        {"machine", 0, 0, G_OPTION_ARG_STRING, &raw.machine.text, "Machine type: pc, q35 or a versioned one (pc)",
         "TYPE"},
        {"known-trouble", 0, 0, G_OPTION_ARG_FILENAME, &raw.trouble.text, "Another catalogue of known trouble", "FILE"},
        {"keep-going", 'k', 0, G_OPTION_ARG_NONE, &raw.keep_going, "Accepted for GLib's sake: always so", nullptr},
        {"nursery", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &raw.nursery.text, nullptr, nullptr},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr}};
    const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(g_option_context_new(nullptr),
                                                                                    g_option_context_free);
    g_option_context_set_summary(context.get(), summary_with(verbs).c_str());
    g_option_context_set_description(context.get(), description);
    g_option_context_add_main_entries(context.get(), entries, nullptr);
    qtest::ErrorSlot error;
    std::vector<std::string> arguments = as_goption_likes(argc, argv, raw.json_list);
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
}

} // namespace

Options Options::parse(int argc, char** argv, const std::vector<Verb>& verbs)
{
    Raw raw;
    parse_words(raw, argc, argv, verbs);
    Options options;
    options.command_line.assign(argv, argv + argc);
    options.selection = {raw.paths.get(), raw.skips.get(), raw.tags.get(), raw.full != FALSE, false};
    for (const auto* patterns : {&options.selection.paths, &options.selection.skips}) {
        if (std::find(patterns->begin(), patterns->end(), "") != patterns->end())
            throw qtest::EnvironmentError("-p and -s: no path is named");
    }
    const std::string speed = raw.mode.get();
    if (speed != "" && speed != "quick" && speed != "slow")
        throw qtest::EnvironmentError(fmt::format("-m {}: quick or slow", speed));
    options.selection.slow = speed == "slow" || (speed.empty() && g_getenv("G_TEST_SLOW"));
    if (raw.shard)
        options.shard = Shard::parse(raw.shard.get());
    const Selection& selection = options.selection;
    options.selects = !selection.paths.empty() || !selection.skips.empty() || !selection.tags.empty() ||
                      selection.full || !speed.empty() || options.shard;
    if (raw.tap && raw.progress)
        throw qtest::EnvironmentError("--tap and --progress exclude each other");
    options.report = raw.tap ? Report::tap : raw.progress ? Report::text : Report::automatic;
    options.junit = file_named("--junit", raw.junit);
    options.json = file_named("--json", raw.json);
    if (!options.junit.empty() &&
        fs::weakly_canonical(fs::absolute(options.junit)) == fs::weakly_canonical(fs::absolute(options.json)))
        throw qtest::EnvironmentError(fmt::format("--junit and --json: both name {}", options.json));
    if (raw.list && raw.json)
        throw qtest::EnvironmentError("-l --json prints the list, and takes no file");
    if ((raw.long_list || raw.ctest_list || raw.markdown_list) && !raw.list)
        throw qtest::EnvironmentError("--long, --ctest and --markdown: only with -l");
    options.listing = !raw.list           ? Listing::none
                      : raw.markdown_list ? Listing::markdown
                      : raw.ctest_list    ? Listing::ctest
                      : raw.json_list     ? Listing::json
                      : raw.long_list     ? Listing::table
                                          : Listing::paths;
    if (!(raw.multiplier >= 0.01 && raw.multiplier <= 1000))
        throw qtest::EnvironmentError("--timeout-multiplier: a number from 0.01 to 1000");
    options.timeout_multiplier = raw.multiplier;
    options.run.jobs = raw.jobs == -1 ? usual_jobs() : at_least("-j", raw.jobs, 1);
    options.stress = at_least("--stress", raw.stress, 0);
    options.run.keep_runs = at_least("--keep-runs", raw.keep_runs, 1);
    if (raw.until_fail && raw.repeat != -1)
        throw qtest::EnvironmentError("--until-fail and --repeat exclude each other");
    options.run.repeat = raw.until_fail ? Queue::no_end : raw.repeat == -1 ? 1 : at_least("--repeat", raw.repeat, 1);
    options.run.fail_fast = raw.fail_fast;
    options.run.keep = raw.keep;
    options.require_no_skip = raw.require_no_skip;
    options.shuffle = raw.shuffle;
    options.seed = raw.seed ? seed_of(raw.seed.get()) : 0;
    options.run.evidence = raw.evidence ? raw.evidence.get() : "evidence";
    if (options.run.evidence.empty())
        throw qtest::EnvironmentError("--evidence: no directory is named");
    options.asked.source = raw.source.get();
    options.asked.target = raw.target.get();
    options.asked.machine = raw.machine.get();
    if (raw.accelerator)
        options.asked.accelerator = raw.accelerator.get();
    options.known_trouble = raw.trouble.get();
    // Calibration comes on top of the multiplier each time.
    options.run.reproduce = {"--timeout-multiplier", fmt::format("{}", options.timeout_multiplier)};
    if (!options.known_trouble.empty())
        options.run.reproduce.insert(options.run.reproduce.end(),
                                     {"--known-trouble", std::filesystem::absolute(options.known_trouble)});
    options.debugging = {.gdb = raw.gdb.get(),
                         .valgrind = raw.valgrind.get(),
                         .traces = raw.traces.get(),
                         .pause_on_failure = raw.pause != FALSE,
                         .dry_run = raw.dry_run != FALSE};
    options.debugging.add_environment();
    options.nursery = raw.nursery.get();
    return options;
}

} // namespace harness
