// SPDX-License-Identifier: GPL-2.0-or-later
//
// What differs between two QEMUs: the machine type they share, what only one of them has, what is known of one of them.
#include <gtest/gtest.h>

#include "errors.h"
#include "known_trouble.h"
#include "machine_type.h"
#include "registry.h"

namespace
{

using harness::common_machine;
using harness::KnownTrouble;
using harness::Need;
using harness::Setting;
using qtest::Json;
using qtest::Schema;

/// "pc" is an alias of the first machine type.
Schema schema(int major, int minor, const std::vector<std::string>& machines,
              const std::vector<std::string>& capabilities = {})
{
    Json types = Json::array();
    for (const std::string& name : machines)
        types.append(name == machines.front() ? Json{{"name", name}, {"alias", "pc"}} : Json{{"name", name}});
    Json known = Json::array();
    for (const std::string& name : capabilities)
        known.append(Json{{"capability", name}});
    return Schema::load({{"version", {{"qemu", {{"major", major}, {"minor", minor}, {"micro", 0}}}}},
                         {"machines", types},
                         {"capabilities", known}});
}

const Schema old = schema(7, 2, {"pc-i440fx-7.2", "pc-i440fx-6.0", "isapc"}, {"multifd"});
const Schema recent = schema(10, 0, {"pc-i440fx-10.0", "pc-i440fx-9.2", "pc-i440fx-7.2"}, {"multifd", "mapped-ram"});
const Schema latest = schema(11, 1, {"pc-i440fx-11.1", "pc-i440fx-10.0", "pc-i440fx-9.2"}, {"mapped-ram"});

TEST(CommonMachine, IsTheNewestThatBothKnow)
{
    EXPECT_EQ(common_machine("pc", old, recent).type, "pc-i440fx-7.2");
    EXPECT_EQ(common_machine("pc", recent, old).type, "pc-i440fx-7.2");
    EXPECT_EQ(common_machine("pc", recent, latest).type, "pc-i440fx-10.0");
    EXPECT_EQ(common_machine("pc", latest, latest).type, "pc-i440fx-11.1");
    // Neither's own newest.
    const Schema other = schema(10, 1, {"pc-i440fx-10.1", "pc-i440fx-9.2", "pc-i440fx-6.0"});
    EXPECT_EQ(common_machine("pc", recent, other).type, "pc-i440fx-9.2");
}

TEST(CommonMachine, OfATypesOwnNameIsThatTypeAlone)
{
    EXPECT_EQ(common_machine("pc-i440fx-9.2", recent, latest).type, "pc-i440fx-9.2");
    EXPECT_EQ(common_machine("isapc", old, old).type, "isapc");
    EXPECT_EQ(common_machine("pc-i440fx-11.1", recent, latest).type, "");
    EXPECT_EQ(common_machine("pc-i440fx-11.1", recent, latest).missing,
              "no machine type 'pc-i440fx-11.1' that both have: QEMU 10.0.0 (source) has pc-i440fx-10.0 at newest, "
              "QEMU 11.1.0 (target) has pc-i440fx-11.1 at newest");
    EXPECT_THROW(common_machine("zx81", recent, latest), qtest::EnvironmentError);
}

TEST(CommonMachine, ThatIsNotThereIsToldWithWhatEachHas)
{
    EXPECT_EQ(common_machine("pc", old, latest).type, "");
    EXPECT_EQ(common_machine("pc", old, latest).missing,
              "no machine type 'pc' that both have: QEMU 7.2.0 (source) has pc-i440fx-7.2 at newest, QEMU 11.1.0 "
              "(target) has pc-i440fx-11.1 at newest");
    EXPECT_NE(common_machine("isapc", old, latest).missing.find("QEMU 11.1.0 (target) has none"), std::string::npos);
}

Setting pair_of(const Schema& source, const Schema& target)
{
    return {{"/source", source}, {"/target", target}, "tcg", "pc-i440fx-7.2"};
}

TEST(PairsNeed, IsAskedOfTheSideThatUsesIt)
{
    const Need mapped = Need::capability("mapped-ram");
    EXPECT_EQ(mapped.missing(pair_of(old, recent)), "QEMU 7.2.0 (source) has no capability mapped-ram");
    EXPECT_EQ(mapped.missing(pair_of(recent, old)), "QEMU 7.2.0 (target) has no capability mapped-ram");
    EXPECT_EQ(mapped.on_source().missing(pair_of(recent, old)), std::nullopt);
    EXPECT_EQ(mapped.on_target().missing(pair_of(old, recent)), std::nullopt);
    EXPECT_EQ(mapped.on_target().missing(pair_of(recent, old)), "QEMU 7.2.0 (target) has no capability mapped-ram");
    EXPECT_EQ(mapped.missing(pair_of(recent, latest)), std::nullopt);
    EXPECT_EQ(Need::capability("x-warp").missing(pair_of(old, latest)),
              "QEMU 7.2.0 (source) and QEMU 11.1.0 (target) have no capability x-warp");
    EXPECT_EQ(mapped.on_source().text(), "capability mapped-ram (source)");
}

TEST(PairsNeed, OfOneQemuNamesNoSide)
{
    Setting setting = pair_of(old, old);
    setting.target.binary = setting.source.binary;
    EXPECT_EQ(Need::capability("mapped-ram").missing(setting), "QEMU 7.2.0 has no capability mapped-ram");
    EXPECT_EQ(Need::capability("mapped-ram").on_target().missing(setting), "QEMU 7.2.0 has no capability mapped-ram");
}

TEST(PairsNeed, OfEveryCaseIsAMachineType)
{
    Setting setting = pair_of(old, latest);
    const harness::CaseInfo info{.path = "/m/a", .summary = "", .run = {}};
    EXPECT_EQ(info.missing_need(setting), std::nullopt);
    setting.no_machine = "none in common";
    EXPECT_EQ(info.missing_need(setting), "none in common");
    EXPECT_EQ(Setting::load(setting.save()).no_machine, "none in common");
}

TEST(PairsTrouble, IsKnownOfEitherSideOrOfOne)
{
    const auto trouble = KnownTrouble::parse(
        R"({"entries": [
            {"cases": "/m/either", "qemu": {"before": "8.0"}, "what": "w", "reference": "r"},
            {"cases": "/m/source", "source": {"before": "8.0"}, "what": "w", "reference": "r"},
            {"cases": ["/m/target", "/m/*+b"], "target": {"from": "7.2", "before": "8.0"}, "what": "w", "reference": "r"},
            {"cases": "/m/two", "source": {"from": "10.0"}, "target": {"before": "8.0"}, "what": "w", "reference": "r"}
        ]})",
        "made up");
    const auto known = [&](const char* path, const Schema& source, const Schema& target) {
        return trouble.find(path, pair_of(source, target)) != nullptr;
    };
    for (const bool up : {false, true}) {
        const Schema& source = up ? old : recent;
        const Schema& target = up ? recent : old;
        EXPECT_TRUE(known("/m/either", source, target));
        EXPECT_EQ(known("/m/source", source, target), up);
        EXPECT_EQ(known("/m/target", source, target), !up);
        EXPECT_EQ(known("/m/a+b", source, target), !up);
        EXPECT_FALSE(known("/m/a+c", source, target));
        EXPECT_EQ(known("/m/two", source, target), !up);
    }
    EXPECT_FALSE(known("/m/either", recent, latest));
    EXPECT_THROW(KnownTrouble::parse(
                     R"({"entries": [{"cases": "/m", "source": {"from": "x"}, "what": "w", "reference": "r"}]})", "it"),
                 qtest::EnvironmentError);
}

} // namespace
