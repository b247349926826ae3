// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_log.h"

#include <algorithm>

namespace qtest
{

namespace
{

bool is(const Event& event, std::string_view name, const Json& match)
{
    return event.name == name && (match.is_null() || event.data.matches(match));
}

} // namespace

void EventLog::add(const Json& message)
{
    const std::int64_t seconds = message.at("timestamp/seconds").as_int();
    const std::int64_t micros = message.at("timestamp/microseconds").as_int();
    events_.push_back({events_.size(), message.at("event").as_string(), message.find("data").value_or(Json::object()),
                       seconds * 1'000'000 + micros});
}

const Event* EventLog::find(std::string_view name, const Json& match, Mark since) const
{
    for (std::size_t i = since; i < events_.size(); i++) {
        if (is(events_[i], name, match))
            return &events_[i];
    }
    return nullptr;
}

std::size_t EventLog::count(std::string_view name, const Json& match, Mark since) const
{
    const auto first = events_.begin() + static_cast<std::ptrdiff_t>(std::min(since, events_.size()));
    return static_cast<std::size_t>(
        std::count_if(first, events_.end(), [&](const Event& event) { return is(event, name, match); }));
}

} // namespace qtest
