// SPDX-License-Identifier: GPL-2.0-or-later
#include "case_process.h"

#include <sys/prctl.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "case.h"
#include "display_text.h"
#include "errors.h"
#include "evidence.h"
#include "log_file.h"
#include "outcome.h"
#include "pause.h"
#include "strays.h"
#include "timeline.h"

namespace harness
{

namespace
{

using Clock = qtest::Deadline::Clock;

/// To the millisecond.
double seconds_since(Clock::time_point begin)
{
    return static_cast<double>(std::chrono::round<std::chrono::milliseconds>(Clock::now() - begin).count()) / 1000;
}

void report(const qtest::Json& message)
{
    // What a guest or a QEMU has printed may be any bytes.
    qtest::write_all(report_fd, valid_utf8(message.dump()) + "\n", "the report to the runner");
}

/// What went wrong, where in the procedure, and what the VMs were at: gathered before they are ended.
Outcome failure(Case& test, Result result, const std::string& reason, bool wait_failed = false)
{
    Outcome outcome{.result = result, .reason = reason};
    // The end of a QEMU explains more than what it made a wait say.
    if (const auto ends = unannounced_ends(test); !ends.empty())
        outcome.reason = fmt::format("{}", fmt::join(ends, "; "));
    if (!test.phases().empty()) {
        const Case::Phase& phase = test.phases().back();
        outcome.details.set("phase", phase.name).set("seconds_in_phase", seconds_since(phase.begin));
    }
    // Should the rest take too long, the verdict is there; the last outcome stands.
    report(outcome.save());
    for (const auto& [name, state] : gather_evidence(test, wait_failed).members())
        outcome.details.set(name, state);
    if (test.setting().debugging.pause_on_failure) {
        report(outcome.save());
        pause(test);
    }
    return outcome;
}

Outcome run(Case& test)
{
    try {
        if (const auto reason = test.info().missing_need(test.setting()))
            throw qtest::Skip(*reason);
        test.info().run(test);
        test.finish();
        return {};
    } catch (const qtest::Skip& skip) {
        return {.result = Result::skipped, .reason = skip.what()};
    } catch (const qtest::EnvironmentError& error) {
        return failure(test, Result::error, error.what());
    } catch (const qtest::Timeout& error) {
        return failure(test, Result::failed, error.what(), true);
    } catch (const std::exception& error) {
        return failure(test, Result::failed, error.what());
    }
}

} // namespace

int run_case_process(const CaseInfo& info, const Setting& setting, const std::filesystem::path& directory)
{
    // What is orphaned while the case runs comes to this process, and is known to be this case's.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    Outcome outcome;
    {
        Case test(info, setting, directory, [](const char* kind, const std::string& name) {
            report(qtest::Json{{kind, name}, {"time", qtest::epoch_seconds()}});
        });
        outcome = run(test);
        outcome.vms = vm_timelines(test);
    }
    const auto strays = end_adopted({});
    if (!strays.empty() && outcome.result == Result::passed)
        outcome = {.result = Result::failed, .reason = left_behind(strays), .vms = outcome.vms};
    report(outcome.save());
    return 0;
}

} // namespace harness
