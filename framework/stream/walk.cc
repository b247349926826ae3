// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk.h"

#include <algorithm>

#include "configuration.h"
#include "marks.h"

namespace stream
{

using qtest::Json;

namespace
{

struct Command {
    std::uint16_t number;
    const char* name;
    std::uint16_t size; // of its data
};

/// Those a stream in one direction, complete in itself, can have.
constexpr Command commands[] = {
    {1, "open-return-path", 0}, {2, "ping", 4}, {10, "enable-colo", 0}, {11, "switchover-start", 0}};

} // namespace

Walk::Walk(std::shared_ptr<const Input> input, std::uint64_t offset)
    : input_(std::move(input)), cursor_(*input_, offset)
{
    analysis_.input = input_;
}

Analysis Walk::result()
{
    read_header();
    description_ = Description::find(*input_);
    analysis_.page_size = description_ ? description_->page_size : 4096;
    while (read_next()) {
    }
    if (ram_)
        analysis_.ram = ram_->finish();
    return std::move(analysis_);
}

void Walk::read_header()
{
    if (cursor_.left() == 0)
        throw Malformed(cursor_.position(), input_->size() == 0 ? "the file is empty" : "the file has ended before");
    const std::uint64_t start = cursor_.position();
    if (const std::uint32_t seen = cursor_.be32("the magic number"); seen != file_magic)
        throw Malformed(
            start, fmt::format("no migration stream: it begins with {:#010x}, not {:#010x} (QEVM)", seen, file_magic));
    if (const std::uint32_t seen = cursor_.be32("the version"); seen != file_version)
        throw Malformed(start + 4, fmt::format("stream version {}; this reader knows {}", seen, file_version));
}

bool Walk::read_next()
{
    const std::uint64_t start = cursor_.position();
    switch (const std::uint8_t type = cursor_.u8("the type of the next section"); type) {
    case mark::end:
        read_end(start);
        return false;
    case mark::configuration:
        if (!analysis_.sections.empty())
            throw Malformed(start, "a configuration that is not the first section");
        analysis_.configuration = read_configuration(cursor_, fields_, description_ ? &*description_ : nullptr);
        if (!description_ && analysis_.configuration.page_size)
            analysis_.page_size = *analysis_.configuration.page_size;
        analysis_.sections.push_back({Section::Kind::configuration, start, cursor_.position() - start, {}});
        return true;
    case mark::section_start:
        read_new_section(start, Section::Kind::start);
        return true;
    case mark::section_full:
        read_new_section(start, Section::Kind::full);
        return true;
    case mark::section_part:
        read_more(start, Section::Kind::part);
        return true;
    case mark::section_end:
        read_more(start, Section::Kind::end);
        return true;
    case mark::command:
        read_command(start);
        return true;
    default:
        throw Malformed(start, fmt::format("unknown section type {:#04x}", type));
    }
}

void Walk::read_command(std::uint64_t start)
{
    const std::uint16_t number = cursor_.be16("a command's number");
    const std::uint16_t size = cursor_.be16("a command's size");
    const auto* known = std::find_if(std::begin(commands), std::end(commands),
                                     [&](const Command& one) { return one.number == number; });
    if (known == std::end(commands))
        throw Malformed(start + 1, fmt::format("command {}: unknown, or not for a stream in a file", number));
    if (size != known->size)
        throw Malformed(start + 3,
                        fmt::format("command {} has {} bytes; it has {} by rule", known->name, size, known->size));
    cursor_.skip(size, "a command");
    analysis_.sections.push_back({Section::Kind::command, start, cursor_.position() - start, known->name, number});
}

void Walk::read_new_section(std::uint64_t start, Section::Kind kind)
{
    Section section{.kind = kind, .offset = start, .size = 0, .name = {}};
    section.id = cursor_.be32("a section's id");
    section.name = cursor_.name("a section's name");
    section.instance = cursor_.be32("a section's instance");
    section.version = cursor_.be32("a section's version");
    if (iterated_.contains(section.id) || !full_.insert(section.id).second)
        throw Malformed(start + 1, fmt::format("section id {} is there twice; now of {}", section.id, section.name));
    if (kind == Section::Kind::full) {
        read_device(section);
    } else {
        if (section.name != "ram" || section.instance != 0 || ram_)
            throw Malformed(start + 5, fmt::format("'{}' (instance {}) is sent in parts; this reader knows only RAM, "
                                                   "once",
                                                   section.name, section.instance));
        constexpr std::uint32_t known = 4;
        if (section.version != known)
            throw Malformed(cursor_.position() - 4,
                            fmt::format("RAM of version {}; this reader knows {}", section.version, known));
        const bool mapped = analysis_.has_capability("mapped-ram");
        ram_.emplace(cursor_, RamReader::Options{.page_size = analysis_.page_size,
                                                 .ignore_shared = analysis_.has_capability("x-ignore-shared"),
                                                 .mapped = mapped});
        ram_->read(true);
        iterated_.emplace(section.id, Iterated{section, false});
    }
    read_footer(section.id);
    section.size = cursor_.position() - start;
    analysis_.sections.push_back(section);
}

void Walk::read_more(std::uint64_t start, Section::Kind kind)
{
    const std::uint32_t id = cursor_.be32("a section's id");
    const auto found = iterated_.find(id);
    if (found == iterated_.end())
        throw Malformed(start + 1, fmt::format("more of section {}, which was not started", id));
    if (found->second.ended)
        throw Malformed(start + 1,
                        fmt::format("more of section {} ({}), which has ended", id, found->second.section.name));
    ram_->read(false);
    read_footer(id);
    found->second.ended = kind == Section::Kind::end;
    Section section = found->second.section;
    section.kind = kind;
    section.offset = start;
    section.size = cursor_.position() - start;
    analysis_.sections.push_back(std::move(section));
}

void Walk::read_device(const Section& section)
{
    const std::uint64_t at = cursor_.position();
    const std::string what = fmt::format("device {} (instance {})", section.name, section.instance);
    if (!description_)
        throw Malformed(at, fmt::format("where {} ends is unknown: the file does not end in a description of its "
                                        "devices; it is cut short, or of a machine type that has none",
                                        what));
    const auto found = description_->devices.find({section.name, section.instance});
    if (found == description_->devices.end())
        throw Malformed(section.offset, fmt::format("{} is not in the description", what));
    if (found->second.version != section.version)
        throw Malformed(at - 4, fmt::format("{} has version {}, by its description {}", what, section.version,
                                            found->second.version));
    if (!seen_.insert(found->first).second)
        throw Malformed(section.offset, fmt::format("{} is there twice", what));
    Json state = fields_.read(found->second, section.name);
    analysis_.devices.push_back(
        {section.name, section.instance, section.version, section.id, at, cursor_.position() - at, std::move(state)});
}

void Walk::read_footer(std::uint32_t id)
{
    const std::uint64_t at = cursor_.position();
    if (const std::uint8_t seen = cursor_.u8("a section's footer"); seen != mark::footer)
        throw Malformed(at, fmt::format("section {} should end here with a footer ({:#04x}); there is {:#04x}", id,
                                        mark::footer, seen));
    if (const std::uint32_t seen = cursor_.be32("a section's footer"); seen != id)
        throw Malformed(at + 1, fmt::format("the footer of section {} names section {}", id, seen));
}

void Walk::read_end(std::uint64_t end_mark)
{
    for (const auto& [id, iterated] : iterated_) {
        if (!iterated.ended)
            throw Malformed(end_mark, fmt::format("the end of the stream, but section {} ({}) has not ended", id,
                                                  iterated.section.name));
    }
    const std::uint64_t here = cursor_.position();
    if (!description_)
        throw Malformed(here, "the stream ends without a description of its devices");
    if (description_->position != here)
        throw Malformed(here, fmt::format("the stream ends here, but the description of its devices is at {:#x}",
                                          description_->position));
    for (const auto& [key, layout] : description_->devices) {
        if (!seen_.contains(key))
            throw Malformed(here, fmt::format("device {} (instance {}) is described, and is not in the stream",
                                              key.first, key.second));
    }
    if (description_->end != input_->size())
        throw Malformed(description_->end, fmt::format("{} bytes after the end", input_->size() - description_->end));
    analysis_.sections.push_back({Section::Kind::description, here, description_->end - here, {}});
}

} // namespace stream
