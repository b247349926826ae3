// SPDX-License-Identifier: GPL-2.0-or-later
#include "qmp_client.h"

#include <algorithm>

#include <fmt/format.h>

namespace qtest
{

namespace
{

/// The newest events, for the text of a time-out.
std::string newest(const EventLog& log, EventLog::Mark since)
{
    constexpr std::size_t most = 4;
    const auto& all = log.all();
    if (all.size() <= since)
        return "no event since";
    std::string text;
    for (std::size_t i = std::max<std::size_t>(since, all.size() < most ? 0 : all.size() - most); i < all.size(); i++)
        text += (text.empty() ? "" : ", ") + all[i].name + (all[i].data.size() ? " " + all[i].data.dump() : "");
    return text;
}

} // namespace

Json QmpClient::decode(std::string_view line)
{
    Json message = Json::parse(line);
    if (!message.is_object())
        throw ProtocolError("a QMP message that is no JSON object: " + std::string(line.substr(0, 200)));
    return message;
}

void QmpClient::on_start()
{
    greeting_ = {};
    out_of_band_ = false;
    replies_.clear();
    abandoned_.clear();
}

std::string QmpClient::next_id() { return fmt::format("libqtest-{}", ++last_id_); }

bool QmpClient::on_handshake(const Json& message)
{
    if (message.has("event")) {
        events_.add(message);
        return false;
    }
    if (greeting_.is_null()) {
        const auto capabilities = message.find("QMP/capabilities");
        if (!capabilities || !capabilities->is_array())
            throw ProtocolError("not a QMP greeting: " + message.dump());
        greeting_ = message;
        const auto offered = capabilities->elements();
        out_of_band_ = std::find(offered.begin(), offered.end(), Json("oob")) != offered.end();
        const Json enable = out_of_band_ ? Json{{"enable", Json::array({"oob"})}} : Json::object();
        Protocol::send(Json{{"execute", "qmp_capabilities"}, {"arguments", enable}, {"id", next_id()}});
        return false;
    }
    if (!message.has("return"))
        throw ProtocolError("QMP negotiation failed: " + message.dump());
    return true;
}

void QmpClient::on_message(Json message)
{
    if (message.has("event")) {
        events_.add(message);
        return;
    }
    const auto id = message.find("id");
    if (!id || !id->is_string())
        // QEMU could not read what was sent, so no later reply can be trusted to belong to its command.
        throw ProtocolError("a reply without an id: " + message.dump());
    const auto waiting = replies_.find(id->as_string());
    if (waiting != replies_.end())
        waiting->second = std::move(message);
    else if (abandoned_.erase(id->as_string()) == 0)
        g_warning("%s: a reply to no command, dropped: %s", name().c_str(), message.dump().c_str());
}

QmpClient::Call QmpClient::send(const std::string& command, const Json& arguments, Sending how)
{
    require_running("execute " + command);
    Call call;
    call.id = next_id();
    call.command = command;
    Json message{{how.out_of_band ? "exec-oob" : "execute", command}, {"id", call.id}};
    if (!arguments.is_null())
        message.set("arguments", arguments);
    replies_[call.id];
    Protocol::send(message, std::move(how.fds));
    return call;
}

Json QmpClient::result(const Call& call, Deadline deadline)
{
    const auto waiting = replies_.find(call.id);
    if (waiting == replies_.end())
        throw StateError("the reply to " + call.command + " was taken already");
    try {
        await([&] { return waiting->second.has_value(); }, deadline, name() + "'s reply to " + call.command);
    } catch (...) {
        replies_.erase(waiting);
        abandoned_.insert(call.id);
        throw;
    }
    const Json reply = *waiting->second;
    replies_.erase(waiting);
    if (const auto value = reply.find("return"))
        return *value;
    const std::string error_class = reply.at("error/class").as_string();
    const std::string description = reply.at("error/desc").as_string();
    throw CommandError(fmt::format("{} refused {}: {}: {}", name(), call.command, error_class, description),
                       error_class, description);
}

Json QmpClient::execute(const std::string& command, const Json& arguments, std::chrono::milliseconds timeout)
{
    return result(send(command, arguments), Deadline::in(timeout));
}

Json QmpClient::execute_oob(const std::string& command, const Json& arguments, std::chrono::milliseconds timeout)
{
    return result(send(command, arguments, {.out_of_band = true}), Deadline::in(timeout));
}

std::string QmpClient::hmp(const std::string& command_line)
{
    return execute("human-monitor-command", {{"command-line", command_line}}).as_string();
}

Event QmpClient::wait_event(const std::string& name, const Json& match, EventLog::Mark since, Deadline deadline)
{
    const Event* event = nullptr;
    await([&] { return (event = events_.find(name, match, since)) != nullptr; }, deadline,
          fmt::format("event {}{} of {}", name, match.is_null() ? "" : " " + match.dump(), this->name()),
          [&] { return newest(events_, since); });
    return *event;
}

} // namespace qtest
