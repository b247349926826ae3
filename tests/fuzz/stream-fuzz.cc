// SPDX-License-Identifier: GPL-2.0-or-later
//
// A file that holds anything at all: it is a migration stream, or malformed at a byte it has, or at its end. Of a
// stream, all can be printed and all RAM that is in it be read.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "tree.h"

namespace
{

void must(bool holds)
{
    if (!holds)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const auto analysis = stream::analyze(stream::Input({reinterpret_cast<const char*>(data), size}));
        constexpr std::uint64_t zeros = 1 << 20;
        const qtest::Json json = stream::to_json(analysis, zeros);
        must(qtest::Json::parse(json.pretty()) == json);
        must(!stream::to_text(analysis, zeros).empty());
        for (const stream::RamBlock& block : analysis.ram) {
            must(block.data_pages + block.zero_pages <= block.pages());
            std::array<std::uint8_t, 5000> some;
            const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(some.size(), block.size));
            analysis.read_ram(block, 0, {some.data(), length});
            analysis.read_ram(block, block.size - length, {some.data(), length});
        }
    } catch (const stream::Malformed& error) {
        must(error.position() <= size);
    }
    return 0;
}
