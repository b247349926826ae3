// SPDX-License-Identifier: GPL-2.0-or-later
#include "outcome.h"

#include "glib_ptr.h"

namespace harness
{

namespace
{
constexpr const char* results[] = {"passed", "failed", "skipped", "error"};

/// A reason quotes programs that may print anything, and any amount of it.
std::string presentable(const std::string& reason)
{
    constexpr std::size_t limit = 16 * 1024;
    const std::string shown = reason.size() <= limit ? reason : reason.substr(0, limit) + "… (cut)";
    return qtest::CharPtr(g_utf8_make_valid(shown.data(), static_cast<gssize>(shown.size()))).get();
}
} // namespace

qtest::Json Outcome::save() const
{
    return {{"result", results[static_cast<int>(result)]},
            {"reason", presentable(reason)},
            {"details", details},
            {"seconds", seconds}};
}

Outcome Outcome::load(const qtest::Json& saved)
{
    Outcome outcome;
    const std::string name = saved.at("result").as_string();
    for (int i = 0; i < 4; i++) {
        if (name == results[i])
            outcome.result = static_cast<Result>(i);
    }
    outcome.reason = saved.at("reason").as_string();
    outcome.details = saved.at("details");
    outcome.seconds = saved.at("seconds").as_double();
    return outcome;
}

} // namespace harness
