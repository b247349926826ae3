// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "analysis.h"

namespace stream
{

const char* to_string(Section::Kind kind) noexcept;
/// Whether it is of a device: one with id, instance and version.
bool has_id(Section::Kind kind) noexcept;

} // namespace stream
