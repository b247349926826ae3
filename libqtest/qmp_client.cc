// SPDX-License-Identifier: GPL-2.0-or-later
#include "qmp_client.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>

namespace qtest
{

namespace
{

constexpr std::size_t most_descriptors = 253; // the kernel's SCM_MAX_FD

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

/// A member that the protocol requires, of the type it requires. Throws ProtocolError with the Python package's words.
Json member(const char* model, const Json& object, const char* key, bool (Json::*is)() const noexcept, const char* type)
{
    const auto value = object.find(key);
    if (!value)
        throw ProtocolError(fmt::format("'{}' object requires '{}' member", model, key));
    if (!((*value).*is)())
        throw ProtocolError(fmt::format("'{}' member '{}' must be a {}", model, key, type));
    return *value;
}

/// What a message asks for, for texts.
std::string command_of(const Json& message)
{
    for (const char* key : {"execute", "exec-oob"}) {
        if (const auto command = message.find(key); command && command->is_string())
            return command->as_string();
    }
    return message.dump();
}

} // namespace

QmpClient::QmpClient(Loop& loop, std::string name, Handshake handshake)
    : Protocol(loop, std::move(name), "QmpClient", "qmp_client", line_limit), handshake_(handshake)
{
}

Json QmpClient::decode(std::string_view line)
{
    Json message;
    try {
        message = Json::parse(line);
    } catch (const JsonError& error) {
        const CharPtr printable(g_strescape(std::string(line.substr(0, 200)).c_str(), nullptr));
        throw DeserializationError(fmt::format("Failed to deserialize QMP message: {}; raw bytes were: '{}'{}",
                                               error.what(), printable.get(),
                                               line.size() > 200 ? fmt::format("… ({} bytes)", line.size()) : ""),
                                   std::string(line));
    }
    if (!message.is_object())
        throw UnexpectedTypeError("QMP message is not a JSON object: " + message.dump().substr(0, 200), message);
    return message;
}

// The handshake

void QmpClient::on_start()
{
    stage_ = needs_handshake() ? Stage::greeting : Stage::running;
    greeting_ = {};
    out_of_band_ = false;
}

void QmpClient::greet(const Json& greeting)
{
    try {
        const Json qmp = member("Greeting", greeting, "QMP", &Json::is_object, "JSON object");
        member("QMPGreeting", qmp, "version", &Json::is_object, "JSON object");
        const auto offered = member("QMPGreeting", qmp, "capabilities", &Json::is_array, "JSON array").elements();
        out_of_band_ = handshake_.out_of_band && handshake_.negotiate &&
                       std::find(offered.begin(), offered.end(), Json("oob")) != offered.end();
    } catch (const ProtocolError& error) {
        throw GreetingError(fmt::format("Did not understand Greeting: {}: {}", error.what(), greeting.dump()));
    }
    greeting_ = greeting;
    if (!handshake_.negotiate) {
        stage_ = Stage::running;
        established();
        return;
    }
    stage_ = Stage::negotiation;
    const Json enable = out_of_band_ ? Json{{"enable", Json::array({"oob"})}} : Json::object();
    send(Json{{"execute", "qmp_capabilities"}, {"arguments", enable}, {"id", next_id()}});
}

void QmpClient::negotiated(const Json& reply)
{
    if (!reply.has("return") || reply.has("error"))
        throw NegotiationError("Negotiation failed: " + reply.dump());
    stage_ = Stage::running;
    established();
}

// Commands

std::string QmpClient::next_id() { return id_prefix + std::to_string(++last_id_); }

Op<Json> QmpClient::execute_async(const std::string& command, const Json& arguments, Sending how)
{
    const char* verb = how.out_of_band ? "exec-oob" : "execute";
    const std::string id = next_id();
    return submit(id,
                  arguments.is_null() ? Json{{verb, command}, {"id", id}}
                                      : Json{{verb, command}, {"arguments", arguments}, {"id", id}},
                  std::move(how.fds), false);
}

Op<Json> QmpClient::execute_msg_async(const Json& message, std::vector<UniqueFd> fds)
{
    if (!message.has("execute") && !message.has("exec-oob"))
        throw UsageError("Requires 'execute' or 'exec-oob' message");
    return submit(id_of(message), message, std::move(fds), false);
}

Op<Json> QmpClient::raw_async(const Json& message, std::vector<UniqueFd> fds)
{
    return submit(id_of(message), message, std::move(fds), true);
}

Json QmpClient::execute(const std::string& command, const Json& arguments, std::chrono::milliseconds timeout)
{
    loop().require_outside("the reply to " + command);
    return execute_async(command, arguments).get(Deadline::in(timeout));
}

Json QmpClient::execute_oob(const std::string& command, const Json& arguments, std::chrono::milliseconds timeout)
{
    loop().require_outside("the reply to " + command);
    return execute_async(command, arguments, {.out_of_band = true}).get(Deadline::in(timeout));
}

Json QmpClient::execute_msg(const Json& message, std::chrono::milliseconds timeout)
{
    loop().require_outside("a reply");
    return execute_msg_async(message).get(Deadline::in(timeout));
}

Json QmpClient::raw(const Json& message, std::chrono::milliseconds timeout)
{
    loop().require_outside("a reply");
    return raw_async(message).get(Deadline::in(timeout));
}

std::string QmpClient::hmp(const std::string& command_line)
{
    return execute("human-monitor-command", {{"command-line", command_line}}).as_string();
}

/// The id that a whole message is to have: its own, if that can be, or a new one.
std::string QmpClient::id_of(const Json& message)
{
    const auto own = message.find("id");
    if (!own)
        return next_id();
    if (!own->is_string())
        throw UsageError(fmt::format("ID ('{}') must be a string.", own->dump()));
    const std::string id = own->as_string();
    if (id.starts_with(id_prefix))
        throw UsageError(fmt::format("ID ('{}') must not start with '{}'.", id, id_prefix));
    if (pending_.count(id))
        throw UsageError(fmt::format("ID '{}' is in-use and cannot be used.", id));
    return id;
}

/// Sends the message with that id, now or when fewer are in flight.
Op<Json> QmpClient::submit(std::string id, Json message, std::vector<UniqueFd> fds, bool whole_reply)
{
    const std::string what = label() + "'s reply to " + command_of(message);
    const bool running = require_running();
    if (!message.has("id"))
        message.set("id", id);
    const bool in_band = !message.has("exec-oob");
    if (running && !in_band && !out_of_band_ && !whole_reply)
        throw UsageError(label() + " did not negotiate out-of-band execution");
    if (std::any_of(fds.begin(), fds.end(), [](const UniqueFd& fd) { return fcntl(fd.get(), F_GETFD) < 0; }))
        throw UsageError("a descriptor to send is not open");
    if (fds.size() > most_descriptors)
        throw UsageError(
            fmt::format("{} descriptors are more than the {} a message can carry", fds.size(), most_descriptors));
    if (running && !fds.empty() && !passes_fds())
        throw UsageError("Sending file descriptors requires a UNIX socket.");

    Promise<Json> promise(loop(), what, [this, id] { forget(id); });
    const auto op = promise.op();
    if (const auto error = lost("waiting for " + what)) {
        promise.fail(error);
        return op;
    }
    pending_.emplace(id, Pending{std::move(promise), std::move(message), whole_reply, in_band});
    unsent_.push_back({std::move(id), std::move(fds)});
    if (running)
        send_what_may_go();
    return op;
}

void QmpClient::send_what_may_go()
{
    bool in_band_held = false; // then what is behind it is too: in-band commands keep their order
    for (auto next = unsent_.begin(); next != unsent_.end();) {
        Pending& command = pending_.at(next->id);
        const bool must_wait = (command.in_band && (in_band_held || in_flight_ == in_flight_limit)) ||
                               (!next->fds.empty() && descriptors_in_flight_);
        if (must_wait) {
            in_band_held = in_band_held || command.in_band;
            ++next;
            continue;
        }
        in_flight_ += command.in_band ? 1 : 0;
        command.in_flight = true;
        command.with_fds = !next->fds.empty();
        descriptors_in_flight_ = descriptors_in_flight_ || command.with_fds;
        const Json message = command.sent;
        std::vector<UniqueFd> fds = std::move(next->fds);
        next = unsent_.erase(next);
        send(message, std::move(fds));
    }
}

/// Its caller waits no more. A command that was not sent yet never will be.
void QmpClient::forget(const std::string& id)
{
    const auto unsent = std::find_if(unsent_.begin(), unsent_.end(), [&](const Unsent& one) { return one.id == id; });
    if (unsent == unsent_.end())
        return;
    unsent_.erase(unsent);
    pending_.erase(id);
}

// What arrives

void QmpClient::on_message(Json message)
{
    if (message.has("event")) {
        events_.add(message);
        tell_of_event();
        return;
    }
    switch (stage_) {
    case Stage::greeting:
        greet(message);
        break;
    case Stage::negotiation:
        negotiated(message);
        break;
    case Stage::running:
        route(message);
        break;
    }
}

void QmpClient::route(const Json& reply)
{
    const auto id = reply.find("id");
    const auto found = id && id->is_string() ? pending_.find(id->as_string()) : pending_.end();
    if (found == pending_.end() || !found->second.in_flight) {
        if (!id && reply.has("error"))
            throw ServerParseError("Server sent an error response without an ID, but there are no ID-less executions "
                                   "pending. Assuming this is a server parser failure: " +
                                   reply.dump());
        logger().log(reply.has("error") ? LogLevel::error : LogLevel::warning,
                     fmt::format("Unknown ID '{}', message dropped: {}", id ? id->dump() : "None", reply.dump()));
        return;
    }
    Pending pending = std::move(found->second);
    pending_.erase(found);
    in_flight_ -= pending.in_band ? 1 : 0;
    if (pending.with_fds)
        descriptors_in_flight_ = false;
    settle(pending, reply);
    send_what_may_go();
}

void QmpClient::settle(Pending& pending, const Json& reply)
{
    if (pending.whole_reply) {
        pending.promise.resolve(reply);
        return;
    }
    try {
        if (reply.has("error")) {
            const Json error = member("ErrorResponse", reply, "error", &Json::is_object, "JSON object");
            const Json kind = member("ErrorInfo", error, "class", &Json::is_string, "string");
            const Json description = member("ErrorInfo", error, "desc", &Json::is_string, "string");
            pending.promise.fail(std::make_exception_ptr(
                ExecuteError(fmt::format("{} refused {}: {}: {}", label(), command_of(pending.sent), kind.as_string(),
                                         description.as_string()),
                             pending.sent, reply)));
        } else if (const auto value = reply.find("return")) {
            pending.promise.resolve(*value);
        } else {
            throw ProtocolError("QMP reply is missing a 'error' or 'return' member");
        }
    } catch (const ProtocolError& error) {
        const char* kind = reply.has("error") ? "QMP error reply is malformed: " : "";
        pending.promise.fail(std::make_exception_ptr(
            BadReplyError(fmt::format("{}{}: {}", kind, error.what(), reply.dump()), pending.sent, reply)));
    }
}

void QmpClient::on_end()
{
    unsent_.clear();
    in_flight_ = 0;
    descriptors_in_flight_ = false;
    for (auto& [id, pending] : std::exchange(pending_, {}))
        pending.promise.fail(lost("waiting for " + pending.promise.what()));
    for (EventWait& wait : std::exchange(event_waits_, {}))
        wait.promise.fail(lost("waiting for " + wait.promise.what()));
}

// Events

Op<Event> QmpClient::look_async(std::string what, EventLog::Mark since, Look look)
{
    event_waits_.remove_if([](const EventWait& wait) { return !wait.promise.pending(); });
    Promise<Event> promise(loop(), std::move(what), {}, [this, since] { return newest(events_, since); });
    const auto op = promise.op();
    if (const Event* event = look()) {
        promise.resolve(*event);
    } else if (runstate() == Runstate::idle) {
        require(Runstate::running);
    } else if (const auto error = lost("waiting for " + promise.what())) {
        promise.fail(error);
    } else {
        event_waits_.push_back({std::move(promise), std::move(look)});
    }
    return op;
}

Op<Event> QmpClient::wait_event_async(const std::string& name, const Json& match, EventLog::Mark since)
{
    return look_async(fmt::format("event {}{} of {}", name, match.is_null() ? "" : " " + match.dump(), label()), since,
                      [this, name, match, next = since]() mutable {
                          return events_.find(name, match, std::exchange(next, std::max(next, events_.mark())));
                      });
}

Event QmpClient::wait_event(const std::string& name, const Json& match, EventLog::Mark since, Deadline deadline)
{
    return wait_event_async(name, match, since).get(deadline);
}

void QmpClient::tell_of_event()
{
    // A look may call anything, close() too: what it walks over is nobody else's.
    std::list<EventWait> kept;
    for (EventWait& wait : std::exchange(event_waits_, {})) {
        try {
            if (const Event* event = wait.promise.pending() ? wait.look() : nullptr)
                wait.promise.resolve(*event);
        } catch (...) {
            wait.promise.fail(std::current_exception());
        }
        if (const auto error = lost("waiting for " + wait.promise.what()))
            wait.promise.fail(error);
        if (wait.promise.pending())
            kept.push_back(std::move(wait));
    }
    event_waits_.splice(event_waits_.begin(), kept);
}

} // namespace qtest
