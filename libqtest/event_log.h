// SPDX-License-Identifier: GPL-2.0-or-later
//
// EventLog: every QMP event of one QEMU, numbered from 0 in arrival order and never dropped. A wait consumes nothing:
// it looks at the events from a mark on. Take the mark before the action whose event is awaited, and an event that came
// before the action cannot be mistaken for its effect.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "deadline.h"
#include "json.h"

namespace qtest
{

struct Event {
    /// Its place in the log.
    std::size_t number;
    std::string name;
    /// An empty object for an event without data.
    Json data;
    /// When QEMU says it happened: microseconds since the epoch, comparable between QEMUs of one host.
    std::int64_t timestamp_us;
};

class EventLog
{
  public:
    /// A point between two events.
    using Mark = std::size_t;

    /// After the newest event.
    Mark mark() const noexcept { return events_.size(); }

    /// Takes a QMP message that has an `event` member. Throws JsonError when the rest is not as QMP's specification
    /// says.
    void add(const Json& message);

    /// The first event at or after `since` of that name whose data matches; null when there is none yet. The pointer
    /// holds until the next add().
    const Event* find(std::string_view name, const Json& match, Mark since) const;
    /// Events at or after `since` of that name whose data matches.
    std::size_t count(std::string_view name, const Json& match, Mark since) const;

    const std::vector<Event>& all() const noexcept { return events_; }

  private:
    std::vector<Event> events_;
};

} // namespace qtest
