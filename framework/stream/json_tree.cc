// SPDX-License-Identifier: GPL-2.0-or-later
#include "section_kind.h"
#include "tree.h"

namespace stream
{

using qtest::Json;

namespace
{

Json section_json(const Section& section)
{
    Json json{{"kind", to_string(section.kind)}, {"offset", section.offset}, {"size", section.size}};
    if (!section.name.empty())
        json.set("name", section.name);
    if (has_id(section.kind))
        json.set("id", std::uint64_t{section.id})
            .set("instance", std::uint64_t{section.instance})
            .set("version", std::uint64_t{section.version});
    return json;
}

Json block_json(const Analysis& analysis, const RamBlock& block, std::uint64_t& zeros)
{
    const auto hash = block.sha256(*analysis.input, zeros);
    Json json{{"name", block.name},
              {"offset", block.offset},
              {"size", block.size},
              {"page_size", block.page_size},
              {"in_stream", block.in_stream},
              {"pages", Json{{"data", block.data_pages}, {"zero", block.zero_pages}, {"unsent", block.unsent_pages()}}},
              {"repeats", block.repeats},
              {"sha256", hash ? Json(*hash) : Json()}};
    if (block.guest_address)
        json.set("guest_address", *block.guest_address);
    if (block.mapped)
        json.set("mapped",
                 Json{{"bitmap_offset", block.mapped->bitmap_offset}, {"pages_offset", block.mapped->pages_offset}});
    return json;
}

} // namespace

Json to_json(const Analysis& analysis, std::uint64_t zeros)
{
    std::vector<Json> capabilities, sections, ram, devices;
    for (const std::string& one : analysis.configuration.capabilities)
        capabilities.emplace_back(one);
    for (const Section& section : analysis.sections)
        sections.push_back(section_json(section));
    for (const RamBlock& block : analysis.ram)
        ram.push_back(block_json(analysis, block, zeros));
    for (const Device& device : analysis.devices)
        devices.push_back({{"name", device.name},
                           {"instance", std::uint64_t{device.instance}},
                           {"version", std::uint64_t{device.version}},
                           {"section", std::uint64_t{device.section_id}},
                           {"offset", device.offset},
                           {"size", device.size},
                           {"state", device.state}});
    return {{"size", analysis.input->size()},
            {"page_size", analysis.page_size},
            {"configuration", Json{{"machine", analysis.configuration.machine},
                                   {"capabilities", Json::array(capabilities)},
                                   {"subsections", analysis.configuration.subsections}}},
            {"sections", Json::array(sections)},
            {"ram", Json::array(ram)},
            {"devices", Json::array(devices)}};
}

} // namespace stream
