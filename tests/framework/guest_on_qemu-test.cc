// SPDX-License-Identifier: GPL-2.0-or-later
//
// The guest on real QEMUs: each at hand, pc and q35. What it does only when asked to: suspend to RAM and go on when
// woken, and count on other CPUs.
#include <array>
#include <filesystem>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "errors.h"
#include "guest.h"
#include "machine.h"
#include "qemu_binary.h"
#include "vm.h"

namespace
{

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using qtest::Console;
using qtest::Deadline;
using qtest::Json;
using qtest::Machine;

constexpr std::uint64_t ram_size = 20 << 20;

class GuestOnQemu : public testing::TestWithParam<std::tuple<std::string, std::string>>
{
  protected:
    GuestOnQemu()
    {
        std::string path = fs::temp_directory_path() / "guest-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
    }
    ~GuestOnQemu() override { fs::remove_all(directory_); }

    std::unique_ptr<Machine> start(const std::string& name, const guest::Options& options,
                                   std::vector<std::string> more = {})
    {
        const auto image = guest::x86_image(options);
        qtest::write_file(directory_ / "rom", {reinterpret_cast<const char*>(image.data()), image.size()});
        std::vector<std::string> arguments{"-machine", std::get<1>(GetParam()), "-accel", "tcg", "-m", "20M",
                                           "-bios",    directory_ / "rom"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        auto machine = std::make_unique<Machine>(
            loop_, Machine::Config{name, std::get<0>(GetParam()), std::move(arguments), directory_});
        machine->await_ready(Deadline::in(20s));
        return machine;
    }
    void end(Machine& machine)
    {
        machine.quit();
        machine.wait_exit(Deadline::in(20s));
    }

    guest::Position position(Machine& machine)
    {
        return guest::find_position(machine.qmp().hmp("info registers"), migration::ram_reader(machine));
    }
    void expect_ram_right(Machine& machine)
    {
        const auto damage = guest::find_damage(migration::ram_reader(machine), ram_size, position(machine));
        EXPECT_FALSE(damage) << machine.name() << ": " << damage->text;
    }
    void expect_state(Machine& machine, const char* expected)
    {
        EXPECT_EQ(machine.qmp().execute("query-status").at("status").as_string(), expected) << machine.name();
    }
    void stop(Machine& machine)
    {
        const auto since = machine.qmp().mark();
        machine.qmp().execute("stop");
        machine.qmp().wait_event("STOP", {}, since, Deadline::in(20s));
    }

    void await_suspension(Machine& machine, std::uint32_t pass)
    {
        machine.qmp().wait_event("SUSPEND", {}, 0, Deadline::in(20s));
        machine.console().wait("S", 0, Deadline::in(20s));
        expect_state(machine, "suspended");
        EXPECT_EQ(position(machine).pass, pass);
        expect_ram_right(machine);
    }
    void wake(Machine& machine)
    {
        const auto since = machine.qmp().mark();
        machine.qmp().execute("system_wakeup");
        machine.qmp().wait_event("WAKEUP", {}, since, Deadline::in(20s));
    }
    /// Holds that the guest goes on after that pass, on a console where it has printed this much before.
    void expect_progress(Machine& machine, std::uint32_t pass, Console::Mark since)
    {
        machine.console().wait("WBB", since, Deadline::in(20s));
        stop(machine);
        EXPECT_GE(position(machine).pass, pass + 3);
        EXPECT_EQ(machine.qtest().readl(GUEST_INFO_SUSPENDED), pass);
        EXPECT_EQ(machine.qtest().readl(GUEST_INFO_WOKEN), pass);
        expect_ram_right(machine);
        EXPECT_EQ(machine.console().since(since).find_first_not_of("WB"), std::string::npos);
    }

    /// Both sides have completed when it returns.
    void migrate(Machine& source, Machine& target)
    {
        for (Machine* side : {&source, &target})
            side->qmp().execute("migrate-set-capabilities",
                                {{"capabilities", Json::array({Json{{"capability", "events"}, {"state", true}}})}});
        const std::string uri = "unix:" + (directory_ / "channel").string();
        target.qmp().execute("migrate-incoming", {{"uri", uri}});
        source.qmp().execute("migrate", {{"uri", uri}});
        for (Machine* side : {&target, &source})
            side->qmp().wait_event("MIGRATION", {{"status", "completed"}}, 0, Deadline::in(20s));
    }

    using Counters = std::array<std::uint32_t, 4>;
    /// Of the boot CPU, which does not count, and of three others.
    Counters counters(Machine& machine)
    {
        Counters now;
        for (unsigned cpu = 0; cpu < now.size(); cpu++)
            now[cpu] = machine.qtest().readl(guest::counter_address(cpu));
        return now;
    }
    /// Returns when each of the others has counted beyond `since`.
    void await_counting(Machine& machine, const Counters& since)
    {
        const auto further = [&](const Counters& now) {
            return now[1] > since[1] && now[2] > since[2] && now[3] > since[3];
        };
        const auto deadline = Deadline::in(20s);
        try {
            // No event tells of counting: the boot CPU's signs of life are the occasions to ask.
            for (Console::Mark printed = machine.console().mark(); !further(counters(machine));) {
                machine.console().wait("B", printed, deadline);
                printed = machine.console().mark();
            }
        } catch (const qtest::Timeout& timed_out) {
            throw qtest::Timeout(fmt::format("{}: not every CPU counts: {} before, {} now; {}", machine.name(),
                                             fmt::join(since, ", "), fmt::join(counters(machine), ", "),
                                             timed_out.what()));
        }
        EXPECT_EQ(counters(machine)[0], 0U);
    }

    qtest::Loop loop_;
    fs::path directory_;
};

TEST_P(GuestOnQemu, SuspendsAfterThePassAskedForAndGoesOnWhenWoken)
{
    const auto machine = start("vm", {.suspend_after_pass = 6});
    await_suspension(*machine, 6);
    EXPECT_EQ(machine->console().since(0), "ABBBS");
    const auto since = machine->console().mark();
    wake(*machine);
    expect_progress(*machine, 6, since);
    EXPECT_EQ(machine->qmp().events().count("SUSPEND", {}, 0), 1U);
    end(*machine);
}

TEST_P(GuestOnQemu, SuspendsAtTheEndOfAPassWhenAskedTo)
{
    const auto machine = start("vm", {});
    machine->console().wait("B", 0, Deadline::in(20s));
    machine->qtest().writel(GUEST_INFO_SUSPEND_REQUEST, 1);
    machine->qmp().wait_event("SUSPEND", {}, 0, Deadline::in(20s));
    const std::uint32_t pass = machine->qtest().readl(GUEST_INFO_PASS);
    await_suspension(*machine, pass);
    const auto since = machine->console().mark();
    wake(*machine);
    expect_progress(*machine, pass, since);
    EXPECT_EQ(machine->qmp().events().count("SUSPEND", {}, 0), 1U);
    end(*machine);
}

TEST_P(GuestOnQemu, RamIsKnownWhereverAWakingGuestIsStopped)
{
    const auto machine = start("vm", {.suspend_after_pass = 3});
    await_suspension(*machine, 3);
    wake(*machine);
    stop(*machine);
    EXPECT_GE(position(*machine).pass, 3U);
    expect_ram_right(*machine);
    end(*machine);
}

TEST_P(GuestOnQemu, IsOneCpuThatDoesNotSuspendUnlessAsked)
{
    const auto machine = start("vm", {});
    machine->console().wait("BBBBBB", 0, Deadline::in(20s));
    stop(*machine);
    EXPECT_EQ(machine->console().since(0).find_first_not_of('B', 1), std::string::npos);
    EXPECT_EQ(machine->qtest().readl(GUEST_INFO_SUSPENDED), 0U);
    EXPECT_EQ(machine->qmp().events().count("SUSPEND", {}, 0), 0U);
    EXPECT_EQ(machine->qtest().read(GUEST_COUNTERS, GUEST_PAGE), std::vector<std::uint8_t>(GUEST_PAGE));
    expect_ram_right(*machine);
    end(*machine);
}

TEST_P(GuestOnQemu, ASuspendedGuestGoesOnWhereItWasMigratedTo)
{
    const auto source = start("source", {.suspend_after_pass = 5});
    const auto target = start("target", {.suspend_after_pass = 5}, {"-incoming", "defer"});
    await_suspension(*source, 5);
    migrate(*source, *target);
    EXPECT_EQ(position(*source).pass, 5U);
    expect_ram_right(*source);
    if (source->qmp().greeting().at("QMP/version/qemu/major").as_int() < 9) {
        // Migration wakes the guest there, and it is a race whether the CPU that arrives is the reset one, which goes
        // on, or the one before, which sleeps for ever in a VM that runs.
        stop(*target);
        expect_ram_right(*target);
    } else {
        expect_state(*target, "suspended");
        EXPECT_EQ(position(*target).pass, 5U);
        expect_ram_right(*target);
        wake(*target);
        expect_progress(*target, 5, 0);
        EXPECT_EQ(source->qmp().events().count("WAKEUP", {}, 0), 0U);
    }
    end(*source);
    end(*target);
}

TEST_P(GuestOnQemu, OtherCpusCountAndGoOnWhereTheyWereMigratedTo)
{
    const auto source = start("source", {}, {"-smp", "4"});
    const auto target = start("target", {}, {"-smp", "4", "-S", "-incoming", "defer"});
    await_counting(*source, {});
    stop(*source);
    migrate(*source, *target);
    const Counters arrived = counters(*target);
    EXPECT_EQ(arrived, counters(*source));
    std::vector<std::uint8_t> expected(ram_size);
    std::vector<std::uint8_t> seen(ram_size);
    migration::ram_reader (*source)(0, expected);
    migration::ram_reader (*target)(0, seen);
    EXPECT_TRUE(expected == seen);
    EXPECT_EQ(source->qmp().hmp("info registers -a"), target->qmp().hmp("info registers -a"));
    expect_ram_right(*target);
    target->qmp().execute("cont");
    await_counting(*target, arrived);
    stop(*target);
    expect_ram_right(*target);
    end(*source);
    end(*target);
}

TEST_P(GuestOnQemu, OtherCpusGoOnAfterWaking)
{
    const auto machine = start("vm", {.suspend_after_pass = 40}, {"-smp", "4"});
    await_suspension(*machine, 40);
    const Counters suspended = counters(*machine);
    const auto since = machine->console().mark();
    wake(*machine);
    await_counting(*machine, suspended);
    expect_progress(*machine, 40, since);
    end(*machine);
}

INSTANTIATE_TEST_SUITE_P(Each, GuestOnQemu,
                         testing::Combine(testing::ValuesIn(qtest::qemus_at_hand()), testing::Values("pc", "q35")),
                         [](const auto& info) {
                             return fmt::format("{}_{}", info.index / 2, std::get<1>(info.param));
                         });

} // namespace
