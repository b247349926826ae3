// SPDX-License-Identifier: GPL-2.0-or-later
#include "case.h"

#include <algorithm>

#include <fmt/format.h>

#include "errors.h"
#include "pause.h"

namespace harness
{

Case::Case(const CaseInfo& info, const Setting& setting, std::filesystem::path directory, OnMoment on_moment)
    : info_(info), setting_(setting), directory_(std::move(directory)), on_moment_(std::move(on_moment)),
      deadline_(Deadline::in(info.deadline))
{
    loop_.set_limit(deadline_);
    // On a loaded machine two gdbs took 3 s to start.
    const auto total = deadline_.total();
    deadline_is_near_ = loop_.after(std::max<Deadline::Duration>(total - std::chrono::seconds(5), total / 2), [this] {
        deadline_is_near_ = qtest::Watch();
        for (const auto& machine : machines_)
            gdbs_.emplace_back(loop_, *machine);
    });
}

void Case::phase(const std::string& name)
{
    phases_.push_back({name, Deadline::Clock::now()});
    on_moment_("phase", name);
}

void Case::check(bool holds, const std::string& text) const
{
    if (!holds)
        throw qtest::TestFailure(text);
}

void Case::skip(const std::string& reason) const { throw qtest::Skip(reason); }

qtest::Machine& Case::start_machine(const std::string& name, const std::string& binary,
                                    std::vector<std::string> arguments)
{
    const Debugging& debugging = setting_.debugging;
    const auto more = debugging.arguments(name, directory_);
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto wrapper = debugging.wrapper(name, machines_.size(), directory_);
    if (debugging.dry_run) {
        wrapper = {.command = {"sh", "-c", "exec sleep infinity"}}; // the words of QEMU become its $0, $1, …
        loop_.fail(std::make_exception_ptr(DryRun()));
    }
    machines_.push_back(std::make_unique<qtest::Machine>(
        loop_, qtest::Machine::Config{name, binary, std::move(arguments), directory_, wrapper, file_limit(info_)}));
    if (wrapper.forks)
        notice(fmt::format("{} waits for its debugger: {}", name, Debugging::how_to_attach(wrapper, binary)));
    return *machines_.back();
}

void Case::finish()
{
    phase("end");
    loop_.turn();
    const auto deadline = Deadline::in(std::chrono::seconds(20));
    for (const auto& machine : machines_) {
        if (machine->process().running())
            machine->quit();
    }
    for (const auto& machine : machines_)
        machine->wait_exit(deadline);
    for (const std::string* side : {&setting_.debugging.gdb, &setting_.debugging.valgrind}) {
        const auto is_it = [&](const auto& machine) { return *side == "all" || machine->name() == *side; };
        if (!side->empty() && std::none_of(machines_.begin(), machines_.end(), is_it))
            throw qtest::EnvironmentError(fmt::format("no VM of this case is called '{}' (--gdb, --valgrind)", *side));
    }
}

std::string evidence_name(const CaseInfo& info)
{
    std::string name = info.path.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    return name;
}

rlim_t file_limit(const CaseInfo& info) { return (1536 + rlim_t(info.ram_mib)) * 1024 * 1024; }

} // namespace harness
