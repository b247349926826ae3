// SPDX-License-Identifier: GPL-2.0-or-later
#include "procedures.h"

namespace precopy
{

Json tcp(Case&, MigrationPair& pair) { return pair.listen_with({{"uri", "tcp:127.0.0.1:0"}}); }

Json unix_socket(Case& test, MigrationPair& pair)
{
    return pair.listen_with({{"uri", "unix:" + (test.directory() / "migration.sock").string()}});
}

Json tcp_channels(Case&, MigrationPair& pair)
{
    const Json address{{"transport", "socket"}, {"type", "inet"}, {"host", "127.0.0.1"}, {"port", "0"}};
    return pair.listen_with({{"channels", Json::array({Json{{"channel-type", "main"}, {"addr", address}}})}});
}

void hand_over(Case& test, migration::Vm& vm, qtest::UniqueFd fd)
{
    qtest::Sending how;
    how.fds.push_back(std::move(fd));
    vm.qmp().execute_async("getfd", {{"fdname", "migration"}}, std::move(how)).get(test.deadline());
}

MigrationPair::Marks migrate_held_back(Case& test, MigrationPair& pair, const Transport& transport, const char* phase)
{
    pair.hold_back();
    test.phase(phase);
    const auto marks = pair.migrate_with(transport(test, pair));
    pair.await_resend(marks);
    return marks;
}

void live(Case& test, const Transport& transport, MigrationPair::Options options, const Hook& held_back)
{
    MigrationPair pair(test, std::move(options));
    const auto marks = migrate_held_back(test, pair, transport);
    if (held_back)
        held_back(pair);
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

void non_live(Case& test, const Transport& transport, MigrationPair::Options options)
{
    MigrationPair pair(test, std::move(options));
    pair.source().stop();
    pair.converge();
    test.phase("migrate, stopped");
    const auto marks = pair.migrate_with(transport(test, pair));
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

void expect_good_migration(Case& test, MigrationPair& pair)
{
    test.phase("a good migration");
    pair.converge();
    const auto marks = pair.migrate_with(tcp(test, pair));
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

} // namespace precopy
