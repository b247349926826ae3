// SPDX-License-Identifier: GPL-2.0-or-later
//
// The reader against a QEMU: what it reads of RAM and registers is what QEMU itself says of them.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "analyze_main.h"
#include "guest.h"
#include "machine.h"
#include "qemu_binary.h"
#include "schema.h"
#include "tree.h"

namespace
{

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using qtest::Deadline;
using qtest::Json;

class StreamOfQemu : public testing::TestWithParam<std::string>
{
  protected:
    StreamOfQemu()
    {
        std::string path = fs::temp_directory_path() / "stream-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
        const auto rom = guest::x86_image();
        std::ofstream(directory_ / "rom", std::ios::binary)
            .write(reinterpret_cast<const char*>(rom.data()), static_cast<std::streamsize>(rom.size()));
    }
    ~StreamOfQemu() override { fs::remove_all(directory_); }

    std::string content(const char* name) const
    {
        std::ifstream file(directory_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    qtest::Loop loop_;
    fs::path directory_;
};

TEST_P(StreamOfQemu, HasTheRamAndTheRegistersOfTheStoppedGuest)
{
    constexpr std::uint64_t ram_size = 32 << 20, low_end = 0xa0000, high_start = 0x100000;
    qtest::Machine vm(loop_, {"vm",
                              GetParam(),
                              {"-machine", "pc", "-accel", "tcg", "-m", "32M", "-bios", directory_ / "rom",
                               "-nodefaults", "-device", "qemu-xhci", "-device", "usb-kbd"},
                              directory_});
    vm.await_ready(Deadline::in(20s));
    vm.console().wait("B", 0, Deadline::in(20s));
    vm.qmp().execute("stop");
    vm.qmp().execute("migrate-set-capabilities",
                     {{"capabilities", Json::array({Json{{"capability", "events"}, {"state", true}}})}});
    const std::string file = directory_ / "stream";
    const auto since = vm.qmp().mark();
    vm.qmp().execute("migrate", {{"uri", "exec:cat > '" + file + "'"}});
    vm.qmp().wait_event("MIGRATION", {{"status", "completed"}}, since, Deadline::in(20s));
    vm.qmp().execute("pmemsave", {{"val", 0}, {"size", ram_size}, {"filename", (directory_ / "ram").string()}});
    const guest::Position position = guest::parse_position(vm.qmp().hmp("info registers"));
    vm.quit();
    vm.wait_exit(Deadline::in(20s));

    const stream::Analysis analysis = stream::analyze(fs::path(file));
    EXPECT_TRUE(analysis.configuration.machine.starts_with("pc-")) << analysis.configuration.machine;
    std::string ram(ram_size, '?');
    analysis.read_ram(analysis.block("pc.ram"), 0, {reinterpret_cast<std::uint8_t*>(ram.data()), ram.size()});
    const std::string expected = content("ram");
    // Between the two are video memory and ROMs.
    EXPECT_TRUE(ram.substr(0, low_end) == expected.substr(0, low_end));
    EXPECT_TRUE(ram.substr(high_start) == expected.substr(high_start));
    const Json cpu = analysis.device("cpu").state;
    EXPECT_EQ(cpu.at("env.regs[6]").as_uint(), position.page); // ESI
    EXPECT_EQ(Json::parse(stream::to_json(analysis).pretty()), stream::to_json(analysis));
    EXPECT_NE(stream::to_text(analysis).find("/xhci (instance 0"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, StreamOfQemu, testing::ValuesIn(qtest::qemus_at_hand()),
                         [](const auto& one) { return "Qemu" + std::to_string(one.index); });

} // namespace
