// SPDX-License-Identifier: GPL-2.0-or-later
#include "completion.h"

#include <algorithm>
#include <sstream>

namespace shell
{

using qtest::Json;

Completion::Completion(const Json& schema)
{
    for (const Json& entity : schema.elements())
        entities_[entity.at("name").as_string()] = entity;
    for (const auto& [name, entity] : entities_) {
        if (entity.at("meta-type") != Json("command"))
            continue;
        auto& arguments = commands_[name];
        const auto type = entities_.find(entity.at("arg-type").as_string());
        if (type == entities_.end() || !type->second.has("members"))
            continue;
        for (const Json& member : type->second.at("members").elements())
            arguments.push_back({member.at("name").as_string(), member.at("type").as_string()});
    }
    for (const char* own : {"exec-oob", "hmp"})
        commands_[own];
}

std::vector<std::string> Completion::values_of(const std::string& type) const
{
    if (type == "bool")
        return {"false", "true"};
    std::vector<std::string> values;
    const auto entity = entities_.find(type);
    if (entity != entities_.end() && entity->second.at("meta-type") == Json("enum")) {
        for (const Json& value : entity->second.at("values").elements())
            values.push_back(value.as_string());
    }
    return values;
}

std::vector<std::string> Completion::candidates(std::string_view before, const std::string& word) const
{
    std::istringstream stream{std::string(before)};
    std::string command;
    stream >> command;
    if (command == "exec-oob") {
        command.clear();
        stream >> command;
    }
    std::vector<std::string> all;
    if (command.empty()) {
        for (const auto& [name, arguments] : commands_)
            all.push_back(name);
    } else if (const auto found = commands_.find(command); found != commands_.end()) {
        for (const Argument& argument : found->second) {
            all.push_back(argument.name + "=");
            for (const std::string& value : values_of(argument.type))
                all.push_back(argument.name + "=" + value);
        }
    }
    std::vector<std::string> fitting;
    std::copy_if(all.begin(), all.end(), std::back_inserter(fitting), [&](const std::string& one) {
        // Values only once their argument stands there.
        const std::size_t equals = one.find('=');
        return one.starts_with(word) &&
               (equals == std::string::npos || equals + 1 == one.size() || word.find('=') != std::string::npos);
    });
    std::sort(fitting.begin(), fitting.end());
    return fitting;
}

} // namespace shell
