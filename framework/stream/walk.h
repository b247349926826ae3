// SPDX-License-Identifier: GPL-2.0-or-later
//
// Walk: one pass over a stream from its first byte to its last, and what it has gathered then.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "analysis.h"
#include "cursor.h"
#include "description.h"
#include "fields.h"
#include "ram_reader.h"

namespace stream
{

class Walk
{
  public:
    Walk(std::shared_ptr<const Input> input, std::uint64_t offset);
    /// Throws Malformed.
    Analysis result();

  private:
    void read_header();
    /// What follows a type's byte; false after the end mark.
    bool read_next();
    void read_command(std::uint64_t start);
    void read_new_section(std::uint64_t start, Section::Kind kind);
    void read_more(std::uint64_t start, Section::Kind kind);
    void read_device(const Section& section);
    void read_footer(std::uint32_t id);
    void read_end(std::uint64_t end_mark);

    std::shared_ptr<const Input> input_;
    Cursor cursor_;
    std::optional<Description> description_ = {};
    FieldReader fields_{cursor_};
    std::optional<RamReader> ram_ = {};
    /// Sections that were started; those that have ended are complete.
    struct Iterated {
        Section section;
        bool ended;
    };
    std::map<std::uint32_t, Iterated> iterated_ = {};
    std::set<std::uint32_t> full_ = {};
    std::set<Description::Key> seen_ = {};
    Analysis analysis_ = {};
};

} // namespace stream
