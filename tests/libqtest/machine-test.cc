// SPDX-License-Identifier: GPL-2.0-or-later
//
// Machine and its three lines against a real QEMU: the one the suite would take.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "failure_of.h"
#include "machine.h"
#include "qemu_binary.h"

namespace
{

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using qtest::Deadline;
using qtest::ExitStatus;
using qtest::Json;
using qtest::Machine;

class MachineTest : public testing::Test
{
  protected:
    MachineTest()
    {
        std::string path = fs::temp_directory_path() / "machine-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
    }
    ~MachineTest() override { fs::remove_all(directory_); }

    std::unique_ptr<Machine> start(std::vector<std::string> arguments)
    {
        auto machine = std::make_unique<Machine>(
            loop_, Machine::Config{"vm", qtest::qemu_binary(), std::move(arguments), directory_});
        machine->await_ready(Deadline::in(20s));
        return machine;
    }
    /// A PC whose CPU does not run.
    std::unique_ptr<Machine> start_pc() { return start({"-machine", "pc", "-accel", "tcg", "-S", "-m", "16M"}); }

    void end(Machine& machine)
    {
        machine.quit();
        machine.wait_exit(Deadline::in(20s));
    }

    std::string file(const std::string& name)
    {
        std::ifstream stream(directory_ / name);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    qtest::Loop loop_;
    fs::path directory_;
};

TEST_F(MachineTest, StartsNegotiatesAndEnds)
{
    const auto machine = start({"-machine", "none"});
    EXPECT_TRUE(machine->qmp().out_of_band());
    EXPECT_TRUE(machine->qmp().execute("query-status").has("status"));
    EXPECT_EQ(machine->qmp().execute("query-version").at("qemu"), machine->qmp().greeting().at("QMP/version/qemu"));
    end(*machine);
    EXPECT_EQ(*machine->process().exit_status(), ExitStatus::exited(0));
    EXPECT_NE(file("vm.qmp.jsonl").find("{\"received\": {\"QMP\""), std::string::npos);
    EXPECT_NE(file("vm.command-line").find("-chardev socket,id=qmp,path=/tmp/vm-qmp.sock,server=on,wait=off"),
              std::string::npos);
}

TEST_F(MachineTest, AKilledQemuFailsThePendingWaitAtOnceAndNamesTheSignal)
{
    const auto machine = start({"-machine", "none"});
    machine->process().send_signal(SIGKILL);
    EXPECT_EQ(failure_of([&] { machine->qmp().wait_event("STOP", {}, 0, Deadline::in(1h)); }),
              "vm: QEMU was killed by signal 9 (Killed), which the case did not announce; it wrote nothing to stderr");
    loop_.forgive();
    // How the connection ended follows: end of file, or reset when something sent was still unread.
    const std::string again = failure_of([&] { machine->qmp().execute("query-status"); });
    EXPECT_TRUE(again.starts_with("vm: QEMU was killed by signal 9 (Killed) (")) << again;
}

TEST_F(MachineTest, AnUnannouncedExitShowsTheLastWords)
{
    const auto failure = failure_of([&] { start({"-machine", "none", "-no-such-option"}); });
    EXPECT_NE(failure.find("vm: QEMU exited with status 1, which the case did not announce"), std::string::npos)
        << failure;
    EXPECT_NE(failure.find("-no-such-option: invalid option"), std::string::npos) << failure;
}

TEST_F(MachineTest, ALostConnectionSaysHowQemuEndedAndItsLastWords)
{
    Machine machine(loop_, {"vm", qtest::qemu_binary(), {"-machine", "none", "-no-such-option"}, directory_});
    machine.expect_exit(ExitStatus::exited(1));
    const std::string failure = failure_of([&] { machine.await_ready(Deadline::in(20s)); });
    EXPECT_TRUE(failure.starts_with("Failed to establish session: vm: QEMU exited with status 1 (")) << failure;
    EXPECT_NE(failure.find("; its last words: "), std::string::npos) << failure;
    EXPECT_TRUE(failure.ends_with("-no-such-option: invalid option")) << failure;
    EXPECT_EQ(machine.qmp().runstate(), qtest::Runstate::idle);
}

TEST_F(MachineTest, WordsOnStderrAreAwaited)
{
    const auto machine = start({"-machine", "none"});
    loop_.post([&] { std::ofstream(directory_ / "vm.stderr", std::ios::app) << "a word\n"; });
    machine->await_words("word", Deadline::in(20s));
    const std::string failure = failure_of([&] { machine->await_words("another", Deadline::in(50ms)); });
    EXPECT_TRUE(failure.starts_with("awaited 'another' on stderr of vm for")) << failure;
    EXPECT_TRUE(failure.ends_with("last seen: 'a word'")) << failure;
    end(*machine);
}

TEST_F(MachineTest, AnAnnouncedExitIsNoFailure)
{
    const auto machine = start({"-machine", "none"});
    machine->kill();
    EXPECT_FALSE(machine->process().running());
    EXPECT_EQ(failure_of([&] { loop_.until([] { return true; }, Deadline::in(1s), "nothing"); }), "nothing was thrown");
}

TEST_F(MachineTest, AnAnnouncedExitThatIsAnotherIsAFailure)
{
    const auto machine = start({"-machine", "none"});
    machine->expect_exit(ExitStatus::exited(1));
    EXPECT_EQ(
        failure_of([&] { end(*machine); }),
        "vm: QEMU exited with status 0, but the case announced: exited with status 1; it wrote nothing to stderr");
}

TEST_F(MachineTest, AProgramThatIsNotThereIsAnEnvironmentError)
{
    EXPECT_THROW(Machine(loop_, {"vm", "/no/such/qemu", {}, directory_}), qtest::EnvironmentError);
}

TEST_F(MachineTest, QtestReadsAndWritesMemory)
{
    const auto machine = start_pc();
    qtest::QtestClient& qtest = machine->qtest();
    EXPECT_FALSE(qtest.big_endian());
    qtest.writeq(0x8000, 0x1122334455667788);
    EXPECT_EQ(qtest.readq(0x8000), 0x1122334455667788U);
    EXPECT_EQ(qtest.readl(0x8000), 0x55667788U);
    EXPECT_EQ(qtest.readw(0x8002), 0x5566U);
    EXPECT_EQ(qtest.readb(0x8007), 0x11U);
    qtest.writeb(0x8000, 0xff);
    qtest.writew(0x8002, 0xeeee);
    qtest.writel(0x8004, 0xdddddddd);
    EXPECT_EQ(qtest.readq(0x8000), 0xddddddddeeee77ffU);
    qtest::QtestClient::Bytes bytes(5000);
    for (std::size_t i = 0; i < bytes.size(); i++)
        bytes[i] = static_cast<std::uint8_t>(i * 7);
    qtest.write(0x10000, bytes);
    EXPECT_EQ(qtest.read(0x10000, bytes.size()), bytes);
    EXPECT_EQ(qtest.read_hex(0x10000, bytes.size()), bytes);
    qtest.write_hex(0x20000, bytes);
    EXPECT_EQ(qtest.read(0x20000, bytes.size()), bytes);
    qtest.memset(0x20000, 100, 0x5a);
    EXPECT_EQ(qtest.read(0x20000, 100), qtest::QtestClient::Bytes(100, 0x5a));
    EXPECT_EQ(qtest.readb(0x20064), bytes[100]);
    end(*machine);
}

TEST_F(MachineTest, QtestReadsAndWritesPorts)
{
    const auto machine = start_pc();
    qtest::QtestClient& qtest = machine->qtest();
    // The PCI host bridge: configuration address, then its vendor and device by width of the data port.
    qtest.outl(0xcf8, 0x80000000);
    EXPECT_EQ(qtest.inl(0xcf8), 0x80000000U);
    EXPECT_EQ(qtest.inl(0xcfc), 0x12378086U);
    EXPECT_EQ(qtest.inw(0xcfc), 0x8086U);
    EXPECT_EQ(qtest.inb(0xcff), 0x12U);
    qtest.outb(0x70, 0x0f); // a CMOS byte free for use
    qtest.outb(0x71, 0xa5);
    EXPECT_EQ(qtest.inb(0x71), 0xa5U);
    qtest.outw(0x80, 0x1234); // POST codes: taken and forgotten
    end(*machine);
}

TEST_F(MachineTest, QtestStepsTheClock)
{
    std::unique_ptr<Machine> machine;
    try {
        machine = start({"-machine", "none", "-accel", "qtest"});
    } catch (const qtest::TestFailure& failure) {
        ASSERT_NE(std::string(failure.what()).find("invalid accelerator qtest"), std::string::npos) << failure.what();
        GTEST_SKIP() << "this QEMU is packaged without the qtest accelerator";
    }
    qtest::QtestClient& qtest = machine->qtest();
    const auto now = qtest.clock_step(1'000'000);
    EXPECT_EQ(qtest.clock_step(1'000'000), now + 1'000'000);
    EXPECT_EQ(qtest.clock_set(now + 5'000'000), now + 5'000'000);
    EXPECT_THROW(qtest.clock_step(), qtest::CommandError); // to the next timer, and there is none
    end(*machine);
}

TEST_F(MachineTest, QtestReportsInterruptLines)
{
    const auto machine = start_pc();
    qtest::QtestClient& qtest = machine->qtest();
    qtest.irq_intercept_in("ioapic");
    EXPECT_FALSE(qtest.irq(4));
    qtest.outb(0x3fc, 0x08); // the serial port may interrupt
    qtest.outb(0x3f9, 0x02); // when it can take a byte, which is now
    qtest.wait_irq(4, true, Deadline::in(20s));
    qtest.outb(0x3f9, 0x00);
    qtest.wait_irq(4, false, Deadline::in(20s));
    EXPECT_EQ(failure_of([&] { qtest.irq_intercept_out("/machine/nothing"); }),
              "vm's qtest server refused 'irq_intercept_out /machine/nothing': FAIL Unknown device");
    EXPECT_EQ(failure_of([&] { qtest.set_irq_in("/machine/nothing", "", 0, 1); }),
              "vm's qtest server refused 'set_irq_in /machine/nothing unnamed-gpio-in 0 1': FAIL Unknown device");
    end(*machine);
}

TEST_F(MachineTest, QtestCommandsOfOtherMachinesAreRefused)
{
    const auto machine = start_pc();
    qtest::QtestClient& qtest = machine->qtest();
    EXPECT_THROW(qtest.rtas("get-time-of-day", 0, 0, 8, 0x1000), qtest::CommandError);
    EXPECT_THROW(qtest.csr_get(0, 0), qtest::CommandError);
    EXPECT_THROW(qtest.csr_set(0, 0, 1), qtest::CommandError);
    EXPECT_THROW(qtest.module_load("no-", "such-module"), qtest::CommandError);
    end(*machine);
}

TEST_F(MachineTest, TheConsoleShowsWhatIsPrintedAfterTheMark)
{
    const auto machine = start_pc();
    machine->qtest().outb(0x3f8, 'B');
    machine->console().wait("B", 0, Deadline::in(20s));
    const auto mark = machine->console().mark();
    EXPECT_EQ(failure_of([&] { machine->console().wait("B", mark, Deadline::in(50ms)); }),
              "awaited new 'B' on the console of vm for 0.1 s; last seen: 0 bytes since the mark, 1 before");
    machine->qtest().outb(0x3f8, 'B');
    machine->console().wait("B", mark, Deadline::in(20s));
    EXPECT_EQ(machine->console().since(0), "BB");
    end(*machine);
    EXPECT_NE(file("vm.console.log").find(" B\n"), std::string::npos);
}

} // namespace
