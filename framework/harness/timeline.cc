// SPDX-License-Identifier: GPL-2.0-or-later
#include "timeline.h"

#include "glib_ptr.h"

namespace harness
{

namespace
{

using qtest::Json;

// Where it began and, more so, where it ended is what is looked at.
constexpr std::size_t first_kept = 100;
constexpr std::size_t last_kept = 200;

/// Whether the element at `index` of `size` is left out.
bool left_out(std::size_t index, std::size_t size)
{
    return size > first_kept + last_kept && index >= first_kept && index < size - last_kept;
}

/// An event's data, or the beginning of its text when it is long.
Json bounded(const Json& data)
{
    constexpr std::size_t most = 500;
    std::string text = data.dump();
    if (text.size() <= most)
        return data;
    text.resize(most);
    return std::string(qtest::CharPtr(g_utf8_make_valid(text.data(), most)).get()) + "… (cut)";
}

Json states_of(const std::vector<qtest::RunStates::Entry>& all)
{
    std::vector<Json> states;
    for (std::size_t i = 0; i < all.size(); i++) {
        if (!left_out(i, all.size()))
            states.push_back({{"time", all[i].time}, {"state", all[i].state}});
        else if (i == first_kept)
            states.push_back({{"time", all[i].time}, {"state", "left out"}});
    }
    return Json::array(states);
}

Json events_of(const std::vector<qtest::Event>& all)
{
    std::vector<Json> events;
    for (std::size_t i = 0; i < all.size(); i++) {
        if (!left_out(i, all.size()))
            events.push_back({{"time", static_cast<double>(all[i].timestamp_us) / 1e6},
                              {"name", all[i].name},
                              {"data", bounded(all[i].data)}});
    }
    return Json::array(events);
}

} // namespace

Json vm_timelines(Case& test)
{
    std::vector<Json> vms;
    for (const auto& machine : test.machines()) {
        const auto& events = machine->qmp().events().all();
        const auto& exit = machine->process().exit_status();
        const Json shown = events_of(events);
        vms.push_back({{"name", machine->name()},
                       {"started", machine->started()},
                       {"ended", machine->ended() ? Json(*machine->ended()) : Json()},
                       {"exit", exit ? Json(exit->text()) : Json()},
                       {"states", states_of(machine->run_states().all())},
                       {"events", shown},
                       {"events_left_out", static_cast<std::int64_t>(events.size() - shown.size())}});
    }
    return Json::array(vms);
}

} // namespace harness
