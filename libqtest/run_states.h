// SPDX-License-Identifier: GPL-2.0-or-later
//
// RunStates: the run states of one QEMU, as far as it told them on its monitor: by events and by its answers to
// query-status. Nothing is asked here, so a state that no event announces ("postmigrate") is known from the moment
// somebody asked. The words are QEMU's own (RunState in qapi/run-state.json) but for "stopped": a STOP event does not
// say why.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "json.h"

namespace qtest
{

class RunStates
{
  public:
    struct Entry {
        double time; // seconds since the epoch
        std::string state;
    };

    /// `incoming`: QEMU was started with -incoming.
    RunStates(bool incoming, double started) : all_{{started, incoming ? "inmigrate" : "prelaunch"}} {}

    /// To be told every message, in the order of the wire.
    void sent(const Json& message);
    void received(const Json& message, double now);

    /// In order of time, each state other than the one before it.
    const std::vector<Entry>& all() const noexcept { return all_; }

  private:
    void event(const std::string& name, const Json& message, double time);
    void enter(const std::string& state, double time);

    std::vector<Entry> all_;
    std::set<std::string> asked_; // ids of query-status commands not answered yet
};

} // namespace qtest
