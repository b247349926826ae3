// SPDX-License-Identifier: GPL-2.0-or-later
//
// What can be wrong with QMP messages. Those that end the session are the root cause of its ConnectionLost or
// ConnectError; ExecuteError and BadReplyError are for the one command only.
#pragma once

#include <string>
#include <utility>

#include "errors.h"
#include "json.h"

namespace qtest
{

/// A line that is no JSON. Ends the session.
class DeserializationError : public ProtocolError
{
  public:
    DeserializationError(const std::string& text, std::string raw) : ProtocolError(text), raw_(std::move(raw)) {}
    /// The line as it came.
    const std::string& raw() const noexcept { return raw_; }

  private:
    std::string raw_;
};

/// JSON, but no object. Ends the session.
class UnexpectedTypeError : public ProtocolError
{
  public:
    UnexpectedTypeError(const std::string& text, Json value) : ProtocolError(text), value_(std::move(value)) {}
    const Json& value() const noexcept { return value_; }

  private:
    Json value_;
};

/// An error reply without id: QEMU could not read what was sent, so no later reply can be trusted to belong to its
/// command. Ends the session.
class ServerParseError : public ProtocolError
{
  public:
    using ProtocolError::ProtocolError;
};

/// The greeting is none.
class GreetingError : public ProtocolError
{
  public:
    using ProtocolError::ProtocolError;
};

/// QEMU refused `qmp_capabilities`.
class NegotiationError : public ProtocolError
{
  public:
    using ProtocolError::ProtocolError;
};

/// A reply with neither `return` nor a well-formed `error`.
class BadReplyError : public ProtocolError
{
  public:
    BadReplyError(const std::string& text, Json sent, Json received)
        : ProtocolError(text), sent_(std::move(sent)), received_(std::move(received))
    {
    }
    const Json& sent() const noexcept { return sent_; }
    const Json& received() const noexcept { return received_; }

  private:
    Json sent_;
    Json received_;
};

/// A command answered with an error: a CommandError with both messages.
class ExecuteError : public CommandError
{
  public:
    ExecuteError(const std::string& text, Json sent, Json received)
        : CommandError(text, received.at("error/class").as_string(), received.at("error/desc").as_string()),
          sent_(std::move(sent)), received_(std::move(received))
    {
    }
    const Json& sent() const noexcept { return sent_; }
    const Json& received() const noexcept { return received_; }

  private:
    Json sent_;
    Json received_;
};

} // namespace qtest
