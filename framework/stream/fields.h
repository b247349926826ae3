// SPDX-License-Identifier: GPL-2.0-or-later
//
// FieldReader: a device's data as JSON, by its layout: an object of its fields by name, in the stream's order, and
// after them its subsections by their name, each an object again. Several fields of one name are an array. Integers
// are numbers, a null pointer is null, and what has no type known here is the string of its bytes in hex.
#pragma once

#include <string>

#include "cursor.h"
#include "description.h"
#include "json.h"

namespace stream
{

class FieldReader
{
  public:
    explicit FieldReader(Cursor& cursor) : cursor_(cursor) {}

    /// Throws Malformed: a subsection that is not the one described, a struct that is not of the size described, the
    /// file's end, values without number.
    qtest::Json read(const Layout& layout, const std::string& what);
    /// The subsections alone, added to the object.
    void read_subsections(const Layout& layout, const std::string& what, qtest::Json& object);

  private:
    qtest::Json read_element(const Field& field, const std::string& what);
    void count(const std::string& what);

    Cursor& cursor_;
    std::uint64_t values_ = 0;
};

} // namespace stream
