// SPDX-License-Identifier: GPL-2.0-or-later
//
// Analysis: what a saved migration stream (`migrate file:F`, `exec:cat > F`) holds: its configuration, its sections in
// order, guest RAM, and every device's fields by name. That there is one means that the file is well formed from its
// first byte to its last: every section ends where its description says and has the right footer, every device that is
// described is there once, and nothing follows the end.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "configuration.h"
#include "json.h"
#include "malformed.h"
#include "ram_block.h"

namespace stream
{

struct Section {
    enum class Kind { configuration, start, part, end, full, command, description };

    Kind kind;
    std::uint64_t offset; // of its first byte
    std::uint64_t size;   // with its footer; with mapped-ram, also with the pages between
    std::string name;     // of the device or the command
    std::uint32_t id = 0;
    std::uint32_t instance = 0;
    std::uint32_t version = 0;
};

struct Device {
    std::string name; // "0000:00:02.0/e1000e"
    std::uint32_t instance;
    std::uint32_t version;
    std::uint32_t section_id;
    std::uint64_t offset; // of its data
    std::uint64_t size;
    qtest::Json state; // FieldReader says how
};

class Analysis
{
  public:
    std::shared_ptr<const Input> input;
    std::uint64_t page_size = 0; // of the target
    Configuration configuration = {};
    std::vector<Section> sections = {};
    std::vector<RamBlock> ram = {};
    std::vector<Device> devices = {};

    bool has_capability(const std::string& name) const;
    /// Throws qtest::UsageError when there is none of that name.
    const RamBlock& block(const std::string& name) const;
    const Device& device(const std::string& name, std::uint32_t instance = 0) const;
    /// Fills the span with RAM as the stream has it; zeros where a page was never sent. Throws as RamBlock::read().
    void read_ram(const RamBlock& from, std::uint64_t offset, std::span<std::uint8_t> to) const
    {
        from.read(*input, offset, to);
    }
};

struct Options {
    std::uint64_t offset = 0; // where the stream begins in the file (`file:F,offset=N`)
};

/// Throws Malformed, and qtest::EnvironmentError when there is no such file. Takes memory in proportion to the number
/// of pages in the stream, never to what it declares. The file must not change as long as the result is used.
Analysis analyze(const std::filesystem::path& path, const Options& options = {});
Analysis analyze(Input input, const Options& options = {});

} // namespace stream
