// SPDX-License-Identifier: GPL-2.0-or-later
#include "timeline.h"

#include <algorithm>
#include <charconv>

#include <sys/stat.h>

#include "glib_ptr.h"
#include "log_file.h"
#include "regular_files.h"

namespace fs = std::filesystem;

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

/// One VM as docs/results.md has it, but for its name.
Json timeline(double started, const qtest::RunStates& states, const qtest::EventLog& events)
{
    const Json shown = events_of(events.all());
    return {{"started", started}, {"ended", {}},
            {"exit", {}},         {"states", states_of(states.all())},
            {"events", shown},    {"events_left_out", static_cast<std::int64_t>(events.all().size() - shown.size())}};
}

/// Calls back with each line "TIME {"sent": MESSAGE}" or "TIME {"received": MESSAGE}" (machine.cc).
template <class Message>
void read_transcript(const fs::path& path, Message message)
{
    constexpr std::size_t most = 32 * 1024 * 1024;
    const std::string text = qtest::read_tail(path, most);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = std::min(text.find('\n', at), text.size()) - at;
        const std::string_view line = std::string_view(text).substr(at, length);
        at += length + 1;
        double time = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), time);
        try {
            if (error == std::errc())
                message(time, Json::parse(line.substr(static_cast<std::size_t>(end - line.data()))));
        } catch (const qtest::JsonError&) {
            // Cut short: where the file was bounded, or at its end.
        }
    }
}

/// The VM whose command line was written to this file as it was started.
Json timeline_from(const fs::path& command_line)
{
    struct stat file {
    };
    stat(command_line.c_str(), &file);
    const double started = static_cast<double>(file.st_mtim.tv_sec) + static_cast<double>(file.st_mtim.tv_nsec) / 1e9;
    const bool incoming = qtest::read_tail(command_line, 1024 * 1024).find(" -incoming ") != std::string::npos;
    qtest::RunStates states(incoming, started);
    qtest::EventLog events;
    read_transcript(fs::path(command_line).replace_extension(".qmp.jsonl"), [&](double time, const Json& line) {
        if (const auto sent = line.find("sent"))
            states.sent(*sent);
        if (const auto received = line.find("received")) {
            states.received(*received, time);
            if (received->has("event"))
                events.add(*received);
        }
    });
    Json vm = timeline(started, states, events);
    return vm.set("name", command_line.stem().string());
}

} // namespace

Json vm_timelines_from(const fs::path& directory)
{
    std::vector<Json> vms;
    for (const fs::path& file : regular_files(directory)) {
        if (file.extension() == ".command-line")
            vms.push_back(timeline_from(file));
    }
    std::sort(vms.begin(), vms.end(),
              [](const Json& a, const Json& b) { return a.at("started").as_double() < b.at("started").as_double(); });
    return Json::array(vms);
}

Json vm_timelines(Case& test)
{
    std::vector<Json> vms;
    for (const auto& machine : test.machines()) {
        Json vm = timeline(machine->started(), machine->run_states(), machine->qmp().events());
        vm.set("name", machine->name());
        if (machine->ended())
            vm.set("ended", *machine->ended());
        if (const auto& exit = machine->process().exit_status())
            vm.set("exit", exit->text());
        vms.push_back(vm);
    }
    return Json::array(vms);
}

} // namespace harness
