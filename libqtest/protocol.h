// SPDX-License-Identifier: GPL-2.0-or-later
//
// Protocol<M>: a Session of messages of type M, each a line. What a message means is the derived class's: QmpClient
// (M = Json), QtestClient (M = a line of text).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session.h"

namespace qtest
{

template <class M>
class Protocol : public Session
{
  public:
    /// Sees a message, may change it, and returns what goes on.
    using Hook = std::function<M(M)>;

    /// Every message received, handshake included, in the order of the wire, before anybody acts on it.
    void on_inbound(Hook hook) { inbound_ = std::move(hook); }
    /// Every message sent, before it is written.
    void on_outbound(Hook hook) { outbound_ = std::move(hook); }

  protected:
    /// A line longer than `line_limit` bytes ends the session: a peer that never ends its line must not fill the
    /// memory.
    Protocol(Loop& loop, std::string name, const char* type, const char* module, std::size_t line_limit = 64 * 1024)
        : Session(loop, std::move(name), type, module, line_limit)
    {
    }

    /// What a line means. Throws an Error when that is nothing: the session ends.
    virtual M decode(std::string_view line) = 0;
    /// How a message is written, without the line's end.
    virtual std::string encode(const M& message) = 0;
    /// How the log shows a message.
    virtual std::string describe(const M& message) = 0;
    /// A message arrived, in the handshake or after. Calls established() when the handshake is done. What it throws
    /// ends the session.
    virtual void on_message(M message) = 0;

    void send(M message, std::vector<UniqueFd> fds = {})
    {
        pass(outbound_, message);
        if (logger().debugs())
            logger().log(LogLevel::debug, "--> " + describe(message));
        write(encode(message), std::move(fds));
    }

  private:
    void on_line(std::string_view line) final
    {
        M message = decode(line);
        if (logger().debugs())
            logger().log(LogLevel::debug, "<-- " + describe(message));
        pass(inbound_, message);
        if (connected()) // a hook may have ended it
            on_message(std::move(message));
    }

    /// A hook that throws fails the wait that is running; the message goes on as it was.
    void pass(const Hook& hook, M& message)
    {
        try {
            if (hook)
                message = hook(message);
        } catch (...) {
            loop().interrupt(std::current_exception());
        }
    }

    Hook inbound_;
    Hook outbound_;
};

} // namespace qtest
