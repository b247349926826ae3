// SPDX-License-Identifier: GPL-2.0-or-later
#include "evidence.h"

#include <algorithm>

#include <fmt/format.h>

#include "errors.h"
#include "kept_files.h"
#include "log_file.h"
#include "process.h"
#include "record.h"

namespace fs = std::filesystem;
using qtest::Json;

namespace harness
{

namespace
{

std::string last_event(const qtest::QmpClient& qmp)
{
    if (qmp.events().all().empty())
        return "none";
    const qtest::Event& event = qmp.events().all().back();
    const double ago = static_cast<double>(g_get_real_time() - event.timestamp_us) / 1e6;
    return fmt::format("{}{} {:.3f} s before", event.name, event.data.size() ? " " + event.data.dump() : "", ago);
}

const std::vector<std::string> questions{"query-status", "query-migrate", "query-migrate-capabilities",
                                         "query-migrate-parameters"};

/// A VM's answers to the questions, under way.
struct Asked {
    qtest::Machine& machine;
    std::vector<qtest::Op<Json>> calls;
};

/// No calls: it cannot be asked.
std::vector<qtest::Op<Json>> ask(qtest::QmpClient& qmp)
{
    std::vector<qtest::Op<Json>> calls;
    try {
        for (const std::string& question : questions)
            calls.push_back(qmp.execute_async(question));
    } catch (const qtest::Error&) {
        calls.clear(); // its connection is gone, or its transcript cannot be written: the state says so
    }
    return calls;
}

Json answers_of(const Asked& asked, qtest::Deadline deadline)
{
    Json answers = Json::object();
    for (std::size_t i = 0; i < asked.calls.size(); i++) {
        try {
            answers.set(questions[i], asked.calls[i].get(deadline));
        } catch (const qtest::Error& error) {
            answers.set(questions[i], std::string("no answer: ") + error.what());
        }
    }
    return answers;
}

Json state_of(const Asked& asked, qtest::Deadline deadline, const fs::path& directory)
{
    qtest::Machine& machine = asked.machine;
    Json shown{{"last event", last_event(machine.qmp())}};
    const Json state = answers_of(asked, deadline);
    // It may have ended only now, its peer being gone.
    if (const auto& status = machine.process().exit_status()) {
        const std::string words = machine.last_words();
        return shown.set("exit", status->text() + (words.empty() ? "" : "; its last words: " + words));
    }
    if (asked.calls.empty())
        return shown.set("monitor", "not answering");
    qtest::write_file(directory / (machine.name() + ".state.json"), state.pretty() + "\n");
    shown.set("run state", state.find("query-status/status").value_or(state.at("query-status")));
    if (const auto status = state.find("query-migrate/status"))
        shown.set("migration", *status);
    return shown;
}

} // namespace

std::vector<std::string> unannounced_ends(Case& test)
{
    for (const auto& machine : test.machines())
        machine->accept_any_exit();
    test.loop().forgive();
    const auto ending = [](const auto& machine) {
        return machine->process().running() && machine->qmp().runstate() == qtest::Runstate::disconnecting;
    };
    try {
        test.loop().turn();
        test.loop().until([&] { return std::none_of(test.machines().begin(), test.machines().end(), ending); },
                          qtest::Deadline::unscaled(std::chrono::milliseconds(500)), "the end of QEMUs that hung up");
    } catch (const qtest::Error&) {
        // The one that hung up and did not end is told of as such.
    }
    std::vector<std::string> ends;
    for (const bool by_signal : {true, false}) {
        for (const auto& machine : test.machines()) {
            const auto end = machine->unannounced_end();
            if (end && machine->process().exit_status()->by_signal == by_signal)
                ends.push_back(*end);
        }
    }
    return ends;
}

namespace
{

/// Starts gdb for the machine unless there is one.
void start_gdb(Case& test, qtest::Machine& machine)
{
    const auto is_its = [&](const Backtrace& gdb) { return &gdb.machine() == &machine; };
    if (std::none_of(test.gdbs().begin(), test.gdbs().end(), is_its))
        test.gdbs().emplace_back(test.loop(), machine);
}

/// Dispatches until the condition holds or the time is over: there is nobody to tell.
void spend(Case& test, std::chrono::milliseconds time, const std::function<bool()>& holds)
{
    try {
        test.loop().until(holds, qtest::Deadline::unscaled(time), "evidence");
    } catch (const qtest::Error&) {
        // What did not come is told by what is missing.
    }
}

void look_with_gdb(Case& test, const std::vector<Asked>& all, bool wait_failed)
{
    using std::chrono::milliseconds;
    // The runner ends this process 1.6 s after the case's deadline.
    const auto left = std::chrono::floor<milliseconds>(test.deadline().end() - qtest::Deadline::Clock::now());
    const auto end =
        qtest::Deadline::unscaled(std::clamp(left + milliseconds(1400), milliseconds(0), milliseconds(20'000)));
    const auto answered = [](const Asked& asked) {
        return !asked.calls.empty() &&
               std::all_of(asked.calls.begin(), asked.calls.end(), [](const auto& call) { return call.done(); });
    };
    const auto silent = [&](const Asked& asked) { return asked.machine.process().running() && !answered(asked); };
    const auto to_look_at = [&](const Asked& asked) {
        const auto& status = asked.machine.process().exit_status();
        return status ? asked.machine.unannounced_end() && Backtrace::is_crash(*status) : wait_failed || silent(asked);
    };
    // Here all that run are still silent: only where a wait failed it is known that gdb will be needed.
    for (const Asked& asked : all) {
        if (to_look_at(asked) && (wait_failed || !asked.machine.process().running()))
            start_gdb(test, asked.machine);
    }
    // gdb stops the processes, so they are asked first. One that is late may still answer after that.
    spend(test, std::min(milliseconds(1000), end.left() / 4),
          [&] { return std::none_of(all.begin(), all.end(), silent); });
    for (const Asked& asked : all) {
        if (to_look_at(asked))
            start_gdb(test, asked.machine);
    }
    std::vector<Backtrace*> looking;
    for (Backtrace& gdb : test.gdbs()) {
        const auto is_its = [&](const Asked& asked) { return &asked.machine == &gdb.machine() && to_look_at(asked); };
        if (std::any_of(all.begin(), all.end(), is_its)) {
            gdb.look();
            looking.push_back(&gdb);
        }
    }
    spend(test, end.left(),
          [&] { return std::all_of(looking.begin(), looking.end(), [](const auto* gdb) { return gdb->done(); }); });
    test.gdbs().clear();
}

} // namespace

Json gather_evidence(Case& test, bool wait_failed)
{
    const auto deadline = qtest::Deadline::unscaled(std::chrono::seconds(1));
    std::vector<Asked> all;
    for (const auto& machine : test.machines())
        all.push_back({*machine, ask(machine->qmp())});
    Json shown = Json::object();
    try {
        look_with_gdb(test, all, wait_failed);
    } catch (const std::exception& error) {
        shown.set("no backtrace", error.what());
    }
    for (const Asked& asked : all) {
        try {
            shown.set(asked.machine.name(), state_of(asked, deadline, test.directory()));
        } catch (const std::exception& error) {
            shown.set(asked.machine.name(), std::string("not known: ") + error.what());
        }
    }
    return shown;
}

namespace
{

void write_reproduce(const fs::path& path, const CaseInfo& info, const Setting& setting,
                     const std::vector<std::string>& options)
{
    std::vector<std::string> words{fs::read_symlink("/proc/self/exe").string(), "--keep"};
    words.insert(words.end(), {"--accel", setting.accelerator, "--machine", setting.machine});
    const auto debugging = setting.debugging.options();
    words.insert(words.end(), debugging.begin(), debugging.end());
    words.insert(words.end(), options.begin(), options.end());
    // A CI's shard is not meant: this case is to run.
    words.insert(words.end(), {"--shard", "1/1", "-p", info.path});
    qtest::write_file(path, fmt::format("#!/bin/sh\n"
                                        "# Runs the case again as it ran, with evidence kept even when it passes.\n"
                                        "export {} {} {}\n"
                                        "exec {} --evidence \"$(dirname \"$0\")/again\" \"$@\"\n",
                                        qtest::shell_line({"QTEST_QEMU_BINARY_SRC=" + setting.source.binary}),
                                        qtest::shell_line({"QTEST_QEMU_BINARY_DST=" + setting.target.binary}),
                                        setting.debugging.gdb.empty()
                                            ? ""
                                            : qtest::shell_line({"GDB_OPTIONS=" + setting.debugging.gdb_options}),
                                        qtest::shell_line(words)));
    fs::permissions(path, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                    fs::perm_options::add);
}

} // namespace

void keep_evidence(const fs::path& scratch, const fs::path& place, const RunFacts& facts, const CaseRun& run,
                   const Outcome& outcome, const std::vector<std::string>& options)
{
    try {
        fs::create_directories(place);
        keep_files(scratch, place);
        qtest::write_file(place / "case.json", record_of(facts, run, outcome).pretty() + "\n");
        write_reproduce(place / "reproduce.sh", run.info, facts.setting, options);
    } catch (const fs::filesystem_error& error) {
        throw qtest::EnvironmentError(
            fmt::format("cannot keep evidence in {}: {}", place.string(), error.code().message()));
    }
}

} // namespace harness
