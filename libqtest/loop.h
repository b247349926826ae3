// SPDX-License-Identifier: GPL-2.0-or-later
//
// Loop: the one event loop of a case. Inside, callbacks; outside, blocking verbs that call until(), which dispatches
// everything (every VM, every socket) until its condition holds. One thread, one GMainContext, which is that thread's
// default for as long as the Loop lives, so that GIO's operations complete here.
//
// A callback must not throw into GLib, nor wait: a callback made with watch() hands what it throws to the until() that
// is running, and until() inside a callback throws StateError.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gio/gio.h>

#include "deadline.h"

namespace qtest
{

/// A GSource that lives as long as this does. May be dropped inside its own callback.
class Watch
{
  public:
    Watch() noexcept = default;
    explicit Watch(GSource* adopted) noexcept : source_(adopted) {}
    Watch(Watch&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
    Watch& operator=(Watch&& other) noexcept
    {
        std::swap(source_, other.source_);
        return *this;
    }
    ~Watch();
    explicit operator bool() const noexcept { return source_ != nullptr; }

  private:
    GSource* source_ = nullptr;
};

class Loop
{
  public:
    using Condition = std::function<bool()>;
    /// Tells, for a failure text, what there was instead of what was awaited.
    using LastSeen = std::function<std::string()>;

    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    /// Dispatches until `holds()`. Throws Timeout ("awaited WHAT for 5.0 s; last seen: …") at the deadline, or at the
    /// Loop's limit if that is sooner; throws what was given to fail() as soon as it is given.
    void until(const Condition& holds, Deadline deadline, const std::string& what, const LastSeen& last_seen = {});
    /// Dispatches what is ready, and what gets ready by that, without waiting. Throws StateError inside a callback.
    void turn();

    /// A bound on every wait together: the deadline of the whole case.
    void set_limit(Deadline limit) { limit_ = limit; }

    /// Ends the running until() and every later one with this, at once: something has happened after which no wait
    /// makes sense. The first one stands.
    void fail(std::exception_ptr failure);
    /// Ends the running until(), or the next one, with this, and no other: whoever waits is told, and may wait again.
    void interrupt(std::exception_ptr failure);
    /// Throws StateError inside a callback of this loop, where nothing can be waited for.
    void require_outside(const std::string& what) const;
    /// Waits work again: for the clean-up after a failure, which no limit binds either.
    void forgive() noexcept;

    /// Calls back once, from the loop.
    void post(std::function<void()> function);
    /// Runs a callback that GLib made, handing what it throws to fail().
    void guard(const std::function<void()>& callback) noexcept;

    /// Calls `ready` each time `fd` (borrowed) meets `condition`.
    Watch watch(int fd, GIOCondition condition, std::function<void()> ready);
    /// Reaps the child when it has ended, and calls `ended` with what waitpid() said. Dropped before: the child is not
    /// reaped.
    Watch watch_child(pid_t child, std::function<void(int wait_status)> ended);
    /// Calls `received` when this process gets SIGINT, SIGTERM or SIGHUP, which then does nothing else.
    Watch watch_signal(int signal, std::function<void()> received);
    /// Calls `expired` every `delay` until the Watch is dropped.
    Watch after(std::chrono::milliseconds delay, std::function<void()> expired);

  private:
    GMainContext* context_;
    std::optional<Deadline> limit_;
    std::exception_ptr failure_;
    std::exception_ptr interruption_;
    bool dispatching_ = false;
    bool closing_ = false;
};

} // namespace qtest
