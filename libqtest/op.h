// SPDX-License-Identifier: GPL-2.0-or-later
//
// Op<T>: something under way that ends once, with a value, an error, or by being cancelled. A verb that takes time
// returns one; the blocking form of the verb is get(). Copies are handles of the same operation. Dropping all of them
// does not cancel it: nobody then learns how it ended.
//
// Promise<T> is the other side, held by whoever carries the operation out. A Promise that goes without having been
// kept fails its operation, so no wait outlives what it waits for.
//
// A result may be there as soon as the verb returns, but callbacks (on_done) are only ever made from the loop.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "errors.h"
#include "loop.h"

namespace qtest
{

template <class T>
class Promise;

namespace detail
{

template <class T>
struct OpState {
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

    OpState(Loop& op_loop, std::string op_what) : loop(op_loop), what(std::move(op_what)) {}

    bool done() const noexcept { return value || error; }

    /// Called once, when value or error was set.
    void settled()
    {
        on_cancel = {};
        for (auto& callback : std::exchange(callbacks, {}))
            loop.post(std::move(callback));
    }

    Loop& loop;
    std::string what;
    Loop::LastSeen last_seen;
    std::function<void()> on_cancel;
    std::optional<Value> value;
    std::exception_ptr error;
    bool cancelled = false;
    std::vector<std::function<void()>> callbacks;
};

} // namespace detail

template <class T>
class Op
{
  public:
    /// Ended, one way or another.
    bool done() const noexcept { return state_->done(); }
    bool cancelled() const noexcept { return state_->cancelled; }
    /// What it is for, as failure texts call it: "source's reply to query-status".
    const std::string& what() const noexcept { return state_->what; }

    /// Waits for the end. Returns the value, or throws the operation's error (Cancelled when it was cancelled). At the
    /// deadline, or when the Loop fails, it is cancelled first and then that is thrown: Timeout, with what was awaited.
    /// Once it is done there is no wait, and callbacks may call it too; before, they get StateError.
    T get(Deadline deadline) const
    {
        if (!done())
            state_->loop.require_outside(state_->what);
        try {
            if (!done())
                state_->loop.until([this] { return done(); }, deadline, state_->what, state_->last_seen);
        } catch (...) {
            cancel();
            throw;
        }
        if (state_->error)
            std::rethrow_exception(state_->error);
        if constexpr (!std::is_void_v<T>)
            return *state_->value;
    }

    /// Ends it now: all it did is undone when this returns. Nothing happens to one that has ended.
    void cancel() const
    {
        if (done())
            return;
        const auto keep = state_;
        keep->cancelled = true;
        keep->error = std::make_exception_ptr(Cancelled(keep->what + " was cancelled"));
        const auto undo = std::exchange(keep->on_cancel, {});
        keep->settled();
        if (undo)
            undo();
    }

    /// Calls back from the loop once it has ended; soon, if it has already.
    void on_done(std::function<void()> callback) const
    {
        if (done())
            state_->loop.post(std::move(callback));
        else
            state_->callbacks.push_back(std::move(callback));
    }

  private:
    friend class Promise<T>;
    using State = detail::OpState<T>;
    explicit Op(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

template <class T>
class Promise
{
  public:
    /// `what` is how failure texts name it. `on_cancel` undoes what was begun; it runs inside Op::cancel(), when the
    /// operation has ended already, and never after this Promise is gone. `last_seen` is for the text of a time-out.
    Promise(Loop& loop, std::string what, std::function<void()> on_cancel = {}, Loop::LastSeen last_seen = {})
        : state_(std::make_shared<State>(loop, std::move(what)))
    {
        state_->on_cancel = std::move(on_cancel);
        state_->last_seen = std::move(last_seen);
    }
    Promise(Promise&&) noexcept = default;
    Promise& operator=(Promise&& other) noexcept
    {
        std::swap(state_, other.state_);
        return *this;
    }
    ~Promise()
    {
        if (pending())
            fail(std::make_exception_ptr(ConnectionLost(state_->what + " was given up: its client is gone")));
        if (state_)
            state_->last_seen = {}; // may speak of who is gone
    }

    Op<T> op() const { return Op<T>(state_); }
    /// Neither kept, failed nor cancelled yet.
    bool pending() const noexcept { return state_ && !state_->done(); }
    const std::string& what() const noexcept { return state_->what; }

    // The first end stands: these do nothing to an operation that was cancelled meanwhile.
    template <class... Value>
    void resolve(Value&&... value)
    {
        if (pending()) {
            state_->value.emplace(std::forward<Value>(value)...);
            state_->settled();
        }
    }
    void fail(std::exception_ptr error)
    {
        if (pending()) {
            state_->error = std::move(error);
            state_->settled();
        }
    }

  private:
    using State = typename Op<T>::State;
    std::shared_ptr<State> state_;
};

} // namespace qtest
