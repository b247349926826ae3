// SPDX-License-Identifier: GPL-2.0-or-later
//
// KnownTrouble: the reviewed catalogue of cases that fail with certain QEMUs because of those QEMUs. Such a case runs
// all the same; its failure is reported as TAP `# TODO`, its success as a notice that an entry is out of date.
//
// The file: {"entries": [{"cases": [PATH-OR-GLOB, …], "qemu": {"from": "7.2", "before": "10.2"}, "what": TEXT, "reference":
// TEXT, "machine": TYPE-PREFIX, "accelerator": NAME, "deadline_s": N}, …]}. All but `cases`, `what` and `reference` may
// be left out; one path may stand alone. Of a pair, `qemu` is a version of either side; `source` and `target`, which take the same, are of that
// side, and all that are given must hold. `deadline_s` bounds the case while it is known to fail.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "setting.h"

namespace harness
{

class KnownTrouble
{
  public:
    /// Of versions; an end that is empty is open.
    struct Range {
        std::string from;
        std::string before;
    };
    struct Entry {
        std::vector<std::string> cases;
        Range qemu; // of either side
        Range source;
        Range target;
        std::string machine;
        std::string accelerator;
        std::string what;
        std::string reference;
        std::optional<std::chrono::seconds> deadline;

        /// For a report: what, and where to read on.
        std::string text() const { return what + " (" + reference + ")"; }
    };

    /// `origin` names the text in error messages. Throws qtest::EnvironmentError naming the entry that is malformed.
    static KnownTrouble parse(std::string_view text, const std::string& origin);

    const Entry* find(const std::string& path, const Setting& setting) const;

  private:
    std::vector<Entry> entries_;
};

} // namespace harness
