// SPDX-License-Identifier: GPL-2.0-or-later
#include "outcome.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "glib_ptr.h"

namespace harness
{

namespace
{
constexpr std::string_view results[] = {"passed", "failed", "skipped", "error"};

/// A reason quotes programs that may print anything, and any amount of it.
std::string presentable(const std::string& reason)
{
    constexpr std::size_t limit = 16 * 1024;
    const std::string shown = reason.size() <= limit ? reason : reason.substr(0, limit) + "… (cut)";
    return qtest::CharPtr(g_utf8_make_valid(shown.data(), static_cast<gssize>(shown.size()))).get();
}
} // namespace

const char* name_of(Result result) { return results[static_cast<int>(result)].data(); }

qtest::Json Outcome::save() const
{
    return {{"result", name_of(result)}, {"reason", presentable(reason)}, {"details", details}, {"vms", vms}};
}

Outcome Outcome::load(const qtest::Json& saved)
{
    const auto* const name = std::find(std::begin(results), std::end(results), saved.at("result").as_string());
    if (name == std::end(results))
        throw qtest::JsonError("'" + saved.at("result").as_string() + "' is no result");
    Outcome outcome;
    outcome.result = static_cast<Result>(name - std::begin(results));
    outcome.reason = saved.at("reason").as_string();
    outcome.details = saved.at("details");
    outcome.vms = saved.at("vms");
    return outcome;
}

} // namespace harness
