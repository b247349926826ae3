// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.h"

#include <algorithm>

#include <fmt/format.h>

namespace qtest
{

namespace
{

constexpr const char* connection_phase = "Failed to establish connection";
constexpr const char* session_phase = "Failed to establish session";

std::string text_of(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        return exception.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

/// Hands on what user code throws that is called in the middle of the session's work.
template <class Code>
void call_user(Loop& loop, Code code)
{
    try {
        code();
    } catch (...) {
        loop.interrupt(std::current_exception());
    }
}

template <class T>
bool is(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (const T&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// Killing a QEMU that has not read everything resets the connection: both say that the peer is gone.
bool is_hang_up(const std::exception_ptr& cause) { return is<EndOfFile>(cause) || is<OsError>(cause); }

std::exception_ptr interrupted() { return std::make_exception_ptr(Cancelled("disconnect() was called")); }

Op<void> done(Loop& loop, const std::string& what)
{
    Promise<void> promise(loop, what);
    promise.resolve();
    return promise.op();
}

} // namespace

const char* name_of(Runstate state) noexcept
{
    static constexpr const char* names[] = {"IDLE", "CONNECTING", "RUNNING", "DISCONNECTING"};
    return names[static_cast<int>(state)];
}

Session::Session(Loop& loop, std::string name, const char* type, const char* module, std::size_t line_limit)
    : loop_(loop), name_(std::move(name)), type_(type),
      logger_(std::string("libqtest.") + module + (name_.empty() ? "" : ".") + name_), line_limit_(line_limit),
      splitter_(line_limit)
{
}

std::string Session::text() const
{
    return fmt::format("<{}{} runstate={}>", type_, name_.empty() ? "" : " name='" + name_ + "'", name_of(runstate_));
}

void Session::enter(Runstate state)
{
    if (state == runstate_)
        return;
    const Runstate from = std::exchange(runstate_, state);
    transitions_.push_back(state);
    if (logger_.debugs())
        logger_.log(LogLevel::debug,
                    fmt::format("Transitioning from 'Runstate.{}' to 'Runstate.{}'.", name_of(from), name_of(state)));
    if (observer_)
        call_user(loop_, [&] { observer_(from, state); });
}

void Session::require(Runstate wanted) const
{
    static constexpr const char* texts[] = {"is disconnected and idle.", "is currently connecting.",
                                            "is already connected and running.",
                                            "is disconnecting. Call disconnect() to return to IDLE state."};
    if (runstate_ != wanted)
        throw RunstateError(fmt::format("{} {}", type_, texts[static_cast<int>(runstate_)]), runstate_, wanted);
}

bool Session::require_running() const
{
    if (runstate_ == Runstate::disconnecting && cause_ && !opening_)
        return false;
    require(Runstate::running);
    return true;
}

// Opening

Op<void> Session::open(std::string what)
{
    cause_ = nullptr;
    end_.reset();
    opening_.emplace(
        loop_, std::move(what), [this] { give_up("the attempt was cancelled"); },
        [this] { return cause_ ? text_of(cause_) : ""; });
    return opening_->op();
}

Op<void> Session::connect_async(const Address& address)
{
    require(Runstate::idle);
    enter(Runstate::connecting);
    phase_ = connection_phase;
    const auto op = open(fmt::format("the connection of {} to {}", label(), address.text()));
    connector_.emplace(loop_, address,
                       Connector::Handlers{[this](UniqueFd socket) { begin(std::move(socket)); },
                                           [this](std::exception_ptr error) { fail_opening(std::move(error)); }});
    return op;
}

Op<void> Session::connect_async(UniqueFd socket)
{
    require(Runstate::idle);
    enter(Runstate::connecting);
    const auto op = open("the greeting of " + label());
    begin(std::move(socket));
    return op;
}

Op<void> Session::listen_then(const Address& address, const std::string& what, std::function<void()> then)
{
    require(Runstate::idle);
    enter(Runstate::connecting);
    phase_ = connection_phase;
    const auto op = open(fmt::format("{} at {}", what, address.text()));
    acceptor_.emplace(loop_, address, Acceptor::Handlers{std::move(then), [this](std::exception_ptr error) {
                                                             fail_opening(std::move(error));
                                                         }});
    return op;
}

Op<void> Session::listen_async(const Address& address)
{
    return listen_then(address, label() + " to listen", [this] { opened(); });
}

const Address& Session::listening_at() const
{
    if (!acceptor_ || !acceptor_->address())
        throw StateError(label() + " does not listen.");
    return *acceptor_->address();
}

Op<void> Session::accept_async()
{
    require(Runstate::connecting);
    if (!acceptor_)
        throw StateError("Cannot call accept() before listen().");
    if (opening_)
        throw StateError(opening_->what() + " is still under way.");
    const auto op = open(fmt::format("a client of {} at {}", label(), acceptor_->address()->text()));
    await_client();
    return op;
}

Op<void> Session::accept_async(const Address& address)
{
    return listen_then(address, "a client of " + label(), [this] { await_client(); });
}

void Session::await_client()
{
    acceptor_->accept([this](UniqueFd socket) { begin(std::move(socket)); });
}

/// The transport is there.
void Session::begin(UniqueFd socket)
{
    connector_.reset();
    acceptor_.reset();
    phase_ = session_phase;
    splitter_ = LineSplitter(line_limit_);
    try {
        channel_.emplace(loop_, std::move(socket),
                         Channel::Handlers{[this](std::string_view bytes) { receive(bytes); },
                                           [this](const std::string& error) { hang_up(error); },
                                           [this] { try_to_end(); }});
    } catch (const Error&) {
        fail_opening(std::current_exception());
        return;
    }
    on_start();
    if (!needs_handshake())
        established();
}

void Session::established()
{
    enter(Runstate::running);
    if (!receiving_)
        opened();
}

void Session::opened()
{
    auto promise = std::move(*opening_);
    opening_.reset();
    promise.resolve();
}

void Session::fail_opening(std::exception_ptr cause)
{
    cause_ = std::move(cause);
    logger_.log(LogLevel::error, fmt::format("{}: {}", phase_, text_of(cause_)));
    const bool session_began = channel_.has_value();
    enter(Runstate::disconnecting);
    release();
    if (session_began)
        explain([this](const std::string& text) { roll_back(text); });
    else
        roll_back(text_of(cause_));
}

/// Back to IDLE, then whoever opens may know.
void Session::roll_back(const std::string& cause)
{
    const std::string text = fmt::format("{}: {}", phase_, cause);
    auto promise = std::move(*opening_);
    opening_.reset();
    give_up(text);
    promise.fail(std::make_exception_ptr(ConnectError(text, phase_, cause_)));
}

/// Back to IDLE out of CONNECTING.
void Session::give_up(const std::string& text)
{
    opening_.reset();
    enter(Runstate::disconnecting);
    release();
    over(label() + ": " + text);
    enter(Runstate::idle);
}

void Session::release() noexcept
{
    explaining_.reset();
    connector_.reset();
    acceptor_.reset();
    channel_.reset();
}

// The blocking forms. Inside a callback they would have begun what they then cannot wait for.

void Session::connect(const Address& address, Deadline deadline)
{
    loop_.require_outside("a connection");
    connect_async(address).get(deadline);
}

void Session::connect(UniqueFd socket, Deadline deadline)
{
    loop_.require_outside("a connection");
    connect_async(std::move(socket)).get(deadline);
}

void Session::listen(const Address& address, Deadline deadline)
{
    loop_.require_outside("a socket");
    listen_async(address).get(deadline);
}

void Session::accept(Deadline deadline)
{
    loop_.require_outside("a client");
    accept_async().get(deadline);
}

void Session::accept(const Address& address, Deadline deadline)
{
    loop_.require_outside("a client");
    accept_async(address).get(deadline);
}

// Running

void Session::write(std::string line, std::vector<UniqueFd> fds)
{
    if (!connected())
        return; // a hook has ended the session
    line += '\n';
    channel_->send(std::move(line), std::move(fds));
}

template <class Step>
void Session::guarded(Step step)
{
    receiving_ = true;
    try {
        step();
    } catch (...) {
        lose(std::current_exception());
    }
    receiving_ = false;
    // What came with the last of the handshake counts as part of it: it may have ended the session again.
    if (opening_ && runstate_ == Runstate::running)
        opened();
    try_to_end(); // what arrived may have let the last message go
}

void Session::receive(std::string_view bytes)
{
    guarded([&] {
        splitter_.feed(bytes, [this](std::string_view line) {
            if (connected())
                on_line(line);
        });
    });
}

void Session::hang_up(const std::string& error)
{
    guarded([&] {
        // A last message may lack its line's end.
        splitter_.finish([this](std::string_view line) {
            if (connected())
                on_line(line);
        });
        if (error.empty())
            throw EndOfFile("the peer hung up");
        throw OsError(error);
    });
}

void Session::peer_ended(const std::string& how)
{
    if (channel_)
        lose(std::make_exception_ptr(EndOfFile(how)));
}

void Session::lose(std::exception_ptr cause)
{
    if (cause_ || !channel_)
        return;
    if (opening_) {
        fail_opening(std::move(cause));
        return;
    }
    cause_ = std::move(cause);
    logger_.log(is<EndOfFile>(cause_) ? LogLevel::info : LogLevel::error, text_of(cause_));
    channel_->close();
    enter(Runstate::disconnecting);
    if (!ending_.empty() && peer_ == Peer::hangs_up && is_hang_up(cause_))
        over(label() + ": " + text_of(cause_));
    else
        explain([this](std::string text) { over(std::move(text)); });
}

void Session::explain(std::function<void(std::string)> explained)
{
    if (!explainer_) {
        explained(opening_ ? text_of(cause_) : label() + ": " + text_of(cause_));
        return;
    }
    explaining_ = std::make_shared<int>();
    const auto here = [still = std::weak_ptr<int>(explaining_), explained](std::string text) {
        if (!still.expired())
            explained(std::move(text));
    };
    call_user(loop_, [&] { explainer_(text_of(cause_), here); });
}

/// Nothing comes from the peer any more, and it is known why.
void Session::over(std::string text)
{
    explaining_.reset();
    if (end_)
        return;
    end_ = std::move(text);
    on_end();
    try_to_end();
}

std::exception_ptr Session::lost(const std::string& doing) const
{
    return end_ ? std::make_exception_ptr(ConnectionLost(*end_ + " while " + doing, cause_)) : nullptr;
}

void Session::await(const Loop::Condition& holds, Deadline deadline, const std::string& what,
                    const Loop::LastSeen& last_seen) const
{
    loop_.until([&] { return holds() || end_ || runstate_ == Runstate::idle; }, deadline, what, last_seen);
    if (!holds())
        throw ConnectionLost(fmt::format("{} while waiting for {}", end_.value_or(label() + " is disconnected"), what),
                             cause_);
}

// Ending

Op<void> Session::disconnect_async(Deadline deadline, Peer peer)
{
    const std::string what = "the end of the session of " + label();
    if (!ending_.empty()) {
        if (peer == Peer::hangs_up)
            peer_ = peer;
        if (deadline.end() < ending_by_->end())
            arm(deadline);
        return await_end(what);
    }
    if (logger_.debugs())
        logger_.log(LogLevel::debug, "Scheduling disconnect.");
    if (opening_) {
        if (!cause_)
            cause_ = interrupted();
        roll_back(text_of(cause_));
        return done(loop_, what);
    }
    if (runstate_ == Runstate::idle || runstate_ == Runstate::connecting) {
        give_up(text_of(interrupted()));
        return done(loop_, what);
    }
    peer_ = peer;
    const auto op = await_end(what);
    enter(Runstate::disconnecting);
    arm(deadline);
    try_to_end();
    return op;
}

void Session::disconnect(Deadline deadline, Peer peer)
{
    // It ends by itself at the deadline, and says then what was wrong.
    loop_.require_outside("the end of the session of " + label());
    disconnect_async(deadline, peer).get(Deadline::unscaled(deadline.left() + std::chrono::seconds(1)));
}

/// One more who waits for the end. When the last of them gives up, it ends now.
Op<void> Session::await_end(const std::string& what)
{
    ending_.emplace_back(loop_, what, [this] {
        if (std::none_of(ending_.begin(), ending_.end(), [](const auto& one) { return one.pending(); }))
            end(nullptr);
    });
    return ending_.back().op();
}

void Session::arm(Deadline deadline)
{
    ending_by_ = deadline;
    alarm_ = loop_.after(deadline.left(), [this] {
        if (ending_.empty())
            return;
        const double seconds = std::chrono::duration<double>(ending_by_->total()).count();
        if (cause_)
            over(label() + ": " + text_of(cause_));
        else if (!channel_->flushed())
            end(std::make_exception_ptr(
                NotFlushed(fmt::format("{}: not flushed: the peer did not read the last {} bytes within {:.1f} s",
                                       label(), channel_->queued(), seconds))));
        else if (unsent() > 0)
            end(std::make_exception_ptr(
                NotFlushed(fmt::format("{}: not flushed: {} messages were still waiting for their turn after {:.1f} s",
                                       label(), unsent(), seconds))));
        else
            end(std::make_exception_ptr(Timeout(fmt::format("awaited {} to hang up for {:.1f} s", label(), seconds))));
    });
}

void Session::try_to_end()
{
    if (ending_.empty())
        return;
    if (end_) {
        const bool fine = peer_ == Peer::hangs_up && is_hang_up(cause_);
        end(fine ? nullptr : std::make_exception_ptr(ConnectionLost(*end_, cause_)));
    } else if (!cause_ && peer_ == Peer::stays && channel_->flushed() && unsent() == 0) {
        end(nullptr);
    }
}

void Session::end(std::exception_ptr error)
{
    auto waiting = std::exchange(ending_, {});
    alarm_ = Watch();
    ending_by_.reset();
    release();
    if (!cause_)
        cause_ = interrupted();
    over(label() + ": " + text_of(cause_));
    enter(Runstate::idle);
    for (auto& promise : waiting) {
        if (error)
            promise.fail(error);
        else
            promise.resolve();
    }
}

void Session::close() noexcept
{
    if (opening_) {
        if (!cause_)
            cause_ = interrupted();
        roll_back(text_of(cause_));
    } else if (runstate_ == Runstate::connecting) {
        give_up(text_of(interrupted()));
    } else if (runstate_ != Runstate::idle) {
        enter(Runstate::disconnecting);
        end(std::make_exception_ptr(NotFlushed(label() + ": not flushed: it was closed meanwhile")));
    }
}

} // namespace qtest
