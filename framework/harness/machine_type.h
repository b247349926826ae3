// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which machine type a pair of QEMUs is run with.
#pragma once

#include <string>

#include "schema.h"

namespace harness
{

struct CommonMachine {
    /// "pc-i440fx-7.2"; empty: there is none.
    std::string type;
    /// Then why, in words for a SKIP: what each of the two has.
    std::string missing;
};

/// The newest type that both know. An alias ("pc") means another type in each version, and here all versions of that;
/// a type's own name means that type alone. Throws qtest::EnvironmentError when neither knows what is asked for.
CommonMachine common_machine(const std::string& asked, const qtest::Schema& source, const qtest::Schema& target);

} // namespace harness
