// SPDX-License-Identifier: GPL-2.0-or-later
//
// Completion: what could be typed next, in the words of one QEMU's own schema: commands, their arguments, and the
// values of those that are enumerations or booleans.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "json.h"

namespace shell
{

class Completion
{
  public:
    /// Of query-qmp-schema's reply. Throws qtest::JsonError when that is none.
    explicit Completion(const qtest::Json& schema);

    /// What the word that begins with `word` can become, sorted, `before` being what stands before it on the line.
    std::vector<std::string> candidates(std::string_view before, const std::string& word) const;

  private:
    struct Argument {
        std::string name;
        std::string type;
    };
    std::vector<std::string> values_of(const std::string& type) const;

    std::map<std::string, qtest::Json> entities_;
    std::map<std::string, std::vector<Argument>> commands_;
};

} // namespace shell
