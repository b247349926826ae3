// SPDX-License-Identifier: GPL-2.0-or-later
//
// Output: what is written to a descriptor whose reader may be slow, or stopped with Ctrl-S, or never read at all.
// Writing never waits: the bytes are queued and one thread of our own hands them over, so that the runner can go on
// keeping deadlines. The thread starts with the first bytes.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace harness
{

class Output
{
  public:
    /// Borrows the descriptor; `name` is how an error calls it.
    explicit Output(int fd, std::string name = "stdout") : fd_(fd), name_(std::move(name)) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    /// As finish(), but an error is lost.
    ~Output();

    int fd() const noexcept { return fd_; }
    /// Bytes of one call stay together. After an error they are dropped; finish() tells.
    void write(std::string_view bytes);
    /// Whether so much waits for the reader that what is only of the moment had better not be queued behind it.
    bool is_behind();
    /// Waits until the reader has taken everything, for as long as it takes; nothing may be written afterwards. Throws
    /// qtest::EnvironmentError when something could not be written: the disk is full, the reader is gone.
    void finish();

  private:
    void hand_over();
    void join();

    const int fd_;
    const std::string name_;
    std::mutex mutex_; // for all below
    std::condition_variable changed_;
    std::string queue_;
    bool finished_ = false;
    int error_ = 0; // errno of the first write that failed
    std::thread thread_;
};

} // namespace harness
