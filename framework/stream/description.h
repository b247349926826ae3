// SPDX-License-Identifier: GPL-2.0-or-later
//
// Description: the JSON at the end of a stream (a section of type 0x06), in which QEMU says which fields it wrote for
// each device, how large, and in which order. Without it nothing tells where a device's data ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "input.h"
#include "json.h"

namespace stream
{

struct Layout;

struct Field {
    enum class Kind { structure, boolean, signed_integer, unsigned_integer, text, null, bytes };

    std::string name;
    Kind kind;
    std::uint64_t size; // of one element, in the stream
    bool array = false; // one of several values of this name
    std::uint64_t count = 1;
    std::shared_ptr<const Layout> structure = {};
};

/// What one VMStateDescription wrote.
struct Layout {
    std::string name;
    std::uint32_t version = 0;
    std::vector<Field> fields = {};
    std::vector<Layout> subsections = {};
};

struct Description {
    using Key = std::pair<std::string, std::uint32_t>; // a device's name and instance

    std::uint64_t position; // of its section
    std::uint64_t end;
    std::uint32_t page_size;
    std::optional<Layout> configuration; // 10.0 tells it, 7.2 does not
    std::map<Key, Layout> devices;

    /// More than any QEMU writes, which is some 100 KiB.
    static constexpr std::uint64_t max_size = 16 << 20;
    /// Looks for it at the file's end. Throws Malformed when it is not what QEMU writes; nothing: there is none.
    static std::optional<Description> find(const Input& input);
};

} // namespace stream
