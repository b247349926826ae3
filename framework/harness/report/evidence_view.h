// SPDX-License-Identifier: GPL-2.0-or-later
//
// The evidence of failed cases inside the report, as far as it is still where the runner put it: text files, each
// behind its name. Bounded for a file and for the whole report; what is cut is said.
#pragma once

#include <cstddef>
#include <string>

#include "json.h"

namespace report
{

class EvidenceView
{
  public:
    /// Markup for one record's evidence; empty when it has none.
    std::string of(const qtest::Json& record);

  private:
    struct Parts {
        std::string files;  // each behind its name
        std::string others; // names of those that are not shown, and why
    };
    void add(Parts& parts, const std::string& directory, const std::string& name);

    // Enough for a hundred failures; a browser still opens it at once.
    std::size_t budget_ = 24 * 1024 * 1024;
};

} // namespace report
