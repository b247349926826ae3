// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_text.h"

#include <fmt/format.h>

namespace harness
{

namespace
{

void tell_members(std::string& text, const qtest::Json& object, const std::string& margin)
{
    for (const auto& [key, value] : object.members()) {
        if (value.is_object()) {
            text += fmt::format("{}{}:\n", margin, key);
            tell_members(text, value, margin + "  ");
        } else {
            text += fmt::format("{}{}: {}\n", margin, key, value.is_string() ? value.as_string() : value.dump());
        }
    }
}

} // namespace

std::vector<std::string> about(const RunFacts& facts)
{
    const std::string at_once = facts.jobs > 1 ? fmt::format(", {} at once", facts.jobs) : "";
    std::vector<std::string> lines;
    if (facts.repeat > 0)
        lines.push_back(
            fmt::format("{}: {} case{}{}", facts.title(), facts.planned, facts.planned == 1 ? "" : "s", at_once));
    else
        lines.push_back(fmt::format("{}: until a case fails{}", facts.title(), at_once));
    if (facts.shard.count > 1)
        lines.push_back(fmt::format("shard {} of {}", facts.shard.index + 1, facts.shard.count));
    if (facts.seed)
        lines.push_back(fmt::format("this order again: --shuffle --seed {}", facts.seed));
    if (facts.stress)
        lines.push_back(fmt::format("{} busy process{} beside it", facts.stress, facts.stress == 1 ? "" : "es"));
    if (facts.deadline_scale != 1)
        lines.push_back(fmt::format("deadlines times {:.3g}{}{}", facts.deadline_scale,
                                    facts.deadline_scale_reason.empty() ? "" : ": ", facts.deadline_scale_reason));
    return lines;
}

std::string name_of(const CaseRun& run)
{
    return run.repetition > 1 ? fmt::format("{} (run {})", run.info.path, run.repetition) : run.info.path;
}

std::string details_text(const Outcome& outcome)
{
    std::string text;
    tell_members(text, outcome.details, "");
    return text;
}

} // namespace harness
