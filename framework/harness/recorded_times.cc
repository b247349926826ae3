// SPDX-License-Identifier: GPL-2.0-or-later
#include "recorded_times.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <glib.h>
#include <unistd.h>

#include "errors.h"
#include "json.h"
#include "log_file.h"

namespace fs = std::filesystem;
using qtest::Json;

namespace harness
{

namespace
{

Json content_of(const fs::path& file)
{
    if (!fs::exists(file))
        return Json::object();
    try {
        const Json content = Json::parse(qtest::read_file(file));
        for (const auto& [accelerator, times] : content.members()) {
            for (const auto& [path, seconds] : times.members())
                seconds.as_double();
        }
        return content;
    } catch (const qtest::JsonError& error) {
        throw qtest::EnvironmentError(
            fmt::format("{}: {}; remove it, and times are recorded anew", file.string(), error.what()));
    }
}

} // namespace

fs::path RecordedTimes::usual_file() { return fs::path(g_get_user_cache_dir()) / "migration-test" / "times.json"; }

RecordedTimes::RecordedTimes(fs::path file, std::string accelerator)
    : file_(std::move(file)), accelerator_(std::move(accelerator))
{
    if (const auto times = content_of(file_).find(accelerator_)) {
        for (const auto& [path, seconds] : times->members())
            known_[path] = seconds.as_double();
    }
}

std::optional<double> RecordedTimes::find(const std::string& path) const
{
    const auto known = known_.find(path);
    return known == known_.end() ? std::nullopt : std::optional(known->second);
}

void RecordedTimes::save() const
{
    if (new_.empty())
        return;
    // Another run may have written meanwhile.
    Json content = content_of(file_);
    Json times = content.find(accelerator_).value_or(Json::object());
    for (const auto& [path, seconds] : new_)
        times.set(path, seconds);
    content.set(accelerator_, times);
    const fs::path part = fmt::format("{}.{}", file_.string(), getpid());
    std::error_code error;
    fs::create_directories(file_.parent_path(), error);
    if (error)
        throw qtest::EnvironmentError(fmt::format("cannot make {}: {}", file_.parent_path().string(), error.message()));
    try {
        qtest::write_file(part, content.pretty() + "\n");
        fs::rename(part, file_);
    } catch (const fs::filesystem_error& failure) {
        fs::remove(part, error);
        throw qtest::EnvironmentError(fmt::format("cannot write {}: {}", file_.string(), failure.code().message()));
    } catch (const qtest::EnvironmentError&) {
        fs::remove(part, error);
        throw;
    }
}

} // namespace harness
