// SPDX-License-Identifier: GPL-2.0-or-later
#include "evidence.h"

#include <algorithm>

#include <fmt/format.h>

#include "errors.h"
#include "glib_ptr.h"
#include "log_file.h"
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

Json gather_evidence(Case& test)
{
    std::vector<Asked> all;
    for (const auto& machine : test.machines())
        all.push_back({*machine, ask(machine->qmp())});
    // One second for all of them together, on slow machines too: the runner waits a little longer than that.
    const auto deadline = qtest::Deadline::unscaled(std::chrono::seconds(1));
    Json shown = Json::object();
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

void write_reproduce(const fs::path& path, const CaseInfo& info, const Setting& setting)
{
    const auto quoted = [](const std::string& text) {
        return std::string(qtest::CharPtr(g_shell_quote(text.c_str())).get());
    };
    qtest::write_file(path, fmt::format("#!/bin/sh\n"
                                        "# Runs the case again as it ran, with evidence kept even when it passes.\n"
                                        "QTEST_QEMU_BINARY_SRC={} QTEST_QEMU_BINARY_DST={} \\\n"
                                        "exec {} --keep --accel {} --machine {} -p {} \"$@\"\n",
                                        quoted(setting.source.binary), quoted(setting.target.binary),
                                        quoted(fs::read_symlink("/proc/self/exe").string()), setting.accelerator,
                                        setting.machine, quoted(info.path)));
    fs::permissions(path, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                    fs::perm_options::add);
}

} // namespace

void keep_evidence(const fs::path& scratch, const fs::path& place, const RunFacts& facts, const CaseRun& run,
                   const Outcome& outcome)
{
    try {
        fs::create_directories(place);
        for (const auto& entry : fs::directory_iterator(scratch)) {
            if (entry.is_regular_file())
                fs::copy_file(entry.path(), place / entry.path().filename(), fs::copy_options::overwrite_existing);
        }
        qtest::write_file(place / "case.json", record_of(facts, run, outcome).pretty() + "\n");
        write_reproduce(place / "reproduce.sh", run.info, facts.setting);
    } catch (const fs::filesystem_error& error) {
        throw qtest::EnvironmentError(
            fmt::format("cannot keep evidence in {}: {}", place.string(), error.code().message()));
    }
}

} // namespace harness
