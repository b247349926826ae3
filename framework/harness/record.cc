// SPDX-License-Identifier: GPL-2.0-or-later
#include "record.h"

#include <cmath>

namespace harness
{

namespace
{

using qtest::Json;

/// To the microsecond, as QMP events have it.
double since(double started, const Json& time) { return std::round((time.as_double() - started) * 1e6) / 1e6; }

/// {"name", "time"} → {"name", "at"}
Json relative(const Json& moments, double started)
{
    Json result = Json::array();
    for (const Json& one : moments.elements()) {
        Json moment = Json::object();
        for (const auto& [key, value] : one.members()) {
            if (key == "time")
                moment.set("at", since(started, value));
            else
                moment.set(key, value);
        }
        result.append(moment);
    }
    return result;
}

/// Each phase with how long it lasted: until the next one, or the end.
Json phases_of(const Outcome& outcome)
{
    Json result = Json::array();
    const auto phases = relative(outcome.phases, outcome.started).elements();
    for (std::size_t i = 0; i < phases.size(); i++) {
        const double end = i + 1 < phases.size() ? phases[i + 1].at("at").as_double() : outcome.seconds;
        Json phase = phases[i];
        result.append(phase.set("seconds", std::round((end - phase.at("at").as_double()) * 1e6) / 1e6));
    }
    return result;
}

Json vms_of(const Outcome& outcome)
{
    Json result = Json::array();
    for (Json vm : outcome.vms.elements()) {
        for (const char* moment : {"started", "ended"}) {
            if (vm.has(moment) && !vm.at(moment).is_null())
                vm.set(moment, since(outcome.started, vm.at(moment)));
        }
        for (const char* moments : {"states", "events"})
            vm.set(moments, relative(vm.at(moments), outcome.started));
        result.append(vm);
    }
    return result;
}

} // namespace

Json record_of(const RunFacts& facts, const CaseRun& run, const Outcome& outcome)
{
    const CaseInfo& info = run.info;
    std::vector<std::string> needs;
    for (const Need& need : info.needs)
        needs.push_back(need.text());
    Json record{{"case", info.path},
                {"repetition", static_cast<std::int64_t>(run.repetition)},
                {"run", facts.id},
                {"summary", info.summary},
                {"needs", Json::array(needs)},
                {"tags", Json::array(info.tags())},
                {"deadline_s", static_cast<std::int64_t>(info.deadline.count())},
                {"ram_mib", static_cast<std::int64_t>(info.ram_mib)},
                {"result", name_of(outcome.result)},
                {"reason", outcome.reason},
                {"started", outcome.started},
                {"seconds", outcome.seconds},
                {"phases", phases_of(outcome)},
                {"marks", relative(outcome.marks, outcome.started)},
                {"vms", vms_of(outcome)},
                {"details", outcome.details},
                {"source", describe(facts.setting.source)},
                {"target", describe(facts.setting.target)},
                {"accelerator", facts.setting.accelerator},
                {"machine", facts.setting.machine},
                {"host", facts.host}};
    if (outcome.known_trouble)
        record.set("known_trouble", *outcome.known_trouble);
    if (!outcome.evidence.empty())
        record.set("evidence", outcome.evidence);
    return record;
}

} // namespace harness
