// SPDX-License-Identifier: GPL-2.0-or-later
#include "case.h"

#include "errors.h"

namespace harness
{

Case::Case(const CaseInfo& info, const Setting& setting, std::filesystem::path directory, OnMoment on_moment)
    : info_(info), setting_(setting), directory_(std::move(directory)), on_moment_(std::move(on_moment))
{
    loop_.set_limit(Deadline::in(info.deadline));
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
    machines_.push_back(std::make_unique<qtest::Machine>(
        loop_, qtest::Machine::Config{name, binary, std::move(arguments), directory_}));
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
}

} // namespace harness
