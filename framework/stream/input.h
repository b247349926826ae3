// SPDX-License-Identifier: GPL-2.0-or-later
//
// Input: the bytes of a stream, in a file or in memory, read at any offset. Nothing is kept of a file but its
// descriptor, so its size costs no memory; and as it is not mapped, one that shrinks meanwhile is an error, no SIGBUS.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "unique_fd.h"

namespace stream
{

class Input
{
  public:
    /// Throws qtest::EnvironmentError when there is no such file, or it is not a regular one.
    static Input open(const std::filesystem::path& path);
    explicit Input(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {}

    std::uint64_t size() const noexcept { return size_; }
    /// Fills the span. Throws Malformed when the file is not that long (any more), qtest::EnvironmentError when it
    /// cannot be read.
    void read(std::uint64_t offset, std::span<std::uint8_t> to) const;

  private:
    Input(qtest::UniqueFd file, std::uint64_t size) : file_(std::move(file)), size_(size) {}

    qtest::UniqueFd file_;
    std::string bytes_;
    std::uint64_t size_;
};

} // namespace stream
