// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one family of exceptions. Which type is thrown decides what becomes of the case that did not catch it: a Skip
// skips it, an EnvironmentError says that this machine cannot run it, every other Error fails it.
#pragma once

#include <stdexcept>
#include <string>

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

/// A verb was called in a state it is not for.
class StateError : public Error
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

/// The peer is gone: hang-up, reset, or the process behind it ended. The text carries the root cause.
class ConnectionLost : public Error
{
  public:
    using Error::Error;
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
