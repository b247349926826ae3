// SPDX-License-Identifier: GPL-2.0-or-later
//
// UniqueFd owns a file descriptor and closes it; a plain `int` parameter anywhere in this project borrows one.
#pragma once

#include <unistd.h>

#include <utility>

namespace qtest
{

class UniqueFd
{
  public:
    UniqueFd() noexcept = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept
    {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// The caller closes it from now on.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept
    {
        if (fd_ >= 0)
            ::close(fd_);
        fd_ = fd;
    }

  private:
    int fd_ = -1;
};

/// The two ends of a connected stream, both close-on-exec. Throws EnvironmentError when the system has none left.
struct SocketPair {
    SocketPair();
    UniqueFd ours;
    UniqueFd theirs;
};

} // namespace qtest
