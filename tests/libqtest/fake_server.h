// SPDX-License-Identifier: GPL-2.0-or-later
//
// FakeServer: the far end of a connection, in this process, for what no real QEMU does on demand. It says exactly the
// bytes it is told to, as the client reads them, and reads only when asked: it is deaf until then.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "json.h"
#include "line_splitter.h"
#include "loop.h"
#include "unique_fd.h"

class FakeServer
{
  public:
    static constexpr const char* greeting = R"({"QMP": {"version": {"qemu": {}}, "capabilities": ["oob"]}})";
    static constexpr const char* greeting_without_oob = R"({"QMP": {"version": {"qemu": {}}, "capabilities": []}})";
    static constexpr const char* stop_event = R"({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}})";

    explicit FakeServer(qtest::Loop& loop) : loop_(loop) {}

    /// Makes a connection and returns the client's end.
    qtest::UniqueFd client()
    {
        qtest::SocketPair pair;
        take(std::move(pair.theirs));
        return std::move(pair.ours);
    }

    /// Connects to a client that listens on this port of 127.0.0.1.
    void connect_tcp(std::uint16_t port)
    {
        qtest::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ASSERT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        take(std::move(fd));
    }

    void take(qtest::UniqueFd socket)
    {
        socket_ = std::move(socket);
        to_say_.clear();
        heard_.clear();
    }

    void say(const std::string& line) { say_raw(line + "\r\n"); }
    void say(const char* line) { say(std::string(line)); }
    void say(const qtest::Json& message) { say(message.dump()); }
    void say_raw(std::string_view bytes)
    {
        to_say_ += bytes;
        speak();
    }
    /// Each byte in a segment of its own.
    void say_bytewise(std::string_view bytes)
    {
        for (const char byte : bytes) {
            say_raw({&byte, 1});
            loop_.turn();
        }
    }
    void answer(const qtest::Json& command, const qtest::Json& value)
    {
        say(qtest::Json{{"return", value}, {"id", command.at("id")}});
    }

    /// What the client has sent since the last call.
    std::vector<qtest::Json> heard()
    {
        loop_.turn();
        listen();
        return std::exchange(heard_, {});
    }
    /// The client's next message.
    qtest::Json hear()
    {
        const auto ear = loop_.watch(socket_.get(), G_IO_IN, [this] { listen(); });
        loop_.until([this] { return !heard_.empty(); }, qtest::Deadline::in(std::chrono::seconds(10)),
                    "the client's message");
        const qtest::Json first = heard_.front();
        heard_.erase(heard_.begin());
        return first;
    }
    /// Greets and answers the negotiation.
    void negotiate()
    {
        say(greeting);
        answer(hear(), qtest::Json::object());
    }

    void hang_up()
    {
        mouth_ = qtest::Watch();
        socket_.reset();
    }
    /// Over TCP: with RST rather than FIN.
    void reset()
    {
        const linger at_once{1, 0};
        setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        hang_up();
    }
    bool said_all() const { return to_say_.empty(); }
    int fd() const { return socket_.get(); }

  private:
    void speak()
    {
        const ssize_t size = send(socket_.get(), to_say_.data(), to_say_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size > 0)
            to_say_.erase(0, static_cast<std::size_t>(size));
        if (size < 0 && errno != EAGAIN)
            to_say_.clear();
        if (to_say_.empty())
            mouth_ = qtest::Watch();
        else if (!mouth_)
            mouth_ = loop_.watch(socket_.get(), G_IO_OUT, [this] { speak(); });
    }

    void listen()
    {
        std::string bytes(1 << 16, '\0');
        ssize_t size;
        while ((size = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0)
            ears_.feed(std::string_view(bytes).substr(0, static_cast<std::size_t>(size)),
                       [&](std::string_view line) { heard_.push_back(qtest::Json::parse(line)); });
    }

    qtest::Loop& loop_;
    qtest::UniqueFd socket_;
    qtest::LineSplitter ears_{1 << 24};
    std::vector<qtest::Json> heard_;
    std::string to_say_;
    qtest::Watch mouth_;
};
