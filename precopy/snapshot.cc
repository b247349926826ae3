// SPDX-License-Identifier: GPL-2.0-or-later
//
// A background snapshot: the guest runs on while its RAM, as it was at one moment, is written out.
#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "precopy.h"
#include "procedures.h"
#include "userfaultfd.h"

namespace precopy
{

namespace
{

using migration::Vm;

/// Nothing is written before it is opened: so it is certain that the guest goes on before its RAM is saved.
class Gate
{
  public:
    explicit Gate(Case& test) : path_((test.directory() / "gate").string())
    {
        if (mkfifo(path_.c_str(), 0600) != 0)
            throw qtest::EnvironmentError("cannot make " + path_);
        // Both ways, so that no opening waits for the other end.
        end_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    }
    const std::string& path() const noexcept { return path_; }
    void open() { qtest::write_all(end_.get(), "\n", "the gate"); }

  private:
    std::string path_;
    qtest::UniqueFd end_;
};

void background(Case& test, migration::Memory memory)
{
    const std::string file = test.directory() / "snapshot";
    Gate gate(test);
    MigrationPair pair(test, {.only_source = {.capabilities = {"background-snapshot"}}, .launch = {.memory = memory}});
    Vm& source = pair.source();
    const std::uint32_t begun_in = source.pass();

    test.phase("the snapshot begins");
    auto marks = pair.start({{"uri", fmt::format("exec:read line < '{}'; cat > '{}'", gate.path(), file)}});
    const auto stop = source.wait_event("STOP", {}, marks.source);
    source.wait_event("RESUME", {}, stop.number);
    source.expect_run_state("running");
    const std::uint32_t latest = source.pass();
    test.check(migration::statuses(source, marks.source).back() == "active" &&
                   source.qmp().execute("query-migrate").at("status") == Json("active"),
               "source: the snapshot is not active any more although it could not be written yet");

    test.phase("the snapshot ends");
    gate.open();
    pair.wait_status(source, "completed", marks.source);
    pair.expect_statuses(source, marks.source, {"setup", "active", "completed"});
    source.expect_progress();
    source.expect_run_state("running");
    test.check(source.qmp().events().count("STOP", {}, marks.source) == 1,
               "source: it was stopped more than once for the snapshot");
    source.stop();
    source.check_ram();
    const std::uint32_t source_pass = source.pass();

    test.phase("restore the snapshot");
    marks.target = pair.target().mark();
    pair.listen_with({{"uri", fmt::format("exec:cat '{}'", file)}});
    pair.wait_status(pair.target(), "completed", marks.target);
    Vm& target = pair.target();
    target.expect_run_state("paused");
    target.check_ram();
    const std::uint32_t restored = target.pass();
    test.check(begun_in <= restored && restored <= latest,
               fmt::format("target: expected the guest as of pass {} to {}, between which the snapshot was taken; seen "
                           "pass {}",
                           begun_in, latest, restored));
    const auto before = target.progress();
    target.cont();
    target.expect_progress(before);
    target.stop();
    target.check_ram();
    source.expect_run_state("paused");
    test.check(source.pass() == source_pass, "source: its guest went on although it was stopped");
}

} // namespace

void register_snapshot(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, migration::Memory memory) {
        registry.add({.path = std::string("/migration/background-snapshot/") + path,
                      .summary = summary,
                      .run = [memory](Case& test) { background(test, memory); },
                      .needs = {Need::capability("background-snapshot"), migration::write_protection()},
                      .tag = Tag::full});
    };
    add("plain", "the guest runs on while its RAM is saved, as it was at one moment", migration::Memory::anonymous);
    add("memfd", "the same of RAM that is a shared memfd", migration::Memory::shared_memfd);
}

} // namespace precopy
