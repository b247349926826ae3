// SPDX-License-Identifier: GPL-2.0-or-later
//
// Logger: what a session tells of itself, under a name of its own ("libqtest.qmp_client.source"). Without a sink it
// speaks through GLib under that name as log domain: warnings show on stderr, the rest when G_MESSAGES_DEBUG names the
// domain. An error is told as information there: whoever called the verb gets it as an exception.
#pragma once

#include <functional>
#include <string>

namespace qtest
{

enum class LogLevel { debug, info, warning, error };

struct LogRecord {
    LogLevel level;
    std::string logger;
    std::string text;
};

using LogSink = std::function<void(const LogRecord&)>;

class Logger
{
  public:
    explicit Logger(std::string name);

    const std::string& name() const noexcept { return name_; }
    /// Takes every record from now on, debug ones included. It must not throw.
    void set_sink(LogSink sink) { sink_ = std::move(sink); }
    /// Whether anybody reads debug records: a text that costs something is made only then.
    bool debugs() const noexcept { return sink_ || glib_debugs_; }
    void log(LogLevel level, const std::string& text) const;

  private:
    std::string name_;
    bool glib_debugs_;
    LogSink sink_;
};

} // namespace qtest
