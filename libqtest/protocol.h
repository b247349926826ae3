// SPDX-License-Identifier: GPL-2.0-or-later
//
// Protocol<M>: a session of line-based messages of type M over one Channel. It knows the four run states, how a session
// begins, runs and ends, and who may do what when; what a message means is the derived class's: QmpClient (M = Json),
// QtestClient (M = a line of text).
//
//   idle ──start()──▶ connecting ──handshake done──▶ running ──hang-up, error──▶ disconnecting ──disconnect()──▶ idle
//
// A failure inside a callback ends the session and is kept; the blocking verbs throw it as ConnectionLost. A session
// that was lost stays `disconnecting` until disconnect(), so that nobody starts anew over an end nobody noticed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "channel.h"
#include "errors.h"
#include "line_splitter.h"

namespace qtest
{

enum class Runstate { idle, connecting, running, disconnecting };

enum class Direction { sent, received };

template <class M>
class Protocol
{
  public:
    using Traffic = std::function<void(Direction, const M&)>;

    Protocol(const Protocol&) = delete;
    Protocol& operator=(const Protocol&) = delete;
    virtual ~Protocol() = default;

    Runstate runstate() const noexcept { return runstate_; }
    const std::string& name() const noexcept { return name_; }

    /// Sees every message, in the order of the wire, handshake included.
    void on_traffic(Traffic traffic) { traffic_ = std::move(traffic); }
    /// Is asked, outside any callback, before a blocking verb throws ConnectionLost: whoever knows more of the peer
    /// (the exit status of its process) may wait for that and throw it instead. It is given the cause as seen here.
    void on_loss(std::function<void(const std::string& cause)> inquire) { inquire_ = std::move(inquire); }

    /// Begins a session over a connected socket and returns at once. Throws StateError unless idle.
    void start(UniqueFd socket)
    {
        require(Runstate::idle, "start a session");
        loss_.reset();
        splitter_ = LineSplitter(line_limit_);
        on_start();
        runstate_ = Runstate::connecting;
        channel_.emplace(loop_, std::move(socket),
                         Channel::Handlers{[this](std::string_view bytes) { receive(bytes); },
                                           [this](const std::string& error) { hang_up(error); }});
        if (!needs_handshake())
            runstate_ = Runstate::running;
    }

    /// Waits until the handshake is done. Throws ConnectionLost with what went wrong in it, or Timeout.
    void await_running(Deadline deadline)
    {
        await([this] { return runstate_ == Runstate::running; }, deadline, "the greeting of " + name_);
    }

    /// Ends the session, lost or not, and is idle again. Sends what is queued first; throws Timeout or ConnectionLost
    /// when the peer does not take it (the session is ended all the same).
    void disconnect(Deadline deadline)
    {
        try {
            if (runstate_ == Runstate::running)
                await([this] { return channel_->flushed(); }, deadline, name_ + " to take its last bytes");
        } catch (...) {
            close();
            throw;
        }
        close();
    }

    /// The same without waiting: what is still queued is dropped.
    void close() noexcept
    {
        channel_.reset();
        loss_.reset();
        runstate_ = Runstate::idle;
    }

  protected:
    Protocol(Loop& loop, std::string name, std::size_t line_limit)
        : loop_(loop), name_(std::move(name)), line_limit_(line_limit), splitter_(line_limit)
    {
    }

    // What a line means, and how a message is written (without the line's end). decode() throws an Error when it
    // cannot.
    virtual M decode(std::string_view line) = 0;
    virtual std::string encode(const M& message) = 0;
    /// A session begins: nothing of an earlier one counts any more.
    virtual void on_start() {}
    /// Whether the session runs only after on_handshake() said so.
    virtual bool needs_handshake() const { return false; }
    /// A message while connecting. True: the session runs. May throw: the session is lost.
    virtual bool on_handshake(const M&) { return true; }
    /// A message while running. May throw: the session is lost.
    virtual void on_message(M message) = 0;

    void send(const M& message, std::vector<UniqueFd> fds = {})
    {
        if (traffic_)
            traffic_(Direction::sent, message);
        channel_->send(encode(message) + "\n", std::move(fds));
    }

    void require_running(const std::string& verb) const
    {
        if (loss_)
            throw_lost();
        require(Runstate::running, verb);
    }

    /// Waits for `holds`, and no longer than the session lives.
    void await(const Loop::Condition& holds, Deadline deadline, const std::string& what,
               const Loop::LastSeen& last_seen = {}) const
    {
        loop_.until([&] { return holds() || loss_ || runstate_ == Runstate::idle; }, deadline, what, last_seen);
        if (!holds())
            throw_lost(" while waiting for " + what);
    }

  private:
    void require(Runstate wanted, const std::string& verb) const
    {
        static constexpr const char* names[] = {"idle", "connecting", "running", "disconnecting"};
        if (runstate_ != wanted)
            throw StateError("cannot " + verb + ": " + name_ + " is " + names[static_cast<int>(runstate_)]);
    }

    [[noreturn]] void throw_lost(const std::string& when = {}) const
    {
        const std::string cause = loss_.value_or("disconnected");
        if (inquire_)
            inquire_(cause);
        throw ConnectionLost(name_ + ": " + cause + when);
    }

    void receive(std::string_view bytes)
    {
        guarded([&] { splitter_.feed(bytes, [this](std::string_view line) { take(line); }); });
    }

    void take(std::string_view line)
    {
        if (loss_ || runstate_ == Runstate::idle)
            return;
        M message = decode(line);
        if (traffic_)
            traffic_(Direction::received, message);
        if (runstate_ == Runstate::running)
            on_message(std::move(message));
        else if (on_handshake(message))
            runstate_ = Runstate::running;
    }

    void hang_up(const std::string& error)
    {
        // A last message may lack its line's end.
        guarded([this] { splitter_.finish([this](std::string_view line) { take(line); }); });
        lose(error.empty() ? "the peer hung up" : error);
    }

    template <class Step>
    void guarded(Step step)
    {
        try {
            step();
        } catch (const EnvironmentError&) {
            throw; // not the peer's doing: a log that cannot be written
        } catch (const Error& error) {
            lose(error.what());
        }
    }

    void lose(std::string cause)
    {
        if (loss_)
            return;
        loss_ = std::move(cause);
        runstate_ = Runstate::disconnecting;
        channel_->close();
    }

    Loop& loop_;
    std::string name_;
    std::size_t line_limit_;
    LineSplitter splitter_;
    std::optional<Channel> channel_;
    Runstate runstate_ = Runstate::idle;
    std::optional<std::string> loss_;
    Traffic traffic_;
    std::function<void(const std::string&)> inquire_;
};

} // namespace qtest
