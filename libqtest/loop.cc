// SPDX-License-Identifier: GPL-2.0-or-later
#include "loop.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <glib-unix.h>

#include "errors.h"

namespace qtest
{

namespace
{

struct Callback {
    Loop* loop;
    std::function<void()> function;
};

gboolean call(gpointer data)
{
    auto* callback = static_cast<Callback*>(data);
    callback->loop->guard(callback->function);
    return G_SOURCE_CONTINUE;
}

gboolean call_once(gpointer data)
{
    call(data);
    return G_SOURCE_REMOVE;
}

gboolean call_for_fd(gint, GIOCondition, gpointer data) { return call(data); }

void drop(gpointer data) { delete static_cast<Callback*>(data); }

struct ChildCallback {
    Loop* loop;
    std::function<void(int)> function;
};

void call_for_child(GPid, gint wait_status, gpointer data)
{
    auto* callback = static_cast<ChildCallback*>(data);
    callback->loop->guard([&] { callback->function(wait_status); });
}

void drop_child(gpointer data) { delete static_cast<ChildCallback*>(data); }

/// For a turn: a source that is always ready, as a socket at its end is, must not keep it going for ever.
constexpr int most_iterations = 1000;

/// True while it lives, and false again however its scope is left.
class Flag
{
  public:
    explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
    Flag(const Flag&) = delete;
    Flag& operator=(const Flag&) = delete;
    ~Flag() { flag_ = false; }

  private:
    bool& flag_;
};

} // namespace

Watch::~Watch()
{
    if (source_) {
        g_source_destroy(source_);
        g_source_unref(source_);
    }
}

Loop::Loop() : context_(g_main_context_new()) { g_main_context_push_thread_default(context_); }

Loop::~Loop()
{
    // GIO calls back once more for what was cancelled, to be freed; nobody else is called.
    closing_ = true;
    turn();
    g_main_context_pop_thread_default(context_);
    g_main_context_unref(context_);
}

void Loop::until(const Condition& holds, Deadline deadline, const std::string& what, const LastSeen& last_seen)
{
    require_outside(what);
    const bool limited = limit_ && limit_->end() < deadline.end();
    const Deadline bound = limited ? *limit_ : deadline;
    // Only wakes the loop; whether the deadline has passed is asked of the clock below.
    const Watch alarm = after(bound.left(), [] {});
    for (;;) {
        if (failure_)
            std::rethrow_exception(failure_);
        if (interruption_)
            std::rethrow_exception(std::exchange(interruption_, nullptr));
        if (holds())
            return;
        if (bound.passed())
            break;
        const Flag flag(dispatching_);
        g_main_context_iteration(context_, TRUE);
    }
    const double seconds = std::chrono::duration<double>(bound.total()).count();
    std::string text = limited ? fmt::format("awaited {} when the case's deadline of {:.1f} s passed", what, seconds)
                               : fmt::format("awaited {} for {:.1f} s", what, seconds);
    if (const std::string seen = last_seen ? last_seen() : ""; !seen.empty())
        text += "; last seen: " + seen;
    throw Timeout(text);
}

void Loop::require_outside(const std::string& what) const
{
    if (dispatching_)
        throw StateError("waiting for " + what + " inside a callback of the same loop");
}

void Loop::turn()
{
    require_outside("a turn");
    const Flag flag(dispatching_);
    for (int i = 0; i < most_iterations && g_main_context_iteration(context_, FALSE); i++) {
    }
}

void Loop::fail(std::exception_ptr failure)
{
    if (!failure_)
        failure_ = std::move(failure);
    g_main_context_wakeup(context_);
}

void Loop::interrupt(std::exception_ptr failure)
{
    if (!interruption_)
        interruption_ = std::move(failure);
    g_main_context_wakeup(context_);
}

void Loop::forgive() noexcept
{
    interruption_ = nullptr;
    failure_ = nullptr;
    limit_.reset();
}

void Loop::guard(const std::function<void()>& callback) noexcept
{
    if (closing_)
        return;
    try {
        callback();
    } catch (...) {
        fail(std::current_exception());
    }
}

void Loop::post(std::function<void()> function)
{
    GSource* source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, call_once, new Callback{this, std::move(function)}, drop);
    g_source_attach(source, context_);
    g_source_unref(source);
}

Watch Loop::watch(int fd, GIOCondition condition, std::function<void()> ready)
{
    GSource* source = g_unix_fd_source_new(fd, condition);
    // GLib takes a source that may not recurse out of the poll while it is dispatched, at three system calls each time.
    // Recursion there is none: until() refuses it.
    g_source_set_can_recurse(source, TRUE);
    g_source_set_callback(source, G_SOURCE_FUNC(call_for_fd), new Callback{this, std::move(ready)}, drop);
    g_source_attach(source, context_);
    return Watch(source);
}

Watch Loop::watch_child(pid_t child, std::function<void(int)> ended)
{
    GSource* source = g_child_watch_source_new(child);
    g_source_set_callback(source, G_SOURCE_FUNC(call_for_child), new ChildCallback{this, std::move(ended)}, drop_child);
    g_source_attach(source, context_);
    return Watch(source);
}

Watch Loop::watch_signal(int signal, std::function<void()> received)
{
    GSource* source = g_unix_signal_source_new(signal);
    g_source_set_callback(source, call, new Callback{this, std::move(received)}, drop);
    g_source_attach(source, context_);
    return Watch(source);
}

Watch Loop::after(std::chrono::milliseconds delay, std::function<void()> expired)
{
    const auto bounded =
        std::clamp<std::chrono::milliseconds::rep>(delay.count(), 0, std::numeric_limits<guint>::max());
    GSource* source = g_timeout_source_new(static_cast<guint>(bounded));
    g_source_set_callback(source, call, new Callback{this, std::move(expired)}, drop);
    g_source_attach(source, context_);
    return Watch(source);
}

} // namespace qtest
