// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "errors.h"

namespace stream
{

/// What is read is no migration stream, or one that breaks off, or one this reader does not know.
class Malformed : public qtest::Error
{
  public:
    Malformed(std::uint64_t position, const std::string& reason)
        : Error(fmt::format("byte {0} ({0:#x}): {1}", position, reason)), position_(position), reason_(reason)
    {
    }
    /// Of the first byte that is wrong, or would be needed, from the beginning of the file.
    std::uint64_t position() const noexcept { return position_; }
    const std::string& reason() const noexcept { return reason_; }

  private:
    std::uint64_t position_;
    std::string reason_;
};

} // namespace stream
