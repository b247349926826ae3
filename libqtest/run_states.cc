// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_states.h"

#include <algorithm>

namespace qtest
{

void RunStates::sent(const Json& message)
{
    if (message.find("execute") == Json("query-status"))
        asked_.insert(message.find("id").value_or(Json()).dump());
}

void RunStates::received(const Json& message, double now)
{
    if (const auto name = message.find("event"); name && name->is_string()) {
        const auto seconds = message.find("timestamp/seconds");
        const auto micros = message.find("timestamp/microseconds");
        const bool dated = seconds && seconds->is_number() && micros && micros->is_number();
        event(name->as_string(), message, dated ? seconds->as_double() + micros->as_double() / 1e6 : now);
    } else if (message.has("id") && asked_.erase(message.at("id").dump())) {
        if (const auto state = message.find("return/status"); state && state->is_string())
            enter(state->as_string(), now);
    }
}

void RunStates::event(const std::string& name, const Json& message, double time)
{
    const auto action = message.find("data/action");
    if (name == "RESUME" || name == "WAKEUP")
        enter("running", time);
    else if (name == "SUSPEND")
        enter("suspended", time);
    else if (name == "SHUTDOWN")
        enter("shutdown", time);
    else if (name == "GUEST_PANICKED" && action == Json("pause"))
        enter("guest-panicked", time);
    else if (name == "WATCHDOG" && action == Json("pause"))
        enter("watchdog", time);
    else if (name == "BLOCK_IO_ERROR" && action == Json("stop"))
        enter("io-error", time);
    else if (name == "STOP" && (all_.back().state == "running" || all_.back().state == "suspended"))
        enter("stopped", time); // after one of the others it only confirms
}

void RunStates::enter(const std::string& state, double time)
{
    // An answer is dated when it was read, which may be after the event that followed it.
    for (auto entry = all_.rbegin(); entry != all_.rend() && entry->time > time; ++entry)
        entry->time = time;
    if (all_.back().state != state)
        all_.push_back({time, state});
}

} // namespace qtest
