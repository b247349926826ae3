// SPDX-License-Identifier: GPL-2.0-or-later
//
// A server that says anything at all: line splitter, JSON parser, handshake and routing of QmpClient. Whatever the
// bytes, no operation may be left waiting after the end of file, and what was read must print and parse again to the
// same value.
//
// The first byte of the input says how it is told: bit 0 a good handshake first, bit 1 no handshake at all, and the
// high nibble the size of the pieces (0: all at once). The rest is what the server says.
#include <cstdint>
#include <cstdlib>
#include <exception>

#include <sys/socket.h>

#include "event_listener.h"

namespace
{

using qtest::Deadline;
using qtest::Json;

void must(bool holds)
{
    if (!holds)
        std::abort();
}

/// Says it all, however little the socket takes at a time.
void say(qtest::Loop& loop, int socket, std::string_view bytes, std::size_t piece)
{
    while (!bytes.empty()) {
        const ssize_t size = send(socket, bytes.data(), std::min(piece, bytes.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0)
            bytes.remove_prefix(static_cast<std::size_t>(size));
        else if (size < 0 && errno != EAGAIN)
            return; // it has hung up on such a server
        loop.turn();
    }
}

/// The end of an operation: a result, or an error of ours.
template <class T>
void must_have_ended(const qtest::Op<T>& op)
{
    must(op.done());
    try {
        op.get(Deadline::in(std::chrono::seconds(0)));
    } catch (const qtest::Error&) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const unsigned mode = data[0];
    const bool handshake = !(mode & 2);
    const std::size_t piece = mode >> 4 ? mode >> 4 : size;

    qtest::Loop loop;
    qtest::SocketPair pair;
    qtest::QmpClient client(loop, "fuzzed", {.await_greeting = handshake, .negotiate = handshake});
    client.logger().set_sink([](const qtest::LogRecord&) {});
    client.on_inbound([](Json message) {
        must(Json::parse(message.dump()) == message);
        must(Json::parse(message.pretty()) == message);
        return message;
    });
    const auto connected = client.connect_async(std::move(pair.ours));
    if (mode & 1)
        say(loop, pair.theirs.get(),
            "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n{\"return\": {}, \"id\": \"libqtest-1\"}\r\n",
            4096);

    std::vector<qtest::Op<Json>> commands;
    const bool running = client.runstate() == qtest::Runstate::running;
    if (running) {
        for (int i = 0; i < 10; i++)
            commands.push_back(client.execute_async("query-status"));
        commands.push_back(client.raw_async({{"execute", "x"}, {"id", "mine"}}));
    }
    qtest::EventListener listener(client, {}, [](const qtest::Event& event) { return event.name != "REFUSED"; });
    const auto event = listener.next_async();

    say(loop, pair.theirs.get(), {reinterpret_cast<const char*>(data) + 1, size - 1}, piece);
    pair.theirs.reset();
    loop.until(
        [&] {
            return client.runstate() != qtest::Runstate::running && client.runstate() != qtest::Runstate::connecting;
        },
        Deadline::in(std::chrono::seconds(10)), "the end of the session");
    must_have_ended(connected);
    must_have_ended(event);
    for (const auto& command : commands)
        must_have_ended(command);
    client.close();
    must(client.runstate() == qtest::Runstate::idle);
    return 0;
}
