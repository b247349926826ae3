// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one family of exceptions. Which type is thrown decides what becomes of the case that did not catch it: a Skip
// skips it, an EnvironmentError says that this machine cannot run it, every other Error fails it.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace qtest
{

class Error : public std::runtime_error
{
  public:
    using std::runtime_error::runtime_error;
};

/// What must be true of a VM is not.
class TestFailure : public Error
{
  public:
    using Error::Error;
};

/// The case cannot say anything here; the text is the reason shown.
class Skip : public Error
{
  public:
    using Error::Error;
};

/// The machine, the command line or a data file is unfit: reported in one line, exit status 2.
class EnvironmentError : public Error
{
  public:
    using Error::Error;
};

/// A wait reached its deadline; the text says what was awaited, for how long, and what was seen last.
class Timeout : public Error
{
  public:
    using Error::Error;
};

/// A verb was called in a state it is not for; nothing was touched.
class StateError : public Error
{
  public:
    using Error::Error;
};

/// A verb was called with something it cannot take; nothing was touched.
class UsageError : public Error
{
  public:
    using Error::Error;
};

/// An operation was cancelled by its caller.
class Cancelled : public Error
{
  public:
    using Error::Error;
};

/// The operating system refused something of a socket; the text is its own.
class OsError : public Error
{
  public:
    using Error::Error;
};

/// The peer closed its end of the stream.
class EndOfFile : public Error
{
  public:
    using Error::Error;
};

/// The peer sent something its protocol does not allow.
class ProtocolError : public Error
{
  public:
    using Error::Error;
};

/// No session came about. The text is "PHASE: CAUSE", the phase being "Failed to establish connection" (transport) or
/// "Failed to establish session" (greeting and negotiation).
class ConnectError : public Error
{
  public:
    ConnectError(const std::string& text, std::string phase, std::exception_ptr root)
        : Error(text), phase_(std::move(phase)), root_(std::move(root))
    {
    }
    const std::string& phase() const noexcept { return phase_; }
    /// OsError, EndOfFile, an error of the protocol, or Cancelled when disconnect() came in between.
    const std::exception_ptr& root() const noexcept { return root_; }

  private:
    std::string phase_;
    std::exception_ptr root_;
};

/// The session ended under a verb, or before it was called. The text carries the root cause, and the exit status and
/// last words of the process behind the peer when it has one.
class ConnectionLost : public Error
{
  public:
    explicit ConnectionLost(const std::string& text, std::exception_ptr root = nullptr)
        : Error(text), root_(std::move(root))
    {
    }
    /// EndOfFile, OsError, an error of the protocol, or Cancelled when it was disconnect() that ended it; may be null.
    const std::exception_ptr& root() const noexcept { return root_; }

  private:
    std::exception_ptr root_;
};

/// A QMP command was answered with an error.
class CommandError : public Error
{
  public:
    CommandError(const std::string& text, std::string error_class, std::string description)
        : Error(text), error_class_(std::move(error_class)), description_(std::move(description))
    {
    }
    /// The reply's `class`, nearly always "GenericError".
    const std::string& error_class() const noexcept { return error_class_; }
    /// The reply's `desc`.
    const std::string& description() const noexcept { return description_; }

  private:
    std::string error_class_;
    std::string description_;
};

} // namespace qtest
