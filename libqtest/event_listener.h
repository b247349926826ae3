// SPDX-License-Identifier: GPL-2.0-or-later
//
// EventListener: the events of one client that came since the listener was made and that it accepts, one after the
// other. It listens as long as it lives; the client must live longer. Any number of listeners see the same events,
// each at its own pace.
//
// The filter sees each event once, in a verb of the listener, or as it arrives while next_async() is under way: what it
// throws, that verb throws, and that event counts as not accepted.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "qmp_client.h"

namespace qtest
{

class EventListener
{
  public:
    using Filter = std::function<bool(const Event&)>;

    /// Accepts events of these names (none: of any) that the filter lets pass.
    explicit EventListener(QmpClient& client, std::set<std::string> names = {}, Filter filter = {});

    /// The next event, in order of arrival; each is given out once. Throws ConnectionLost when the session ends before
    /// one comes.
    Op<Event> next_async();
    Event next(Deadline deadline) { return next_async().get(deadline); }

    /// Whether next() would have to wait.
    bool empty();
    /// Gives out everything there is.
    std::vector<Event> clear();
    /// Everything accepted so far, given out or not.
    std::vector<Event> history();

  private:
    /// Shared with the operations under way.
    struct Cursor {
        const EventLog* log;
        std::set<std::string> names;
        Filter filter;
        EventLog::Mark seen;                  // up to here the filter has looked
        std::vector<EventLog::Mark> accepted; // numbers of events
        std::size_t given = 0;                // how many of them

        const Event* next();
        void look();
    };

    QmpClient& client_;
    std::shared_ptr<Cursor> cursor_;
};

} // namespace qtest
