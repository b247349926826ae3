// SPDX-License-Identifier: GPL-2.0-or-later
//
// An analysis for people and for programs: docs/analyze.md says what is in it.
#pragma once

#include <string>

#include "analysis.h"

namespace stream
{

/// How many bytes that are not in the file are hashed as zeros, at some 250 MB a second; a file of a few bytes can
/// declare terabytes.
constexpr std::uint64_t usual_zeros = std::uint64_t{16} << 30;

qtest::Json to_json(const Analysis& analysis, std::uint64_t zeros = usual_zeros);
std::string to_text(const Analysis& analysis, std::uint64_t zeros = usual_zeros);

} // namespace stream
