// SPDX-License-Identifier: GPL-2.0-or-later
//
// QmpClient: the QEMU Machine Protocol (QEMU's docs/interop/qmp-spec.rst). Every command carries an id and its reply is
// found by it, so replies may overtake each other, as out-of-band ones do. Events never pass for replies, wherever they
// arrive. How a session begins and ends is Session's.
//
// Each verb comes as an operation (`_async`) and blocking. They throw ExecuteError when QEMU answers with an error,
// BadReplyError when the answer is none, Timeout at the deadline (a reply that comes later is dropped quietly), and
// ConnectionLost with the root cause when the session ends first, or ended before it was noticed.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "event_log.h"
#include "protocol.h"
#include "qmp_errors.h"

namespace qtest
{

/// How a command is sent.
struct Sending {
    /// Executed at once by the monitor's own thread, even while QEMU's main loop is busy. Only for commands that QEMU's
    /// schema marks `allow-oob`, in a session that negotiated it.
    bool out_of_band = false;
    /// Travel with the command's first byte, as getfd and add-fd need; closed here when sent.
    std::vector<UniqueFd> fds = {};
};

/// What is done before the session runs.
struct Handshake {
    bool await_greeting = true;
    /// Send `qmp_capabilities`; awaits the greeting too.
    bool negotiate = true;
    /// Enable out-of-band execution when it is offered.
    bool out_of_band = true;
};

class QmpClient : public Protocol<Json>
{
  public:
    /// How long a command may take unless told otherwise.
    static constexpr std::chrono::seconds default_timeout{20};
    /// As libvirt reads: query-qmp-schema's reply is a line of more than 100 KB.
    static constexpr std::size_t line_limit = 10 * 1024 * 1024;
    /// In-band commands without a reply; further ones wait here. The specification allows eight (qmp-spec.rst,
    /// "Out-of-band execution"), but QEMU (monitor/qmp.c, QMP_REQ_QUEUE_LEN_MAX) stops reading as soon as eight are
    /// queued, and an out-of-band command behind them is not read: seen with 7.2, 10.0 and 11.1.
    static constexpr unsigned in_flight_limit = 7;

    explicit QmpClient(Loop& loop, std::string name = {}, Handshake handshake = {});

    /// Sends the command; its result is the reply's `return` member. The `out_of_band` way needs a session that
    /// negotiated it, descriptors need a UNIX socket: UsageError else.
    Op<Json> execute_async(const std::string& command, const Json& arguments = {}, Sending how = {});
    Json execute(const std::string& command, const Json& arguments = {},
                 std::chrono::milliseconds timeout = default_timeout);
    Json execute_oob(const std::string& command, const Json& arguments = {},
                     std::chrono::milliseconds timeout = default_timeout);
    /// The same for a whole message with `execute` or `exec-oob` (UsageError without). An `id` of its own must be a
    /// string, not in use, and not begin with id_prefix (UsageError).
    Op<Json> execute_msg_async(const Json& message, std::vector<UniqueFd> fds = {});
    Json execute_msg(const Json& message, std::chrono::milliseconds timeout = default_timeout);
    /// Sends any object, with an id unless it has one, and returns the whole reply, be it an error.
    Op<Json> raw_async(const Json& message, std::vector<UniqueFd> fds = {});
    Json raw(const Json& message, std::chrono::milliseconds timeout = default_timeout);
    /// What the human monitor prints for a command line.
    std::string hmp(const std::string& command_line);

    static constexpr const char* id_prefix = "libqtest-";

    /// Every event since this client was made, of all its sessions.
    const EventLog& events() const noexcept { return events_; }
    EventLog::Mark mark() const noexcept { return events_.mark(); }
    /// The first event at or after `since` of that name; null `match` matches any data. Throws ConnectionLost when the
    /// session ends before it comes.
    Op<Event> wait_event_async(const std::string& name, const Json& match, EventLog::Mark since);
    Event wait_event(const std::string& name, const Json& match, EventLog::Mark since, Deadline deadline);

    /// Looks for an event, first at once and then at each arrival; null: not yet. What it throws fails the operation.
    using Look = std::function<const Event*()>;
    Op<Event> look_async(std::string what, EventLog::Mark since, Look look);

    /// QEMU's greeting; null before it came.
    const Json& greeting() const noexcept { return greeting_; }
    /// Whether out-of-band execution was negotiated.
    bool out_of_band() const noexcept { return out_of_band_; }

  protected:
    Json decode(std::string_view line) override;
    std::string encode(const Json& message) override { return message.dump(); }
    std::string describe(const Json& message) override { return message.pretty(); }
    void on_start() override;
    bool needs_handshake() const override { return handshake_.await_greeting || handshake_.negotiate; }
    void on_message(Json message) override;
    void on_end() override;
    std::size_t unsent() const override { return unsent_.size(); }

  private:
    /// A command whose reply is awaited, though perhaps by nobody any more.
    struct Pending {
        Promise<Json> promise;
        Json sent;
        bool whole_reply;
        bool in_band;
        bool with_fds = false;
        bool in_flight = false;
    };
    struct Unsent {
        std::string id;
        std::vector<UniqueFd> fds;
    };
    struct EventWait {
        Promise<Event> promise;
        Look look;
    };

    std::string id_of(const Json& message);
    Op<Json> submit(std::string id, Json message, std::vector<UniqueFd> fds, bool whole_reply);
    void send_what_may_go();
    void forget(const std::string& id);
    void greet(const Json& greeting);
    void negotiated(const Json& reply);
    void route(const Json& reply);
    void settle(Pending& pending, const Json& reply);
    void tell_of_event();
    std::string next_id();

    const Handshake handshake_;
    enum class Stage { greeting, negotiation, running } stage_ = Stage::greeting;
    Json greeting_;
    bool out_of_band_ = false;

    std::uint64_t last_id_ = 0; // never reset: no reply of an earlier session matches
    std::unordered_map<std::string, Pending> pending_;
    std::deque<Unsent> unsent_;
    unsigned in_flight_ = 0;
    /// QEMU keeps only the descriptors that came last until a command takes them (chardev/char-socket.c), while its
    /// monitor reads ahead: commands with descriptors go one at a time.
    bool descriptors_in_flight_ = false;

    EventLog events_;
    std::list<EventWait> event_waits_;
};

} // namespace qtest
