// SPDX-License-Identifier: GPL-2.0-or-later
#include "analysis.h"

#include <algorithm>

#include "walk.h"

namespace stream
{

bool Analysis::has_capability(const std::string& name) const
{
    const auto& all = configuration.capabilities;
    return std::find(all.begin(), all.end(), name) != all.end();
}

const RamBlock& Analysis::block(const std::string& name) const
{
    for (const RamBlock& one : ram) {
        if (one.name == name)
            return one;
    }
    throw qtest::UsageError(fmt::format("the stream has no RAM block '{}'", name));
}

const Device& Analysis::device(const std::string& name, std::uint32_t instance) const
{
    for (const Device& one : devices) {
        if (one.name == name && one.instance == instance)
            return one;
    }
    throw qtest::UsageError(fmt::format("the stream has no device '{}' (instance {})", name, instance));
}

Analysis analyze(const std::filesystem::path& path, const Options& options)
{
    return analyze(Input::open(path), options);
}

Analysis analyze(Input input, const Options& options)
{
    return Walk(std::make_shared<Input>(std::move(input)), options.offset).result();
}

} // namespace stream
