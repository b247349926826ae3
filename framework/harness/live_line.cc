// SPDX-License-Identifier: GPL-2.0-or-later
#include "live_line.h"

#include <algorithm>

#include <fmt/format.h>

#include "display_text.h"

namespace harness
{

namespace
{

using std::chrono::duration_cast;
using std::chrono::seconds;

/// "0:07", "12:07", "1:02:07"
std::string clock_text(LiveLine::Clock::duration time)
{
    const auto all = std::max<std::int64_t>(0, duration_cast<seconds>(time).count());
    return all < 3600 ? fmt::format("{}:{:02}", all / 60, all % 60)
                      : fmt::format("{}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60);
}

/// Room for one running case that tells something.
constexpr std::size_t least_case = 16;

/// "…/tcp/plain: migrate 0:12"
std::string describe(const LiveLine::Running& one, std::size_t width, LiveLine::Clock::time_point now)
{
    const std::string name = one_line(one.path) + (one.repetition > 1 ? fmt::format("#{}", one.repetition) : "");
    constexpr std::size_t least_with_phase = 12;
    if (width < least_with_phase)
        return clip_start(name, width);
    std::string phase = ": " + one_line(one.phase);
    if (now - one.begin >= seconds(10))
        phase += " " + clock_text(now - one.begin);
    // A long phase leaves half the room to the name, whose end is what tells.
    phase = clip_end(phase, std::max(width / 2, width - std::min(width, columns(name))));
    return clip_start(name, width - columns(phase)) + phase;
}

} // namespace

/// The counts and times, from the most telling to the shortest.
std::vector<std::string> LiveLine::heads(Clock::time_point now) const
{
    const std::string count = planned ? fmt::format("{}/{}", finished, planned) : fmt::format("{}", finished);
    const std::string bad = failed ? fmt::format(" {} failed", failed) : "";
    const std::string left_out = skipped ? fmt::format(" {} skipped", skipped) : "";
    const std::string time = " " + clock_text(now - begin);
    std::string left;
    if (planned > finished && finished > 0) {
        // As many seconds a case as until the last one finished; what has passed since is taken off.
        const auto whole =
            (last_finish - begin) * static_cast<std::int64_t>(planned) / static_cast<std::int64_t>(finished);
        left = fmt::format(", ~{} left", clock_text(whole - (now - begin)));
    }
    return {"[" + count + "]" + bad + left_out + time + left,
            "[" + count + "]" + bad + left_out + time,
            "[" + count + "]" + bad + time,
            count + (failed ? fmt::format(" {}F", failed) : "") + time,
            count + (failed ? fmt::format(" {}F", failed) : ""),
            count};
}

/// As many of the running cases as there is room for, and how many more there are.
std::string LiveLine::cases(std::size_t width, Clock::time_point now) const
{
    const std::size_t shown = std::clamp<std::size_t>((width + 2) / (least_case + 2), 1, running.size());
    const std::string more = shown < running.size() ? fmt::format(" +{}", running.size() - shown) : "";
    std::size_t room = width - std::min(width, more.size());
    std::string text;
    for (std::size_t i = 0; i < shown; i++) {
        const std::size_t gap = i > 0 ? 2 : 0;
        const std::size_t share = (room - std::min(room, gap)) / (shown - i); // of what the ones before have left
        const std::string one = describe(running[i], share, now);
        text += std::string(gap, ' ') + one;
        room -= std::min(room, columns(one) + gap);
    }
    return text + more;
}

std::string LiveLine::text(std::size_t width, Clock::time_point now) const
{
    const auto all = heads(now);
    const std::size_t wanted = least_case * std::min<std::size_t>(running.size(), 2) + 4;
    struct Choice {
        std::size_t head;
        std::size_t room_for_cases;
    };
    // Skips and the estimate give way to the running cases, what failed does not.
    const Choice choices[] = {{0, wanted}, {1, wanted}, {2, wanted}, {2, least_case}, {3, least_case},
                              {3, 8},      {4, 8},      {4, 0},      {5, 0}};
    for (const auto& [index, room] : choices) {
        const std::size_t used = columns(all[index]) + 1;
        if (running.empty() ? used <= width + 1 : used + room <= width)
            return room == 0 || running.empty() ? all[index] : all[index] + " " + cases(width - used, now);
    }
    return clip_end(all.back(), width);
}

} // namespace harness
