// SPDX-License-Identifier: GPL-2.0-or-later
//
// RecordedTimes: how long each case took when it last passed, by accelerator: what decides which case is started
// first, and what a listing shows. Kept in migration-test/times.json of the user's cache directory (XDG_CACHE_HOME):
// {ACCELERATOR: {PATH: SECONDS}}.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace harness
{

class RecordedTimes
{
  public:
    static std::filesystem::path usual_file();

    /// No file: no times. Throws qtest::EnvironmentError when it is there and cannot be understood.
    RecordedTimes(std::filesystem::path file, std::string accelerator);

    /// In seconds.
    std::optional<double> find(const std::string& path) const;
    void record(const std::string& path, double seconds) { new_[path] = seconds; }
    /// Adds what was recorded to the file, which changes as a whole or not at all. Throws qtest::EnvironmentError.
    void save() const;

  private:
    std::filesystem::path file_;
    std::string accelerator_;
    std::map<std::string, double> known_;
    std::map<std::string, double> new_;
};

} // namespace harness
