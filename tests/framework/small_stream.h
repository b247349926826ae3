// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small streams, made piece by piece, as QEMU would write them for a machine of a few pages of 1024 bytes and one
// device; each piece's position is kept under a name, so that a test can break just that.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace small_stream
{

class Builder
{
  public:
    std::string bytes;
    std::map<std::string, std::size_t> at;

    Builder& mark(const std::string& name)
    {
        at[name] = bytes.size();
        return *this;
    }
    Builder& be(unsigned size, std::uint64_t value)
    {
        while (size-- > 0)
            bytes += static_cast<char>(value >> 8 * size);
        return *this;
    }
    Builder& text(const std::string& text)
    {
        bytes += text;
        return *this;
    }
    Builder& name(const std::string& name) { return be(1, name.size()).text(name); }
    Builder& section(unsigned type, std::uint32_t id, const std::string& device, std::uint32_t version)
    {
        return be(1, type).be(4, id).name(device).be(4, 0).be(4, version);
    }
    Builder& more(unsigned type, std::uint32_t id) { return be(1, type).be(4, id); }
    Builder& footer(std::uint32_t id) { return be(1, 0x7e).be(4, id); }
    Builder& json(const std::string& json) { return be(1, 6).be(4, json.size()).text(json); }

    /// The same with other bytes at a place.
    std::string with(const std::string& place, std::size_t offset, const std::string& other) const
    {
        std::string result = bytes;
        return result.replace(at.at(place) + offset, other.size(), other);
    }
};

constexpr std::uint64_t page_size = 1024;
inline std::string page(char fill) { return std::string(page_size, fill); }
/// One whose bytes are not all alike: the 500th is '!'.
inline std::string first_page() { return page('x').replace(500, 1, "!"); }

inline Builder begin(const std::vector<std::string>& capabilities)
{
    Builder stream;
    stream.text("QEVM").be(4, 3).mark("configuration").be(1, 7).be(4, 6).text("pc-9.9");
    stream.mark("page bits").be(1, 5).name("configuration/target-page-bits").be(4, 1).be(4, 10);
    if (!capabilities.empty()) {
        stream.be(1, 5).name("configuration/capabilities").be(4, 1).be(4, capabilities.size());
        for (const std::string& one : capabilities)
            stream.name(one);
    }
    return stream;
}

/// A device with a field of every kind, and the end with its description.
inline void finish(Builder& stream)
{
    stream.mark("device").section(4, 7, "dev/nic", 3);
    stream.mark("fields").be(1, 200).be(4, 0xfffffffe).be(2, 1).be(2, 65535).be(8, 5).text("abc");
    stream.mark("struct").be(1, 1).be(1, '0');
    stream.mark("subsection").be(1, 5).name("dev/more").be(4, 2).be(8, 0xffffffffffffffff);
    stream.mark("device footer").footer(7);
    stream.mark("end").be(1, 0);
    stream.mark("description")
        .json(R"({"page_size": 1024, "devices": [{"name": "dev/nic", "instance_id": 0, )"
              R"("vmsd_name": "nic", "version": 3, "fields": [)"
              R"({"name": "a", "type": "uint8", "size": 1}, )"
              R"({"name": "b", "type": "int32 equal", "size": 4}, )"
              R"({"name": "c", "array_len": 2, "type": "uint16", "size": 2}, )"
              R"({"name": "t", "type": "timer", "size": 8}, )"
              R"({"name": "d", "type": "buffer", "size": 3}, )"
              R"({"name": "s", "type": "struct", "struct": {"vmsd_name": "s", "version": 1, )"
              R"("fields": [{"name": "on", "type": "bool", "size": 1}, )"
              R"({"name": "p", "type": "nullptr", "size": 1}]}, "size": 2}], )"
              R"("subsections": [{"vmsd_name": "dev/more", "version": 2, )"
              R"("fields": [{"name": "e", "type": "uint64", "size": 8}]}]}]})");
}

/// RAM in three passes: "ram" of four pages, the last never sent, and "rom" of one.
inline Builder plain(const std::vector<std::string>& capabilities = {})
{
    const bool shared = !capabilities.empty();
    Builder stream = begin(capabilities);
    stream.mark("ram").section(1, 2, "ram", 4);
    stream.mark("blocks").be(8, 5 * page_size | 0x04).name("ram").mark("block size").be(8, 4 * page_size);
    if (shared)
        stream.be(8, 0x100000);
    stream.mark("second block").name("rom").be(8, page_size);
    if (shared)
        stream.be(8, 0xfff00000);
    stream.mark("eos").be(8, 0x10).mark("footer").footer(2);
    stream.mark("part").more(2, 2);
    stream.mark("first page").be(8, 0x08).name("ram").text(first_page());
    stream.mark("second page").be(8, page_size | 0x20 | 0x08).text(page('y'));
    stream.mark("zero page").be(8, 2 * page_size | 0x20 | 0x02).be(1, 0);
    stream.mark("flush").be(8, 0x200).be(8, 0x10).mark("part footer").footer(2);
    stream.mark("last").more(3, 2).be(8, page_size | 0x02).name("ram").be(1, 0).be(8, 0x02).name("rom").be(1, 0xcc);
    stream.be(8, 0x10).footer(2);
    stream.mark("command").be(1, 8).be(2, 11).be(2, 0);
    finish(stream);
    return stream;
}

/// The first three pages of that RAM, each at its place: the first one has data.
inline Builder mapped(bool shared = false)
{
    Builder stream = begin(shared ? std::vector<std::string>{"x-ignore-shared", "mapped-ram"}
                                  : std::vector<std::string>{"mapped-ram"});
    stream.mark("ram").section(1, 2, "ram", 4).be(8, 3 * page_size | 0x04).name("ram").be(8, 3 * page_size);
    if (shared)
        stream.be(8, 0x100000);
    stream.mark("header").be(4, 1).be(8, page_size);
    if (shared) {
        stream.be(8, 0).be(8, 0);
    } else {
        const std::size_t bitmap = stream.bytes.size() + 16, pages = bitmap + 8;
        stream.be(8, bitmap).be(8, pages).mark("bitmap").be(1, 0x01).be(4, 0).be(3, 0);
        stream.mark("pages").text(first_page() + page('?') + page('?'));
    }
    stream.be(8, 0x10).footer(2).more(3, 2).mark("eos").be(8, 0x10).footer(2);
    finish(stream);
    return stream;
}

} // namespace small_stream
