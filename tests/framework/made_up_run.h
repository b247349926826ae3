// SPDX-License-Identifier: GPL-2.0-or-later
//
// Facts and cases for tests that drive reporters: no QEMU is asked.
#pragma once

#include "reporter.h"

namespace made_up
{

inline qtest::Json qemu(const char* binary, const char* version)
{
    return {{"binary", binary},
            {"schema",
             {{"version", qtest::Json::parse(version)},
              {"architecture", "x86_64"},
              {"kvm", false},
              {"schema", qtest::Json::array()},
              {"capabilities", qtest::Json::array()},
              {"machines", qtest::Json::array()}}}};
}

/// "QEMU 10.0.2 → 11.1.3", two cases of which `planned` runs are to finish.
inline harness::RunFacts facts(std::size_t planned)
{
    const qtest::Json setting{
        {"source", qemu("/usr/bin/qemu",
                        R"({"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": "Debian <10> & \"more\""})")},
        {"target", qemu("/new/qemu", R"({"qemu": {"major": 11, "minor": 1, "micro": 3}, "package": ""})")},
        {"accelerator", "tcg"},
        {"machine", "pc"},
        {"no_machine", ""},
        {"debugging", harness::Debugging{}.save()}};
    return {.id = "20260102-030405-6",
            .started = 1767323045,
            .command_line = {"migration-test"},
            .setting = harness::Setting::load(setting),
            .host = harness::describe_host(),
            .selected = {"/migration/colo/plain", "/migration/tcp"},
            .shard = {},
            .repeat = planned == 0 ? 0U : 1U,
            .planned = planned,
            .jobs = 1,
            .stress = 0,
            .seed = 0,
            .deadline_scale = 1,
            .deadline_scale_reason = {}};
}

inline const harness::CaseInfo colo{.path = "/migration/colo/plain", .summary = "COLO", .run = {}};
inline const harness::CaseInfo tcp{.path = "/migration/tcp", .summary = "TCP", .run = {}};

inline harness::Outcome outcome(harness::Result result, std::string reason = {})
{
    return {.result = result, .reason = std::move(reason), .started = 1767323046, .seconds = 1.5};
}
inline harness::Outcome passed() { return outcome(harness::Result::passed); }
inline harness::Outcome failed(std::string reason) { return outcome(harness::Result::failed, std::move(reason)); }
inline harness::Outcome skipped(std::string reason) { return outcome(harness::Result::skipped, std::move(reason)); }
inline harness::Outcome known(harness::Outcome one, std::string trouble)
{
    one.known_trouble = std::move(trouble);
    return one;
}

} // namespace made_up
