// SPDX-License-Identifier: GPL-2.0-or-later
#include "command_line.h"

#include <fmt/format.h>

#include "glib_ptr.h"

namespace shell
{

namespace
{

using qtest::Json;

std::vector<std::string> words_of(const std::string& line)
{
    gint count = 0;
    gchar** words = nullptr;
    qtest::ErrorSlot error;
    if (!g_shell_parse_argv(line.c_str(), &count, &words, error.out()))
        throw qtest::UsageError(error.text());
    std::vector<std::string> result(words, words + count);
    g_strfreev(words);
    return result;
}

/// JSON when it is some, else the text itself: most values are names.
Json value_of(const std::string& text)
{
    try {
        return Json::parse(text);
    } catch (const qtest::JsonError&) {
        return text;
    }
}

/// Sets `a.b.c` in an object.
void set(Json& object, const std::string& path, const Json& value)
{
    const std::size_t dot = path.find('.');
    const std::string key = path.substr(0, dot);
    if (key.empty())
        throw qtest::UsageError("an argument without a name");
    if (dot == std::string::npos) {
        object.set(key, value);
        return;
    }
    Json inner = object.find(key).value_or(Json::object());
    if (!inner.is_object())
        throw qtest::UsageError(fmt::format("'{}' is no object, so it has no '{}'", key, path.substr(dot + 1)));
    set(inner, path.substr(dot + 1), value);
    object.set(key, inner);
}

} // namespace

Json message_of(const std::string& line)
{
    const std::size_t start = line.find_first_not_of(" \t");
    if (start != std::string::npos && line[start] == '{') {
        Json message = Json::parse(line);
        if (!message.has("execute") && !message.has("exec-oob"))
            throw qtest::UsageError("a message needs 'execute' or 'exec-oob'");
        return message;
    }
    auto words = words_of(line);
    if (words[0] == "hmp" && words.size() > 1) {
        const std::string command = line.substr(line.find_first_not_of(" \t", start + 3));
        return Json{{"execute", "human-monitor-command"}, {"arguments", {{"command-line", command}}}};
    }
    const char* verb = "execute";
    if (words[0] == "exec-oob" && words.size() > 1) {
        verb = "exec-oob";
        words.erase(words.begin());
    }
    Json message{{verb, words[0]}};
    Json arguments;
    for (std::size_t i = 1; i < words.size(); i++) {
        const std::size_t equals = words[i].find('=');
        if (equals == std::string::npos)
            throw qtest::UsageError(fmt::format("'{}' is no argument: write NAME=VALUE", words[i]));
        set(arguments, words[i].substr(0, equals), value_of(words[i].substr(equals + 1)));
    }
    if (!arguments.is_null())
        message.set("arguments", arguments);
    return message;
}

} // namespace shell
