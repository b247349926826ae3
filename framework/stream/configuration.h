// SPDX-License-Identifier: GPL-2.0-or-later
//
// Configuration: the first section, which says of what machine the stream is, and in what way it is written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cursor.h"
#include "description.h"
#include "fields.h"
#include "json.h"

namespace stream
{

struct Configuration {
    std::string machine = {};                    // machine type; empty: those before 2.4 do not say
    std::vector<std::string> capabilities = {};  // those whose streams differ, as x-ignore-shared and mapped-ram
    std::optional<std::uint64_t> page_size = {}; // told by targets that have several
    qtest::Json subsections = qtest::Json::object();
};

/// What follows the section's type. QEMU 7.2 does not describe it, though it describes the devices; 10.0
/// does. Throws
/// Malformed.
Configuration read_configuration(Cursor& cursor, FieldReader& fields, const Description* description);

} // namespace stream
