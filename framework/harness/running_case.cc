// SPDX-License-Identifier: GPL-2.0-or-later
#include "running_case.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>

#include "errors.h"
#include "log_file.h"
#include "timeline.h"

namespace fs = std::filesystem;
using qtest::Deadline;
using qtest::Json;

namespace harness
{

namespace
{

/// What a case's process gets beyond the case's deadline to gather evidence and end its VMs, before it is killed: more
/// than the 1.5 s that evidence takes when no VM answers, and less than the 2 s that a case may overstay.
constexpr std::chrono::milliseconds grace{1600};
/// What it gets to end its VMs after a pause.
constexpr std::chrono::seconds after_pause{20};

constexpr std::size_t report_line_limit = 4 * 1024 * 1024;

std::string last_words(const fs::path& output)
{
    std::string text = qtest::read_tail(output, 1000);
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

} // namespace

RunningCase::RunningCase(qtest::Loop& loop, Reporter& reporter, Nursery& nursery, const CaseRun& run, Terms terms)
    : RunningCase(loop, reporter, nursery, run, std::move(terms), qtest::SocketPair())
{
}

RunningCase::RunningCase(qtest::Loop& loop, Reporter& reporter, Nursery& nursery, const CaseRun& run, Terms terms,
                         qtest::SocketPair line)
    : loop_(loop), reporter_(reporter), run_(run), terms_(std::move(terms)), started_(qtest::epoch_seconds()),
      begin_(Deadline::Clock::now()), splitter_(report_line_limit),
      reports_(loop, std::move(line.ours), {[this](std::string_view bytes) { receive(bytes); }, {}}),
      process_(loop, make_process(nursery, line.theirs.get()))
{
    process_.on_exit([this](const qtest::ExitStatus&) { end_ = Deadline::Clock::now(); });
    set_alarm(Deadline::in(terms_.deadline).total() + grace);
}

void RunningCase::set_alarm(std::chrono::milliseconds until)
{
    alarm_ = loop_.after(until, [this] {
        kill(fmt::format("the case's process did not end by itself at its deadline of {:.1f} s and was killed",
                         std::chrono::duration<double>(Deadline::in(terms_.deadline).total()).count()));
    });
}

pid_t RunningCase::make_process(Nursery& nursery, int reports) const
{
    const fs::path output = terms_.directory / "case.output";
    // With QTEST_LOG, as for QEMU's own tests, it is shown.
    const qtest::UniqueFd file(g_getenv("QTEST_LOG")
                                   ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                                   : open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file)
        throw qtest::EnvironmentError(fmt::format("cannot write {}: {}", output.string(), std::strerror(errno)));
    return nursery.make_process({run_.info.path, terms_.directory, terms_.deadline}, reports, file.get());
}

void RunningCase::kill(const std::string& reason)
{
    // It may have ended in time, and this process come late to see it.
    siginfo_t end{};
    if (!process_.running() ||
        (waitid(P_PID, static_cast<id_t>(pid()), &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid == pid()))
        return;
    if (!killed_for_)
        killed_for_ = reason;
    process_.send_signal(SIGKILL);
}

void RunningCase::resume()
{
    if (!paused_)
        return;
    paused_ = false;
    process_.send_signal(SIGTERM);
    set_alarm(after_pause);
}

/// What a case's process says may be anything once the process has gone wrong: that fails the case and nothing else.
void RunningCase::receive(std::string_view bytes)
{
    try {
        splitter_.feed(bytes, [this](std::string_view text) { report(Json::parse(text)); });
    } catch (const qtest::Error& error) {
        reported_ = Outcome{.result = Result::failed,
                            .reason = fmt::format("the case's report cannot be read: {}", error.what())};
        reports_.close();
    }
}

void RunningCase::report(const Json& message)
{
    if (const auto name = message.find("phase")) {
        phases_.append(Json{{"name", *name}, {"time", message.at("time")}});
        reporter_.phase(run_, name->as_string());
    } else if (const auto mark = message.find("mark")) {
        marks_.append(Json{{"name", *mark}, {"time", message.at("time")}});
    } else if (const auto said = message.find("notice")) {
        reporter_.notice(fmt::format("{}: {}", run_.info.path, said->as_string()));
    } else if (const auto text = message.find("paused")) {
        paused_ = true;
        alarm_ = qtest::Watch();
        reporter_.notice(fmt::format("{}: {}", run_.info.path, text->as_string()));
    } else {
        reported_ = Outcome::load(message);
    }
}

Outcome RunningCase::outcome() const
{
    const qtest::ExitStatus status = *process_.exit_status();
    Outcome outcome = reported_.value_or(Outcome{});
    if (!reported_ || killed_for_ || status != qtest::ExitStatus::exited(0)) {
        std::string reason = killed_for_.value_or(
            fmt::format("the case's process {} {}", status.text(),
                        reported_ ? fmt::format("after it had reported '{}'", name_of(reported_->result))
                                  : "without reporting a result"));
        if (const std::string words = last_words(terms_.directory / "case.output"); !words.empty())
            reason += "; its last words: " + words;
        outcome.reason = outcome.failed() ? outcome.reason + "; then " + reason : reason;
        outcome.result = outcome.result == Result::error ? Result::error : Result::failed;
        if (phases_.size() > 0 && !outcome.details.has("phase"))
            outcome.details.set("phase", phases_.elements().back().at("name"));
        if (outcome.vms.size() == 0)
            outcome.vms = vm_timelines_from(terms_.directory);
    }
    outcome.phases = phases_;
    outcome.marks = marks_;
    outcome.started = started_;
    // To the millisecond.
    outcome.seconds = static_cast<double>(std::chrono::round<std::chrono::milliseconds>(end_ - begin_).count()) / 1000;
    return outcome;
}

} // namespace harness
