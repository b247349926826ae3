// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_listener.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace qtest
{

EventListener::EventListener(QmpClient& client, std::set<std::string> names, Filter filter)
    : client_(client), cursor_(std::make_shared<Cursor>(
                           Cursor{&client.events(), std::move(names), std::move(filter), client.mark(), {}}))
{
}

/// Filters what has come since.
void EventListener::Cursor::look()
{
    while (seen < log->mark()) {
        const Event& event = log->all()[seen++];
        if ((names.empty() || names.count(event.name)) && (!filter || filter(event)))
            accepted.push_back(event.number);
    }
}

const Event* EventListener::Cursor::next()
{
    // Before anything new is filtered: what was accepted already is given out even if the filter throws now.
    if (given == accepted.size())
        look();
    return given < accepted.size() ? &log->all()[accepted[given++]] : nullptr;
}

Op<Event> EventListener::next_async()
{
    const std::string what =
        cursor_->names.empty() ? "an event" : fmt::format("an event of {}", fmt::join(cursor_->names, ", "));
    return client_.look_async(what, cursor_->seen, [cursor = cursor_] { return cursor->next(); });
}

bool EventListener::empty()
{
    cursor_->look();
    return cursor_->given == cursor_->accepted.size();
}

std::vector<Event> EventListener::clear()
{
    std::vector<Event> cleared;
    cursor_->look();
    while (const Event* event = cursor_->next())
        cleared.push_back(*event);
    return cleared;
}

std::vector<Event> EventListener::history()
{
    cursor_->look();
    std::vector<Event> all;
    for (const EventLog::Mark number : cursor_->accepted)
        all.push_back(cursor_->log->all()[number]);
    return all;
}

} // namespace qtest
