// SPDX-License-Identifier: GPL-2.0-or-later
#include "logger.h"

#include <utility>

#include <glib.h>

namespace qtest
{

Logger::Logger(std::string name)
    : name_(std::move(name)), glib_debugs_(g_log_writer_default_would_drop(G_LOG_LEVEL_DEBUG, name_.c_str()) == FALSE)
{
}

void Logger::log(LogLevel level, const std::string& text) const
{
    if (sink_) {
        sink_({level, name_, text});
        return;
    }
    const GLogLevelFlags flags = level == LogLevel::warning ? G_LOG_LEVEL_WARNING
                                 : level == LogLevel::debug ? G_LOG_LEVEL_DEBUG
                                                            : G_LOG_LEVEL_INFO;
    g_log(name_.c_str(), flags, "%s", text.c_str());
}

} // namespace qtest
