// SPDX-License-Identifier: GPL-2.0-or-later
#include "outcome.h"

namespace harness
{

namespace
{
constexpr const char* results[] = {"passed", "failed", "skipped", "error"};
}

qtest::Json Outcome::save() const
{
    return {{"result", results[static_cast<int>(result)]}, {"reason", reason}, {"details", details}, {"seconds", seconds}};
}

Outcome Outcome::load(const qtest::Json& saved)
{
    Outcome outcome;
    const std::string name = saved.at("result").as_string();
    for (int i = 0; i < 4; i++) {
        if (name == results[i])
            outcome.result = static_cast<Result>(i);
    }
    outcome.reason = saved.at("reason").as_string();
    outcome.details = saved.at("details");
    outcome.seconds = saved.at("seconds").as_double();
    return outcome;
}

} // namespace harness
