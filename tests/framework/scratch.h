// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include <glib.h>

/// A directory that is there as long as this is.
class Scratch
{
  public:
    Scratch()
    {
        std::string path = std::filesystem::temp_directory_path() / "test-XXXXXX";
        path_ = g_mkdtemp(path.data());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};
