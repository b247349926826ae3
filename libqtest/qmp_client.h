// SPDX-License-Identifier: GPL-2.0-or-later
//
// QmpClient: the QEMU Machine Protocol (QEMU's docs/interop/qmp-spec.rst) over a connected socket. Every command
// carries an id and its reply is found by it, so replies may overtake each other, as out-of-band ones do. Events never
// pass for replies, wherever they arrive. Out-of-band execution is negotiated whenever QEMU offers it.
//
// Blocking verbs throw CommandError when QEMU answers with an error, Timeout at their deadline (a reply that comes
// later is dropped), ConnectionLost when the session ends first.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event_log.h"
#include "protocol.h"

namespace qtest
{

/// How a command is sent.
struct Sending {
    /// Executed at once by the monitor's own thread, even while QEMU's main loop is busy. Only for commands that QEMU's
    /// schema marks `allow-oob`.
    bool out_of_band = false;
    /// Travel with the command's first byte, as getfd and add-fd need; closed here when sent.
    std::vector<UniqueFd> fds = {};
};

class QmpClient : public Protocol<Json>
{
  public:
    /// How long a command may take unless told otherwise.
    static constexpr std::chrono::seconds default_timeout{20};
    /// As libvirt reads: query-qmp-schema's reply is a line of more than 100 KB.
    static constexpr std::size_t line_limit = 10 * 1024 * 1024;

    /// A command under way.
    class Call
    {
        friend class QmpClient;
        std::string id;
        std::string command;
    };

    QmpClient(Loop& loop, std::string name) : Protocol(loop, std::move(name), line_limit) {}

    /// Sends without waiting for the reply. Throws StateError unless running, ConnectionLost once lost.
    Call send(const std::string& command, const Json& arguments = {}, Sending how = {});
    /// Waits for the reply and returns its `return` member.
    Json result(const Call& call, Deadline deadline);

    Json execute(const std::string& command, const Json& arguments = {},
                 std::chrono::milliseconds timeout = default_timeout);
    Json execute_oob(const std::string& command, const Json& arguments = {},
                     std::chrono::milliseconds timeout = default_timeout);
    /// What the human monitor prints for a command line.
    std::string hmp(const std::string& command_line);

    const EventLog& events() const noexcept { return events_; }
    EventLog::Mark mark() const noexcept { return events_.mark(); }
    /// Waits for an event at or after `since`; null `match` matches any data.
    Event wait_event(const std::string& name, const Json& match, EventLog::Mark since, Deadline deadline);

    /// QEMU's greeting; null before it came.
    const Json& greeting() const noexcept { return greeting_; }
    bool out_of_band() const noexcept { return out_of_band_; }

  protected:
    Json decode(std::string_view line) override;
    std::string encode(const Json& message) override { return message.dump(); }
    void on_start() override;
    bool needs_handshake() const override { return true; }
    bool on_handshake(const Json& message) override;
    void on_message(Json message) override;

  private:
    std::string next_id();

    EventLog events_;
    Json greeting_;
    bool out_of_band_ = false;
    std::uint64_t last_id_ = 0;
    std::map<std::string, std::optional<Json>> replies_; // by id, empty until it came
    std::set<std::string> abandoned_;                    // ids whose reply nobody waits for any more
};

} // namespace qtest
