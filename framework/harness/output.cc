// SPDX-License-Identifier: GPL-2.0-or-later
#include "output.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "errors.h"

namespace harness
{

namespace
{

/// 0, or errno.
int write_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t size = ::write(fd, bytes.data(), bytes.size());
        if (size >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(size));
        } else if (errno == EAGAIN) {
            // Whoever started us shares a non-blocking descriptor with us.
            pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

} // namespace

Output::~Output() { join(); }

void Output::write(std::string_view bytes)
{
    const std::lock_guard lock(mutex_);
    if (error_ || bytes.empty())
        return;
    queue_ += bytes;
    if (!thread_.joinable()) {
        // Signals are for the main thread; and a reader that is gone then shows as EPIPE instead of ending us.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread([this] { hand_over(); });
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    changed_.notify_one();
}

bool Output::is_behind()
{
    constexpr std::size_t much = 4096; // two screens of a small terminal
    const std::lock_guard lock(mutex_);
    return queue_.size() > much;
}

void Output::hand_over()
{
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return finished_ || !queue_.empty(); });
        if (queue_.empty())
            return;
        const std::string bytes = std::exchange(queue_, {});
        lock.unlock();
        const int error = write_all(fd_, bytes);
        lock.lock();
        if (error) {
            error_ = error;
            queue_.clear();
        }
    }
}

void Output::join()
{
    {
        const std::lock_guard lock(mutex_);
        finished_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable())
        thread_.join();
}

void Output::finish()
{
    join();
    if (error_)
        throw qtest::EnvironmentError(
            fmt::format("the report could not be written to {}: {}", name_, std::strerror(error_)));
}

} // namespace harness
