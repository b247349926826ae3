// SPDX-License-Identifier: GPL-2.0-or-later
//
// The relay between plain sockets, all in one loop.
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "errors.h"
#include "relay.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Loop;
using qtest::UniqueFd;
using relay::Damage;
using relay::Direction;
using relay::Relay;
using relay::StreamByte;
using Kind = relay::Damage::Kind;

/// One end of a connection through the relay.
class End
{
  public:
    End(Loop& loop, UniqueFd fd) : loop_(loop), fd_(std::move(fd)) { read(true); }

    void send(const std::string& text)
    {
        unsent_ = unsent_.substr(sent_) + text;
        sent_ = 0;
        writing_ = loop_.watch(fd_.get(), G_IO_OUT, [this] { flush(); });
    }
    void read(bool wanted)
    {
        reading_ = wanted ? loop_.watch(fd_.get(), G_IO_IN, [this] { receive(); }) : qtest::Watch();
    }
    void shut() { shutdown(fd_.get(), SHUT_WR); }
    void reset()
    {
        const linger at_once{1, 0};
        setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        reading_ = qtest::Watch();
        fd_.reset();
    }
    std::size_t unsent() const { return unsent_.size() - sent_; }

    std::string received;
    std::string ended; // "EOF", or the error

  private:
    void receive()
    {
        char buffer[65536];
        const ssize_t size = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (size > 0) {
            received.append(buffer, static_cast<std::size_t>(size));
            return;
        }
        end(size == 0 ? "EOF" : std::strerror(errno));
        reading_ = qtest::Watch();
    }
    /// An error is told once, to whoever calls first.
    void end(const std::string& how)
    {
        if (ended.empty())
            ended = how;
    }
    void flush()
    {
        const ssize_t size = ::send(fd_.get(), unsent_.data() + sent_, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0)
            sent_ += static_cast<std::size_t>(size);
        if (size < 0 && errno != EAGAIN)
            end(std::strerror(errno));
        if (unsent() == 0 || !ended.empty())
            writing_ = qtest::Watch();
    }

    Loop& loop_;
    UniqueFd fd_;
    std::string unsent_;
    std::size_t sent_ = 0; // of that
    qtest::Watch reading_;
    qtest::Watch writing_;
};

struct Directory {
    Directory() { std::filesystem::create_directory(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { std::filesystem::remove_all(path); }
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("relay-test." + std::to_string(getpid()));
};

class RelayTest : public testing::TestWithParam<const char*>
{
  protected:
    RelayTest()
        : tcp_(GetParam() == std::string("tcp")),
          target_(std::make_unique<relay::Listener>(
              loop, tcp_ ? qtest::Address::tcp("127.0.0.1", 0) : qtest::Address::unix_path(directory_.path / "target"),
              [this](UniqueFd fd) { target = std::make_unique<End>(loop, std::move(fd)); })),
          relay_(loop, tcp_ ? "tcp:127.0.0.1:0" : "unix:" + (directory_.path / "relay").string(),
                 (tcp_ ? "tcp:" : "unix:") + target_->address().text())
    {
    }

    Relay& relay() { return relay_; }
    /// How a reset looks at the other end.
    std::string lost() const { return tcp_ ? "Connection reset by peer" : "EOF"; }

    /// Connects to the relay, and waits for what arrives at the target.
    void connect()
    {
        const std::string uri = relay().uri();
        const auto address = relay::socket_address(qtest::Address::parse(uri.substr(uri.find(':') + 1)));
        const auto socket = relay::stream_socket(address.get());
        g_socket_set_blocking(socket.get(), TRUE);
        qtest::ErrorSlot error;
        ASSERT_TRUE(g_socket_connect(socket.get(), address.get(), nullptr, error.out())) << error.text();
        source = std::make_unique<End>(loop, UniqueFd(fcntl(g_socket_get_fd(socket.get()), F_DUPFD_CLOEXEC, 0)));
        target.reset();
        if (target_)
            until([&] { return target != nullptr; }, "a connection to the target");
    }

    void until(const Loop::Condition& holds, const std::string& what)
    {
        loop.until(holds, Deadline::in(10s), what, [&] {
            return "source has " + std::to_string(source ? source->received.size() : 0) + ", target " +
                   std::to_string(target ? target->received.size() : 0) + " bytes; " +
                   (relay().connections().empty() ? "none" : relay().connections().back()->state());
        });
    }
    /// A UNIX socket tells one of several things, by whether anything was unread when it was closed.
    void expect_source_lost()
    {
        if (tcp_)
            EXPECT_EQ(source->ended, "Connection reset by peer");
        else
            EXPECT_NE(source->ended, "");
    }
    const std::string& state() { return relay().connections().back()->state(); }

    Loop loop;
    std::unique_ptr<End> source;
    std::unique_ptr<End> target;

  private:
    bool tcp_;
    Directory directory_;

  protected:
    std::unique_ptr<relay::Listener> target_;

  private:
    Relay relay_;
};

INSTANTIATE_TEST_SUITE_P(Over, RelayTest, testing::Values("tcp", "unix"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST_P(RelayTest, BytesPassBothWaysAndAreCountedAndShown)
{
    std::string seen;
    relay().on_bytes([&](const relay::Connection& connection, Direction direction, relay::Bytes bytes) {
        seen += std::to_string(connection.number()) + (direction == Direction::to_target ? ">" : "<") +
                std::string(bytes.begin(), bytes.end()) + " ";
    });
    connect();
    source->send("request");
    until([&] { return target->received == "request"; }, "the request");
    target->send("answer");
    until([&] { return source->received == "answer"; }, "the answer");
    const auto first_source = std::move(source);
    const auto first_target = std::move(target);
    connect();
    source->send("more");
    until([&] { return target->received == "more"; }, "more");
    EXPECT_EQ(seen, "0>request 0<answer 1>more ");
    ASSERT_EQ(relay().connections().size(), 2U);
    EXPECT_EQ(relay().connections()[0]->bytes(Direction::to_target), 7U);
    EXPECT_EQ(relay().connections()[0]->bytes(Direction::to_source), 6U);
    EXPECT_EQ(relay().bytes(Direction::to_target), 11U);
    EXPECT_EQ(state(), "open");
    EXPECT_THROW(relay().damage({.kind = Kind::stall, .place = StreamByte{0}}), qtest::StateError);
    EXPECT_THROW(relay().on_bytes({}), qtest::StateError);
}

TEST_P(RelayTest, OneEndMayCloseAndStillBeAnswered)
{
    connect();
    source->send("request");
    until([&] { return source->unsent() == 0; }, "the request");
    source->shut();
    until([&] { return !target->ended.empty(); }, "the end at the target");
    EXPECT_EQ(target->ended, "EOF");
    EXPECT_EQ(target->received, "request");
    target->send("answer");
    until([&] { return source->received == "answer"; }, "the answer");
    EXPECT_EQ(source->ended, "");
    target.reset();
    until([&] { return source->ended == "EOF"; }, "the end at the source");
    EXPECT_EQ(state(), "closed by both ends");
}

TEST_P(RelayTest, ASenderFeelsTheReceiversPace)
{
    std::string much(32 << 20, '\0');
    for (std::size_t i = 0; i < much.size(); i++)
        much[i] = static_cast<char>(i * 7 + i / 256);
    connect();
    target->read(false);
    source->send(much);
    loop.turn();
    EXPECT_GT(source->unsent(), much.size() / 2) << "the relay has taken everything, although nothing was read";
    target->read(true);
    until([&] { return target->received.size() == much.size(); }, "all of it");
    EXPECT_TRUE(target->received == much);
}

TEST_P(RelayTest, ALossIsPassedOn)
{
    connect();
    source->send("x");
    until([&] { return target->received == "x"; }, "a byte");
    source->reset();
    until([&] { return !target->ended.empty(); }, "the loss at the target");
    EXPECT_EQ(target->ended, lost());
    connect();
    source->send("x");
    until([&] { return target->received == "x"; }, "a byte");
    target->reset();
    until([&] { return !source->ended.empty(); }, "the loss at the source");
    EXPECT_EQ(source->ended, lost());
}

TEST_P(RelayTest, WithoutATargetTheSourceIsSentAway)
{
    target_.reset();
    connect();
    until([&] { return !source->ended.empty(); }, "the end at the source");
    EXPECT_EQ(state().substr(0, 14), "not connected:");
}

TEST_P(RelayTest, ATruncatedStreamEndsInOrderAfterSoManyBytes)
{
    relay().damage({.kind = Kind::truncate, .place = StreamByte{100'000}});
    connect();
    source->send(std::string(16 << 20, 'x'));
    until([&] { return !target->ended.empty() && !source->ended.empty(); }, "both ends");
    EXPECT_EQ(target->ended, "EOF");
    EXPECT_EQ(target->received, std::string(100'000, 'x'));
    expect_source_lost();
    EXPECT_EQ(state(), "truncated");
    EXPECT_EQ(relay().damage_done(), 1U);
}

TEST_P(RelayTest, AStalledStreamStaysOpenAndSilentBothWays)
{
    relay().damage({.kind = Kind::stall, .place = StreamByte{100'000}});
    connect();
    source->send(std::string(16 << 20, 'x'));
    relay().await_place(Deadline::in(10s));
    until([&] { return target->received.size() == 100'000; }, "what came before");
    target->send("answer");
    loop.turn();
    EXPECT_EQ(target->ended + source->ended + source->received, "");
    EXPECT_EQ(target->received.size(), 100'000U);
    EXPECT_GT(source->unsent(), 8U << 20);
    EXPECT_EQ(state(), "stalled");
    source->reset();
    loop.turn();
    EXPECT_EQ(target->ended, "");
}

TEST_P(RelayTest, AResetReachesBothEnds)
{
    relay().damage({.kind = Kind::reset, .place = StreamByte{100'000}});
    connect();
    source->send(std::string(16 << 20, 'x'));
    until([&] { return !target->ended.empty() && !source->ended.empty(); }, "both ends");
    EXPECT_EQ(target->ended, lost());
    expect_source_lost();
    EXPECT_EQ(state(), "reset");
}

TEST_P(RelayTest, OnlyTheConnectionThatIsMeantIsDamaged)
{
    relay().damage({.kind = Kind::flip_bit, .place = StreamByte{1}, .bit = 5, .connection = 1});
    for (const char* expected : {"abc", "aBc", "abc"}) {
        connect();
        source->send("abc");
        until([&] { return target->received.size() == 3; }, "three bytes");
        EXPECT_EQ(target->received, expected);
    }
}

TEST_P(RelayTest, APlaceThatIsNotReachedIsTold)
{
    relay().damage({.kind = Kind::stall, .place = StreamByte{5}});
    connect();
    source->send("abc");
    until([&] { return target->received.size() == 3; }, "three bytes");
    try {
        relay().await_place(Deadline::in(10ms));
        FAIL();
    } catch (const qtest::Timeout& timeout) {
        EXPECT_EQ(timeout.what(), std::string("awaited the place of the relay's damage for 0.0 s; last seen: stall at "
                                              "byte 5: not reached, done 0 times; 3 bytes came"));
    }
}

TEST(Relay, AnotherKindOfUriIsRefused)
{
    Loop loop;
    EXPECT_THROW(Relay(loop, "exec:cat", "tcp:127.0.0.1:1"), qtest::UsageError);
    EXPECT_THROW(Relay(loop, "tcp:some.host:0", "tcp:127.0.0.1:1"), qtest::OsError);
}

} // namespace
