// SPDX-License-Identifier: GPL-2.0-or-later
//
// The life of a connection. First the unit tests of QEMU's own package (python/tests/protocol.py, 27 of them), one for
// one under their names, then what they leave out.
#include <filesystem>

#include <gtest/gtest.h>

#include "failure_of.h"
#include "fake_server.h"
#include "protocol.h"

namespace
{

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using qtest::Address;
using qtest::Deadline;
using qtest::Op;
using qtest::Peer;
using qtest::Runstate;
using States = std::vector<Runstate>;

const States bad{Runstate::connecting, Runstate::disconnecting, Runstate::idle};
const States good{Runstate::connecting, Runstate::running, Runstate::disconnecting, Runstate::idle};

struct Nothing {
};

/// Speaks messages without content, each an empty line.
class NullProtocol : public qtest::Protocol<Nothing>
{
  public:
    explicit NullProtocol(qtest::Loop& loop, std::string name = {})
        : Protocol(loop, std::move(name), "NullProtocol", "protocol")
    {
    }
    void send_msg() { send({}); }
    void send_block(std::size_t size) { write(std::string(size, 'x')); }
    int received = 0;

  protected:
    Nothing decode(std::string_view line) override
    {
        if (!line.empty())
            throw qtest::ProtocolError("not nothing: " + std::string(line));
        return {};
    }
    std::string encode(const Nothing&) override { return {}; }
    std::string describe(const Nothing&) override { return "None"; }
    void on_message(Nothing) override { received++; }
};

/// A NullProtocol named after the test, that starts and ends IDLE, and at the end has gone through `expected`.
class SessionTest : public testing::Test
{
  protected:
    SessionTest()
    {
        std::string path = fs::temp_directory_path() / "session-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
        proto_.on_transition([this](Runstate from, Runstate to) {
            EXPECT_EQ(from, seen_.empty() ? Runstate::idle : seen_.back());
            EXPECT_EQ(proto_.runstate(), to);
            seen_.push_back(to);
        });
        EXPECT_EQ(proto_.runstate(), Runstate::idle);
    }
    ~SessionTest() override { fs::remove_all(directory_); }

    void TearDown() override
    {
        EXPECT_EQ(proto_.runstate(), Runstate::idle);
        EXPECT_EQ(proto_.transitions(), expected_);
        EXPECT_EQ(seen_, expected_) << "not what the observer saw";
    }

    Address socket_path() const { return Address::unix_path(directory_ / "socket"); }
    bool socket_exists() const { return fs::exists(fs::symlink_status(directory_ / "socket")); }

    /// Expects the verb to be refused now.
    void refused(const std::function<void()>& verb, const std::string& text, Runstate state, Runstate required)
    {
        const States before = proto_.transitions();
        try {
            verb();
            ADD_FAILURE() << "not refused";
        } catch (const qtest::RunstateError& error) {
            EXPECT_EQ(error.what(), text);
            EXPECT_EQ(error.state(), state);
            EXPECT_EQ(error.required(), required);
        }
        EXPECT_EQ(proto_.transitions(), before);
    }

    qtest::Loop loop_;
    fs::path directory_;
    FakeServer server_{loop_};
    NullProtocol proto_{loop_, testing::UnitTest::GetInstance()->current_test_info()->name()};
    States seen_;
    States expected_;
};

// Smoke

class Smoke : public SessionTest
{
};

TEST_F(Smoke, Repr) { EXPECT_EQ(NullProtocol(loop_).text(), "<NullProtocol runstate=IDLE>"); }

TEST_F(Smoke, Runstate) { EXPECT_EQ(NullProtocol(loop_).runstate(), qtest::Runstate::idle); }

TEST_F(Smoke, DefaultName) { EXPECT_EQ(NullProtocol(loop_).name(), ""); }

TEST_F(Smoke, Logger) { EXPECT_EQ(NullProtocol(loop_).logger().name(), "libqtest.protocol"); }

TEST_F(Smoke, Name)
{
    NullProtocol steve(loop_, "Steve");
    EXPECT_EQ(steve.name(), "Steve");
    EXPECT_EQ(steve.logger().name(), "libqtest.protocol.Steve");
    EXPECT_EQ(steve.text(), "<NullProtocol name='Steve' runstate=IDLE>");
}

// State

class State : public SessionTest
{
};

TEST_F(State, SuperfluousDisconnect)
{
    expected_ = {Runstate::disconnecting, Runstate::idle};
    proto_.disconnect();
}

// Connect and Accept: six tests each

enum class Verb { connect, accept };

class Opening : public SessionTest, public testing::WithParamInterface<Verb>
{
  protected:
    Opening() { expected_ = bad; }

    bool connects() const { return GetParam() == Verb::connect; }

    Op<void> open(const Address& address)
    {
        return connects() ? proto_.connect_async(address) : proto_.accept_async(address);
    }

    /// Begins what never ends: connecting to a server whose backlog is full, or waiting for a client that nobody is.
    Op<void> hang()
    {
        if (connects() && jammed_.empty())
            jam();
        const auto op = open(connects() ? Address::tcp("127.0.0.1", jammed_port_) : socket_path());
        EXPECT_EQ(proto_.runstate(), Runstate::connecting);
        loop_.turn();
        EXPECT_EQ(proto_.runstate(), Runstate::connecting);
        return op;
    }

    void fails_at_os(const Address& address)
    {
        const auto op = open(address);
        EXPECT_EQ(proto_.runstate(), Runstate::connecting);
        try {
            op.get(Deadline::in(10s));
            FAIL() << "it succeeded";
        } catch (const qtest::ConnectError& error) {
            EXPECT_EQ(error.phase(), "Failed to establish connection");
            EXPECT_TRUE(std::string(error.what()).starts_with("Failed to establish connection: ")) << error.what();
            EXPECT_THROW(std::rethrow_exception(error.root()), qtest::OsError);
        }
    }

  private:
    /// A listening socket with a backlog of 1 admits two clients that nobody accepts; a third one waits.
    void jam()
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        for (int i = 0; i < 3; i++)
            jammed_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(bind(jammed_[0].get(), generic, size), 0);
        ASSERT_EQ(listen(jammed_[0].get(), 1), 0);
        ASSERT_EQ(getsockname(jammed_[0].get(), generic, &size), 0);
        ASSERT_EQ(connect(jammed_[1].get(), generic, size), 0);
        ASSERT_EQ(connect(jammed_[2].get(), generic, size), 0);
        jammed_port_ = ntohs(address.sin_port);
    }

    std::vector<qtest::UniqueFd> jammed_;
    std::uint16_t jammed_port_ = 0;
};

TEST_P(Opening, BadINET)
{
    // 192.0.2.0/24 is nobody's, so no machine can bind it (RFC 5737).
    fails_at_os(connects() ? Address::tcp("127.0.0.1", 0) : Address::tcp("192.0.2.1", 1));
}

TEST_P(Opening, BadUNIX) { fails_at_os(Address::unix_path("/dev/null")); }

TEST_P(Opening, Cancellation)
{
    const auto op = hang();
    op.cancel();
    EXPECT_EQ(proto_.runstate(), Runstate::idle);
    EXPECT_TRUE(op.cancelled());
    EXPECT_THROW(op.get(Deadline::in(10s)), qtest::Cancelled);
}

TEST_P(Opening, Timeout)
{
    const auto op = hang();
    EXPECT_THROW(op.get(Deadline::in(0s)), qtest::Timeout);
    EXPECT_EQ(proto_.runstate(), Runstate::idle);
}

TEST_P(Opening, Require)
{
    const auto op = hang();
    refused([&] { open(socket_path()); }, "NullProtocol is currently connecting.", Runstate::connecting,
            Runstate::idle);
    EXPECT_FALSE(op.done());
    EXPECT_EQ(proto_.runstate(), Runstate::connecting);
    op.cancel();
}

TEST_P(Opening, ImplicitRunstateInit)
{
    proto_.on_transition({});
    const auto op = hang();
    seen_ = {Runstate::connecting};
    proto_.on_transition([this](Runstate, Runstate to) { seen_.push_back(to); });
    op.cancel();
}

INSTANTIATE_TEST_SUITE_P(Upstream, Opening, testing::Values(Verb::connect, Verb::accept),
                         [](const auto& info) { return info.param == Verb::connect ? "Connect" : "Accept"; });

// FakeSession

class FakeSession : public SessionTest
{
  protected:
    void fake_connect() { proto_.connect(server_.client(), Deadline::in(10s)); }
    void fake_accept()
    {
        proto_.listen(Address::tcp("127.0.0.1", 0), Deadline::in(10s));
        server_.connect_tcp(proto_.listening_at().port());
        proto_.accept(Deadline::in(10s));
        EXPECT_EQ(proto_.runstate(), Runstate::running);
    }
    /// What is logged while the action runs, as Python's unittest shows it.
    std::vector<std::string> logged(const std::function<void()>& action)
    {
        std::vector<std::string> records;
        proto_.logger().set_sink([&](const qtest::LogRecord& record) {
            static constexpr const char* levels[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
            records.push_back(std::string(levels[static_cast<int>(record.level)]) + ":" + record.logger + ":" +
                              record.text);
        });
        action();
        proto_.logger().set_sink({});
        return records;
    }
    /// Only scheduled: it stays DISCONNECTING until the peer hangs up.
    Op<void> simulate_disconnect() { return proto_.disconnect_async(Deadline::in(10s), Peer::hangs_up); }
};

TEST_F(FakeSession, FakeConnect)
{
    expected_ = good;
    fake_connect();
    EXPECT_EQ(proto_.runstate(), Runstate::running);
    proto_.disconnect();
}

TEST_F(FakeSession, FakeAccept)
{
    expected_ = good;
    fake_accept();
    proto_.disconnect();
}

TEST_F(FakeSession, FakeRecv)
{
    expected_ = good;
    fake_accept();
    const auto records = logged([&] {
        server_.say_raw("\n");
        loop_.until([&] { return proto_.received > 0; }, Deadline::in(10s), "a message");
    });
    EXPECT_EQ(records, std::vector<std::string>{"DEBUG:libqtest.protocol.FakeRecv:<-- None"});
    proto_.disconnect();
}

TEST_F(FakeSession, FakeSend)
{
    expected_ = good;
    fake_accept();
    const auto records = logged([&] {
        proto_.send_msg();
        loop_.turn();
    });
    EXPECT_EQ(records, std::vector<std::string>{"DEBUG:libqtest.protocol.FakeSend:--> None"});
    char byte = 0;
    EXPECT_EQ(recv(server_.fd(), &byte, 1, 0), 1);
    EXPECT_EQ(byte, '\n');
    proto_.disconnect();
}

TEST_F(FakeSession, AcceptRequireRunning)
{
    expected_ = good;
    fake_accept();
    refused([&] { proto_.accept_async(socket_path()); }, "NullProtocol is already connected and running.",
            Runstate::running, Runstate::idle);
    proto_.disconnect();
}

TEST_F(FakeSession, ConnectRequireRunning)
{
    expected_ = good;
    fake_accept();
    refused([&] { proto_.connect_async(socket_path()); }, "NullProtocol is already connected and running.",
            Runstate::running, Runstate::idle);
    proto_.disconnect();
}

TEST_F(FakeSession, AcceptRequireDisconnecting)
{
    expected_ = good;
    fake_accept();
    const auto ending = simulate_disconnect();
    refused([&] { proto_.accept_async(socket_path()); },
            "NullProtocol is disconnecting. Call disconnect() to return to IDLE state.", Runstate::disconnecting,
            Runstate::idle);
    server_.hang_up();
    ending.get(Deadline::in(10s));
}

TEST_F(FakeSession, ConnectRequireDisconnecting)
{
    expected_ = good;
    fake_accept();
    const auto ending = simulate_disconnect();
    refused([&] { proto_.connect_async(socket_path()); },
            "NullProtocol is disconnecting. Call disconnect() to return to IDLE state.", Runstate::disconnecting,
            Runstate::idle);
    server_.hang_up();
    ending.get(Deadline::in(10s));
}

// SimpleSession

class SimpleSession : public SessionTest
{
};

TEST_F(SimpleSession, Smoke)
{
    expected_ = good;
    NullProtocol server(loop_, proto_.name() + "-server");
    const auto accepted = server.accept_async(socket_path());
    loop_.until([&] { return socket_exists(); }, Deadline::in(10s), "the socket");
    proto_.connect(socket_path(), Deadline::in(10s));
    accepted.get(Deadline::in(10s));
    proto_.send_msg();
    loop_.until([&] { return server.received == 1; }, Deadline::in(10s), "the message");
    proto_.disconnect();
    loop_.until([&] { return server.runstate() == Runstate::disconnecting; }, Deadline::in(10s), "the end");
    EXPECT_EQ(failure_of([&] { server.disconnect(); }), "Smoke-server: the peer hung up");
    EXPECT_EQ(server.transitions(), good);
}

// What upstream leaves out

class Guards : public FakeSession
{
};

TEST_F(Guards, AcceptBeforeListenIsRefused)
{
    expected_ = bad;
    refused([&] { proto_.accept_async(); }, "NullProtocol is disconnected and idle.", Runstate::idle,
            Runstate::connecting);
    const auto op = proto_.connect_async(socket_path());
    EXPECT_EQ(failure_of([&] { proto_.accept_async(); }), "Cannot call accept() before listen().");
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(10s)); }),
              "Failed to establish connection: Could not connect: No such file or directory");
}

TEST_F(Guards, ASecondAcceptIsRefusedAndTheFirstUndisturbed)
{
    expected_ = good;
    proto_.listen(socket_path(), Deadline::in(10s));
    const auto first = proto_.accept_async();
    EXPECT_EQ(failure_of([&] { proto_.accept_async(); }),
              "a client of ASecondAcceptIsRefusedAndTheFirstUndisturbed at " + socket_path().text() +
                  " is still under way.");
    NullProtocol client(loop_);
    client.connect(socket_path(), Deadline::in(10s));
    first.get(Deadline::in(10s));
    proto_.disconnect();
}

TEST_F(Guards, TransitionsAreLogged)
{
    expected_ = good;
    const auto records = logged([&] {
        fake_connect();
        proto_.disconnect();
    });
    const std::string logger = "DEBUG:libqtest.protocol.TransitionsAreLogged:";
    EXPECT_EQ(records,
              (std::vector<std::string>{logger + "Transitioning from 'Runstate.IDLE' to 'Runstate.CONNECTING'.",
                                        logger + "Transitioning from 'Runstate.CONNECTING' to 'Runstate.RUNNING'.",
                                        logger + "Scheduling disconnect.",
                                        logger + "Transitioning from 'Runstate.RUNNING' to 'Runstate.DISCONNECTING'.",
                                        logger + "Transitioning from 'Runstate.DISCONNECTING' to 'Runstate.IDLE'."}));
}

class Listening : public SessionTest
{
};

TEST_F(Listening, ExactlyOneClientIsTaken)
{
    expected_ = good;
    proto_.listen(socket_path(), Deadline::in(10s));
    EXPECT_EQ(proto_.runstate(), Runstate::connecting);
    NullProtocol first(loop_, "first");
    NullProtocol second(loop_, "second");
    first.connect(socket_path(), Deadline::in(10s));
    second.connect(socket_path(), Deadline::in(10s)); // in the backlog
    proto_.accept(Deadline::in(10s));
    EXPECT_FALSE(socket_exists());
    loop_.until([&] { return second.runstate() == Runstate::disconnecting; }, Deadline::in(10s),
                "the second client to be turned away");
    NullProtocol third(loop_, "third");
    EXPECT_THROW(third.connect(socket_path(), Deadline::in(10s)), qtest::ConnectError);
    first.send_msg();
    loop_.until([&] { return proto_.received == 1; }, Deadline::in(10s), "the first client's message");
    proto_.disconnect();
}

TEST_F(Listening, OverTcpToo)
{
    expected_ = good;
    proto_.listen(Address::tcp("127.0.0.1", 0), Deadline::in(10s));
    EXPECT_NE(proto_.listening_at().port(), 0);
    NullProtocol client(loop_, "client");
    client.connect(Address::tcp("localhost", proto_.listening_at().port()), Deadline::in(10s));
    proto_.accept(Deadline::in(10s));
    client.send_msg();
    loop_.until([&] { return proto_.received == 1; }, Deadline::in(10s), "a message");
    proto_.disconnect();
}

TEST_F(Listening, ACancelledAcceptRemovesItsSocketFile)
{
    expected_ = bad;
    const auto op = proto_.accept_async(socket_path());
    loop_.until([&] { return socket_exists(); }, Deadline::in(10s), "the socket");
    EXPECT_THROW(op.get(Deadline::in(0s)), qtest::Timeout);
    EXPECT_FALSE(socket_exists());
}

TEST_F(Listening, ADisconnectRemovesTheSocketFile)
{
    expected_ = bad;
    proto_.listen(socket_path(), Deadline::in(10s));
    EXPECT_TRUE(socket_exists());
    proto_.disconnect();
    EXPECT_FALSE(socket_exists());
}

TEST_F(Listening, AnotherOnesFileIsLeftAlone)
{
    expected_ = bad;
    NullProtocol other(loop_);
    other.listen(socket_path(), Deadline::in(10s));
    EXPECT_EQ(failure_of([&] { proto_.listen(socket_path(), Deadline::in(10s)); }),
              "Failed to establish connection: " + socket_path().text() +
                  ": Error binding to address (GUnixSocketAddress): Address already in use");
    EXPECT_TRUE(socket_exists());
    other.disconnect();
}

class Ending : public FakeSession
{
};

TEST_F(Ending, AConnectUnderWayEndsInAnError)
{
    expected_ = bad;
    const auto op = proto_.connect_async(socket_path());
    proto_.disconnect();
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(10s)); }),
              "Failed to establish connection: disconnect() was called");
    EXPECT_FALSE(op.cancelled());
}

TEST_F(Ending, AnAcceptUnderWayEndsInAnError)
{
    expected_ = bad;
    const auto op = proto_.accept_async(socket_path());
    loop_.until([&] { return socket_exists(); }, Deadline::in(10s), "the socket");
    proto_.disconnect();
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(10s)); }),
              "Failed to establish connection: disconnect() was called");
}

TEST_F(Ending, AnyNumberOfCallersShareOneEnd)
{
    expected_ = good;
    fake_connect();
    proto_.send_block(4 << 20);
    const auto first = proto_.disconnect_async(Deadline::in(10s));
    const auto second = proto_.disconnect_async(Deadline::in(1h));
    EXPECT_EQ(proto_.runstate(), Runstate::disconnecting);
    EXPECT_FALSE(first.done());
    std::size_t read_bytes = 0;
    const auto read_on = [&] {
        std::string bytes(1 << 20, '\0');
        const ssize_t size = recv(server_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        read_bytes += static_cast<std::size_t>(std::max<ssize_t>(0, size));
        return size > 0;
    };
    {
        const auto reader = loop_.watch(server_.fd(), G_IO_IN, read_on);
        second.get(Deadline::in(10s));
    }
    EXPECT_TRUE(first.done());
    first.get(Deadline::in(0s));
    while (read_on()) {
    }
    EXPECT_EQ(read_bytes, (4U << 20) + 1);
}

TEST_F(Ending, ADeafPeerDoesNotHoldItUp)
{
    expected_ = good;
    fake_connect();
    proto_.send_block(4 << 20);
    const auto patient = proto_.disconnect_async(Deadline::in(1h));
    const std::string failure = failure_of([&] { proto_.disconnect(Deadline::in(50ms)); });
    EXPECT_TRUE(failure.starts_with("ADeafPeerDoesNotHoldItUp: not flushed: the peer did not read the last "))
        << failure;
    EXPECT_TRUE(failure.ends_with(" bytes within 0.1 s")) << failure;
    EXPECT_THROW(patient.get(Deadline::in(0s)), qtest::NotFlushed);
}

TEST_F(Ending, WhenTheLastCallerCancelsItDropsWhatIsQueued)
{
    expected_ = good;
    fake_connect();
    proto_.send_block(4 << 20);
    const auto first = proto_.disconnect_async(Deadline::in(1h));
    const auto second = proto_.disconnect_async(Deadline::in(1h));
    first.cancel();
    EXPECT_EQ(proto_.runstate(), Runstate::disconnecting);
    EXPECT_FALSE(second.done());
    second.cancel();
    EXPECT_EQ(proto_.runstate(), Runstate::idle);
}

TEST_F(Ending, ClosingMeanwhileIsToldToWhoeverWaitsForTheEnd)
{
    expected_ = good;
    fake_connect();
    proto_.send_block(4 << 20);
    const auto op = proto_.disconnect_async(Deadline::in(1h));
    proto_.close();
    EXPECT_THROW(op.get(Deadline::in(10s)), qtest::NotFlushed);
}

TEST_F(Ending, ALossIsToldByDisconnect)
{
    expected_ = good;
    fake_connect();
    server_.hang_up();
    loop_.until([&] { return proto_.runstate() == Runstate::disconnecting; }, Deadline::in(10s), "the loss");
    try {
        proto_.disconnect();
        FAIL() << "a loss was not told";
    } catch (const qtest::ConnectionLost& error) {
        EXPECT_STREQ(error.what(), "ALossIsToldByDisconnect: the peer hung up");
        EXPECT_THROW(std::rethrow_exception(error.root()), qtest::EndOfFile);
    }
}

TEST_F(Ending, AnExpectedHangUpIsNoError)
{
    expected_ = {Runstate::connecting, Runstate::running, Runstate::disconnecting, Runstate::idle,
                 Runstate::connecting, Runstate::running, Runstate::disconnecting, Runstate::idle};
    fake_connect();
    server_.hang_up(); // before
    loop_.until([&] { return proto_.runstate() == Runstate::disconnecting; }, Deadline::in(10s), "the loss");
    proto_.disconnect(Deadline::in(10s), Peer::hangs_up);

    fake_accept();
    const auto op = proto_.disconnect_async(Deadline::in(10s), Peer::hangs_up);
    loop_.turn();
    EXPECT_FALSE(op.done());
    server_.reset(); // after, and rudely
    op.get(Deadline::in(10s));
}

TEST_F(Ending, AHangUpThatDoesNotComeIsAnError)
{
    expected_ = good;
    fake_connect();
    EXPECT_EQ(failure_of([&] { proto_.disconnect(Deadline::in(50ms), Peer::hangs_up); }),
              "awaited AHangUpThatDoesNotComeIsAnError to hang up for 0.1 s");
}

TEST_F(Ending, GarbageIsNoExpectedHangUp)
{
    expected_ = good;
    fake_connect();
    server_.say_raw("garbage\n");
    server_.hang_up();
    EXPECT_EQ(failure_of([&] { proto_.disconnect(Deadline::in(10s), Peer::hangs_up); }),
              "GarbageIsNoExpectedHangUp: not nothing: garbage");
}

TEST_F(Ending, AResetIsToldAsSuch)
{
    expected_ = good;
    fake_accept();
    server_.reset();
    loop_.until([&] { return proto_.runstate() == Runstate::disconnecting; }, Deadline::in(10s), "the loss");
    try {
        proto_.disconnect();
        FAIL() << "a reset was not told";
    } catch (const qtest::ConnectionLost& error) {
        EXPECT_THROW(std::rethrow_exception(error.root()), qtest::OsError) << error.what();
    }
}

TEST_F(Ending, ItCanBeConnectedAgain)
{
    expected_ = good;
    expected_.insert(expected_.end(), good.begin(), good.end());
    fake_connect();
    server_.say_raw("half a li");
    server_.hang_up();
    EXPECT_THROW(proto_.disconnect(Deadline::in(10s), Peer::hangs_up), qtest::ConnectionLost);
    fake_connect();
    server_.say_raw("\n");
    loop_.until([&] { return proto_.received == 1; }, Deadline::in(10s), "a message");
    proto_.disconnect();
}

TEST_F(Ending, AnOverlongLineEndsIt)
{
    expected_ = good;
    fake_connect();
    server_.say_raw(std::string(64 * 1024 + 1, 'x'));
    loop_.until([&] { return proto_.runstate() == Runstate::disconnecting; }, Deadline::in(10s), "the end");
    EXPECT_EQ(failure_of([&] { proto_.disconnect(); }), "AnOverlongLineEndsIt: a line of more than 65536 bytes");
}

TEST_F(Ending, AClientThatGoesFailsWhatIsUnderWay)
{
    auto doomed = std::make_unique<NullProtocol>(loop_, "doomed");
    const auto op = doomed->accept_async(socket_path());
    loop_.until([&] { return socket_exists(); }, Deadline::in(10s), "the socket");
    doomed.reset();
    EXPECT_FALSE(socket_exists());
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(10s)); }),
              "a client of doomed at " + socket_path().text() + " was given up: its client is gone");
}

class Hooks : public FakeSession
{
};

TEST_F(Hooks, SeeEveryMessage)
{
    expected_ = good;
    int in = 0;
    int out = 0;
    proto_.on_inbound([&](Nothing nothing) { return in++, nothing; });
    proto_.on_outbound([&](Nothing nothing) { return out++, nothing; });
    fake_connect();
    proto_.send_msg();
    server_.say_raw("\n\n");
    loop_.until([&] { return proto_.received == 2; }, Deadline::in(10s), "two messages");
    EXPECT_EQ(in, 2);
    EXPECT_EQ(out, 1);
    proto_.disconnect();
}

TEST_F(Hooks, OneThatThrowsFailsTheWaitNotTheSession)
{
    expected_ = good;
    fake_connect();
    proto_.on_inbound([](Nothing) -> Nothing { throw qtest::TestFailure("the hook's word"); });
    server_.say_raw("\n");
    EXPECT_EQ(failure_of([&] { loop_.until([] { return false; }, Deadline::in(10s), "nothing"); }), "the hook's word");
    EXPECT_EQ(failure_of([&] { loop_.until([] { return true; }, Deadline::in(10s), "nothing"); }),
              "nothing was thrown"); // told once
    EXPECT_EQ(proto_.received, 1);
    EXPECT_EQ(proto_.runstate(), Runstate::running);
    proto_.disconnect();
}

TEST_F(Hooks, AnObserverThatThrowsFailsTheWaitNotTheSession)
{
    NullProtocol proto(loop_);
    proto.on_transition([](Runstate, Runstate) { throw qtest::TestFailure("the observer's word"); });
    proto.connect_async(server_.client());
    EXPECT_EQ(proto.runstate(), Runstate::running);
    EXPECT_EQ(failure_of([&] { loop_.until([] { return true; }, Deadline::in(10s), "nothing"); }),
              "the observer's word");
}

TEST_F(Hooks, OneMayEndTheSession)
{
    expected_ = good;
    fake_connect();
    proto_.on_inbound([this](Nothing nothing) {
        proto_.close();
        return nothing;
    });
    server_.say_raw("\n\n");
    loop_.turn();
    EXPECT_EQ(proto_.received, 0);
    expected_.insert(expected_.end(), bad.begin(), bad.end());
    proto_.on_inbound([](Nothing nothing) { return nothing; });
    const auto op = proto_.accept_async(socket_path());
    op.cancel();
    proto_.close(); // IDLE already: nothing
}

TEST_F(Hooks, NobodyTurnsTheLoopInsideACallback)
{
    expected_ = good;
    fake_connect();
    std::vector<std::string> refusals;
    proto_.on_inbound([&](Nothing nothing) {
        refusals.push_back(failure_of([&] { loop_.turn(); }));
        refusals.push_back(failure_of([&] { proto_.disconnect(); }));
        return nothing;
    });
    server_.say_raw("\n");
    loop_.until([&] { return proto_.received == 1; }, Deadline::in(10s), "a message");
    EXPECT_EQ(refusals, (std::vector<std::string>{
                            "waiting for a turn inside a callback of the same loop",
                            "waiting for the end of the session of NobodyTurnsTheLoopInsideACallback inside a "
                            "callback of the same loop"}));
    EXPECT_EQ(proto_.runstate(), Runstate::running);
    proto_.disconnect();
}

TEST_F(Hooks, AnyExceptionOfAMessagesHandlerEndsTheSession)
{
    struct Thrower : NullProtocol {
        using NullProtocol::NullProtocol;
        void on_message(Nothing) override { throw std::out_of_range("far"); }
    } thrower(loop_, "thrower");
    thrower.connect(server_.client(), Deadline::in(10s));
    server_.say_raw("\n");
    loop_.until([&] { return thrower.runstate() == Runstate::disconnecting; }, Deadline::in(10s), "the end");
    EXPECT_EQ(failure_of([&] { thrower.disconnect(); }), "thrower: far");
}

} // namespace
