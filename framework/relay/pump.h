// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pump: passes the bytes of one direction from one non-blocking socket to another. It reads again only when everything
// it has read is sent, so that it never holds more than one chunk and the sender feels the receiver's pace.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "damage.h"
#include "loop.h"

namespace relay
{

class Pump
{
  public:
    enum class End {
        eof,   // the sender closed, and all it had sent is sent on
        error, // a socket failed
        place, // the place is reached at which the damage ends the stream, and all before it is sent on
    };
    struct Handlers {
        std::function<void(Bytes)> came;
        /// Once, and then the pump does nothing more; `error` is the system's text. The pump may be dropped in it.
        std::function<void(End, const std::string& error)> ended;
    };

    /// Borrows both sockets and the damager, which may be null.
    Pump(qtest::Loop& loop, int from, int to, Damager* damager, Handlers handlers);
    Pump(const Pump&) = delete;
    Pump& operator=(const Pump&) = delete;
    ~Pump() = default;

    /// Forwards nothing any more, and says nothing.
    void halt() { watch_ = qtest::Watch(); }
    std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    void await(GIOCondition condition);
    void read();
    void write();
    void end(End end, const std::string& error);

    qtest::Loop& loop_;
    int from_;
    int to_;
    Damager* damager_;
    Handlers handlers_;
    std::vector<std::uint8_t> chunk_;
    std::vector<std::uint8_t> damaged_;
    Bytes unsent_; // of either
    std::optional<End> end_after_;
    std::uint64_t bytes_ = 0;
    GIOCondition awaited_ = GIOCondition(0);
    qtest::Watch watch_;
};

} // namespace relay
