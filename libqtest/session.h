// SPDX-License-Identifier: GPL-2.0-or-later
//
// Session: the life of one connection, whatever is spoken over it. Protocol<M> adds messages.
//
//   IDLE ──connect, listen──▶ CONNECTING ──handshake done──▶ RUNNING ──disconnect, loss──▶ DISCONNECTING ──▶ IDLE
//                                 └──────────── failed, cancelled, disconnect ─────────────────┘
//
// An attempt that fails is rolled back to IDLE before its error is seen. A session that is lost stays DISCONNECTING
// until somebody calls disconnect(), which throws why: nobody starts anew over an end that nobody noticed.
// disconnect() is legal in every state.
//
// Verbs come in two forms: `verb_async()` returns an operation, `verb(..., deadline)` waits for it. A verb in the wrong
// state throws RunstateError at once and touches nothing. What ends a session is kept and told by the verbs, never
// thrown out of the loop. What an observer, hook or explainer throws is told to whoever waits on the loop just then
// (Loop::interrupt), and leaves the session alone. These are called in the middle of the session's work.
//
// States, messages and guards are those of QEMU's Python package (python/qemu/qmp/protocol.py); docs/qmp.md says where
// and why this differs.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "acceptor.h"
#include "address.h"
#include "channel.h"
#include "connector.h"
#include "errors.h"
#include "line_splitter.h"
#include "logger.h"
#include "op.h"

namespace qtest
{

enum class Runstate { idle, connecting, running, disconnecting };

/// "IDLE", "CONNECTING", "RUNNING", "DISCONNECTING"
const char* name_of(Runstate state) noexcept;

/// A verb in the wrong state: "QmpClient is currently connecting."
class RunstateError : public StateError
{
  public:
    RunstateError(const std::string& text, Runstate state, Runstate required)
        : StateError(text), state_(state), required_(required)
    {
    }
    Runstate state() const noexcept { return state_; }
    Runstate required() const noexcept { return required_; }

  private:
    Runstate state_;
    Runstate required_;
};

/// disconnect() gave up on a peer that does not read; the session is ended all the same.
class NotFlushed : public ConnectionLost
{
  public:
    using ConnectionLost::ConnectionLost;
};

/// What the caller of disconnect() knows of the peer.
enum class Peer {
    stays,   ///< it is there: that it hung up before is an error
    hangs_up ///< it was told to quit, or killed: that it hangs up, by end of file or reset, is waited for
};

class Session
{
  public:
    /// How long a peer may take to read what is queued when the session ends.
    static constexpr std::chrono::seconds default_flush{5};

    using Observer = std::function<void(Runstate from, Runstate to)>;
    /// Knows more of a loss than the socket does: given the cause as seen here, calls `explained`, at once or later,
    /// with the text that the verbs are to throw.
    using Explainer = std::function<void(const std::string& cause, std::function<void(std::string)> explained)>;

    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    virtual ~Session() = default;

    Runstate runstate() const noexcept { return runstate_; }
    /// Every state entered so far, in order.
    const std::vector<Runstate>& transitions() const noexcept { return transitions_; }
    /// Called at every change of state, after it.
    void on_transition(Observer observer) { observer_ = std::move(observer); }

    /// How texts call it; may be empty.
    const std::string& name() const noexcept { return name_; }
    /// "<QmpClient name='source' runstate=IDLE>"
    std::string text() const;
    /// Its logger is "libqtest.MODULE" or "libqtest.MODULE.NAME".
    Logger& logger() noexcept { return logger_; }
    void on_loss(Explainer explainer) { explainer_ = std::move(explainer); }

    // These end in RUNNING, or throw ConnectError, Timeout or Cancelled, and then it is IDLE again.
    Op<void> connect_async(const Address& address);
    void connect(const Address& address, Deadline deadline);
    /// Over a connected stream socket. Without a handshake it is RUNNING when this returns.
    Op<void> connect_async(UniqueFd socket);
    void connect(UniqueFd socket, Deadline deadline);

    /// Binds and listens, and is CONNECTING from then on, for the one client that accept() takes.
    Op<void> listen_async(const Address& address);
    void listen(const Address& address, Deadline deadline);
    /// Where it listens, with the port that was chosen when 0 was asked for. Throws StateError when it does not.
    const Address& listening_at() const;
    /// Takes the client, closes the listening socket, and makes the handshake. Throws StateError without listen().
    Op<void> accept_async();
    void accept(Deadline deadline);
    /// listen() and accept() in one.
    Op<void> accept_async(const Address& address);
    void accept(const Address& address, Deadline deadline);

    /// Sends what is queued, by the deadline, and is IDLE. Throws NotFlushed; ConnectionLost with the root cause when
    /// the session was lost; with Peer::hangs_up Timeout when it still stands at the deadline. It is IDLE all the same.
    /// A connect or accept under way ends in ConnectError. All callers share one end, and the earliest deadline; when
    /// the last of them cancels, what is queued is dropped.
    Op<void> disconnect_async(Deadline deadline = Deadline::in(default_flush), Peer peer = Peer::stays);
    void disconnect(Deadline deadline = Deadline::in(default_flush), Peer peer = Peer::stays);
    /// The same at once: what is queued is dropped, and no loss is told.
    void close() noexcept;
    /// The process behind the peer is known to have ended: the session is lost, though its socket may still be open in
    /// another process. Nothing happens when it is lost already.
    void peer_ended(const std::string& how);

  protected:
    /// `type` names it in texts, `module` in the log.
    Session(Loop& loop, std::string name, const char* type, const char* module, std::size_t line_limit);

    /// A session begins: nothing of an earlier one counts any more.
    virtual void on_start() {}
    /// Whether it is RUNNING only after established().
    virtual bool needs_handshake() const { return false; }
    /// A line arrived. What it throws ends the session.
    virtual void on_line(std::string_view line) = 0;
    /// How many messages wait here for their turn; the end waits for them too, and nobody sends them after it.
    virtual std::size_t unsent() const { return 0; }
    /// The session is over: whatever waits for the peer fails with this.
    virtual void on_end() {}

    void established();
    void write(std::string line, std::vector<UniqueFd> fds = {});
    /// Whether there is a peer to speak to: false once the session is lost or over.
    bool connected() const noexcept { return channel_ && !cause_; }
    bool passes_fds() const noexcept { return channel_ && channel_->passes_fds(); }

    /// Throws RunstateError unless RUNNING. Returns false when the session was lost: lost() throws why, or on_end()
    /// will tell.
    bool require_running() const;
    void require(Runstate wanted) const;
    /// The error of a verb that was `doing` something when the session ended; null while it has not, or its end is
    /// still being explained.
    std::exception_ptr lost(const std::string& doing) const;
    /// Waits for `holds`, and no longer than the session lives.
    void await(const Loop::Condition& holds, Deadline deadline, const std::string& what,
               const Loop::LastSeen& last_seen = {}) const;

    Loop& loop() const noexcept { return loop_; }
    /// The name, or the type of one that has none.
    std::string label() const { return name_.empty() ? type_ : name_; }

  private:
    void enter(Runstate state);
    Op<void> open(std::string what);
    Op<void> listen_then(const Address& address, const std::string& what, std::function<void()> then);
    void await_client();
    void begin(UniqueFd socket);
    void opened();
    void fail_opening(std::exception_ptr cause);
    void roll_back(const std::string& cause);
    void give_up(const std::string& text);
    void release() noexcept;

    void receive(std::string_view bytes);
    void hang_up(const std::string& error);
    template <class Step>
    void guarded(Step step);
    void lose(std::exception_ptr cause);
    void explain(std::function<void(std::string)> explained);
    void over(std::string text);

    Op<void> await_end(const std::string& what);
    void arm(Deadline deadline);
    void try_to_end();
    void end(std::exception_ptr error);

    Loop& loop_;
    const std::string name_;
    const char* const type_;
    Logger logger_;
    const std::size_t line_limit_;
    LineSplitter splitter_;

    Runstate runstate_ = Runstate::idle;
    std::vector<Runstate> transitions_;
    Observer observer_;
    Explainer explainer_;

    // What a session is made of; see release().
    std::optional<Connector> connector_;
    std::optional<Acceptor> acceptor_;
    std::optional<Channel> channel_;
    std::shared_ptr<int> explaining_; // a late explanation finds it gone

    // connect, listen or accept under way.
    std::optional<Promise<void>> opening_;
    const char* phase_ = "";
    bool receiving_ = false;

    // How the session ended, until the next begins.
    std::exception_ptr cause_;
    std::optional<std::string> end_; // the text the verbs throw

    // disconnect under way.
    std::vector<Promise<void>> ending_; // one for each who waits for it
    Peer peer_ = Peer::stays;
    std::optional<Deadline> ending_by_;
    Watch alarm_;
};

} // namespace qtest
