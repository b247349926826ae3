// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze_main.h"

#include <charconv>

#include <unistd.h>

#include "log_file.h"
#include "tree.h"

namespace stream
{

namespace
{

constexpr const char* usage =
    "usage: migration-test analyze FILE [--json] [--offset N]\n"
    "Shows what a saved migration stream (migrate file:FILE, exec:cat > FILE) holds: configuration,\n"
    "sections, RAM blocks with their hashes, devices field by field; and verifies its framing.\n"
    "  --json      as JSON\n"
    "  --offset N  the stream begins at byte N (migrate file:FILE,offset=N); 0x… is hexadecimal\n"
    "Exit status: 0 the stream is well formed; 2 it is not, told with the position, or wrong usage.\n";

struct Arguments {
    std::string file;
    Options options;
    bool json = false;
    bool help = false;
};

std::uint64_t number(const std::string& word)
{
    const bool hex = word.starts_with("0x");
    std::uint64_t value = 0;
    const char* last = word.data() + word.size();
    const auto result = std::from_chars(word.data() + (hex ? 2 : 0), last, value, hex ? 16 : 10);
    if (result.ec != std::errc() || result.ptr != last)
        throw qtest::EnvironmentError(fmt::format("analyze: --offset {}: a number of bytes", word));
    return value;
}

Arguments parse(const std::vector<std::string>& words)
{
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); i++) {
        if (words[i] == "--json") {
            arguments.json = true;
        } else if (words[i] == "--offset") {
            if (++i == words.size())
                throw qtest::EnvironmentError("analyze: --offset names no number");
            arguments.options.offset = number(words[i]);
        } else if (words[i] == "-h" || words[i] == "--help") {
            arguments.help = true;
        } else if (words[i].starts_with('-')) {
            throw qtest::EnvironmentError(fmt::format("analyze: unknown option {}", words[i]));
        } else if (!arguments.file.empty()) {
            throw qtest::EnvironmentError(fmt::format("analyze: one file at a time, not also {}", words[i]));
        } else {
            arguments.file = words[i];
        }
    }
    if (arguments.file.empty() && !arguments.help)
        throw qtest::EnvironmentError("analyze: no file is named (analyze --help)");
    return arguments;
}

} // namespace

int analyze_main(const std::vector<std::string>& words)
{
    const Arguments arguments = parse(words);
    if (arguments.help) {
        qtest::write_all(STDOUT_FILENO, usage, "stdout");
        return 0;
    }
    std::string text;
    try {
        const Analysis analysis = analyze(std::filesystem::path(arguments.file), arguments.options);
        text = arguments.json ? to_json(analysis).pretty() + "\n" : to_text(analysis);
    } catch (const Malformed& error) {
        throw qtest::EnvironmentError(fmt::format("analyze: {}: {}", arguments.file, error.what()));
    }
    qtest::write_all(STDOUT_FILENO, text, "stdout");
    return 0;
}

} // namespace stream
