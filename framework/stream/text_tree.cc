// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "section_kind.h"
#include "tree.h"

namespace stream
{

using qtest::Json;

namespace
{

std::string joined(const std::vector<std::string>& words)
{
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// One value in a line: numbers also in hex, long strings of bytes cut.
std::string scalar(const Json& value)
{
    if (value.is_integer()) {
        const std::string decimal = value.dump();
        return decimal[0] == '-' || decimal.size() == 1 ? decimal : fmt::format("{} ({:#x})", decimal, value.as_uint());
    }
    if (!value.is_string())
        return value.dump();
    constexpr std::size_t most = 64;
    const std::string text = value.as_string();
    return text.size() <= most ? text : fmt::format("{}… ({} bytes)", text.substr(0, most), text.size() / 2);
}

bool is_flat(const Json& value) { return !value.is_object() && !value.is_array(); }

/// Equal neighbours told once: "0 x 250, 7".
std::string flat_array(const std::vector<Json>& elements)
{
    constexpr std::size_t most = 16;
    std::vector<std::string> runs;
    std::size_t shown = 0;
    for (std::size_t i = 0, next; i < elements.size() && runs.size() < most; i = shown = next) {
        for (next = i + 1; next < elements.size() && elements[next] == elements[i];)
            next++;
        runs.push_back(next - i == 1 ? scalar(elements[i]) : fmt::format("{} x {}", scalar(elements[i]), next - i));
    }
    if (shown < elements.size())
        runs.push_back(fmt::format("… {} more", elements.size() - shown));
    return "[" + joined(runs) + "]";
}

void add_value(std::string& out, const std::string& name, const Json& value, std::size_t depth)
{
    const std::string indent(2 * depth, ' ');
    if (value.is_object()) {
        out += fmt::format("{}{}\n", indent, name);
        for (const auto& [key, member] : value.members())
            add_value(out, key, member, depth + 1);
        return;
    }
    if (!value.is_array()) {
        out += fmt::format("{}{} = {}\n", indent, name, scalar(value));
        return;
    }
    const auto elements = value.elements();
    if (std::all_of(elements.begin(), elements.end(), is_flat)) {
        out += fmt::format("{}{} = {}\n", indent, name, flat_array(elements));
        return;
    }
    for (std::size_t i = 0; i < elements.size(); i++)
        add_value(out, fmt::format("{}[{}]", name, i), elements[i], depth);
}

void add_section(std::string& out, const Section& section)
{
    out += fmt::format("  {:#010x}  {:<13}", section.offset, to_string(section.kind));
    if (has_id(section.kind))
        out += fmt::format(" {:>3}  {} (instance {}, version {}),", section.id, section.name, section.instance,
                           section.version);
    else if (!section.name.empty())
        out += fmt::format("      {},", section.name);
    out += fmt::format(" {} bytes\n", section.size);
}

void add_block(std::string& out, const Analysis& analysis, const RamBlock& block, std::uint64_t& zeros)
{
    out += fmt::format("  {}: {} bytes ({:#x}), pages of {}", block.name, block.size, block.size, block.page_size);
    if (block.guest_address)
        out += fmt::format(", at {:#x}", *block.guest_address);
    if (!block.in_stream) {
        out += ": shared, not in the stream\n";
        return;
    }
    out +=
        fmt::format(": {} with data, {} zero, {} never sent", block.data_pages, block.zero_pages, block.unsent_pages());
    if (block.repeats > 0)
        out += fmt::format("; {} sent again", block.repeats);
    if (block.mapped)
        out +=
            fmt::format("; bitmap at {:#x}, pages at {:#x}", block.mapped->bitmap_offset, block.mapped->pages_offset);
    const auto hash = block.sha256(*analysis.input, zeros);
    out += fmt::format("\n    sha256 {}\n", hash ? *hash : "not computed: too much of it is not in the file");
}

} // namespace

std::string to_text(const Analysis& analysis, std::uint64_t zeros)
{
    const Configuration& configuration = analysis.configuration;
    std::string out = fmt::format("configuration\n  machine {}\n  capabilities {}\n  page size {}\n",
                                  configuration.machine.empty() ? "not told" : configuration.machine,
                                  configuration.capabilities.empty() ? "none told" : joined(configuration.capabilities),
                                  analysis.page_size);
    for (const auto& [name, subsection] : configuration.subsections.members())
        add_value(out, name, subsection, 1);
    out += "sections\n";
    for (const Section& section : analysis.sections)
        add_section(out, section);
    out += "ram\n";
    for (const RamBlock& block : analysis.ram)
        add_block(out, analysis, block, zeros);
    out += "devices\n";
    for (const Device& device : analysis.devices)
        add_value(out,
                  fmt::format("{} (instance {}, version {}) at {:#x}, {} bytes", device.name, device.instance,
                              device.version, device.offset, device.size),
                  device.state, 1);
    return out;
}

} // namespace stream
