// SPDX-License-Identifier: GPL-2.0-or-later
//
// Failover to either side, between two checkpoints and inside one.
#include "colo.h"
#include "colo_pair.h"

namespace colo
{

namespace
{

using harness::Case;
using harness::Need;

void failover(Case& test, Channels channels, Side survivor, bool inside_checkpoint)
{
    ColoPair vms(test, channels);
    vms.reach_colo();
    vms.expect_checkpoints(3);
    if (inside_checkpoint)
        vms.enter_checkpoint();
    vms.yank(survivor);
    // Inside a checkpoint the command follows at once; else only when the cut alone has been felt by the other side.
    if (!inside_checkpoint)
        vms.expect_loss_noticed(other(survivor));
    vms.lose_heartbeat(survivor);
    vms.expect_takeover(survivor);
}

void register_failover(harness::Registry& registry, Channels channels, Side survivor, bool inside_checkpoint)
{
    const bool multifd = channels == Channels::multifd;
    const std::string side = survivor == Side::primary ? "primary" : "secondary";
    harness::CaseInfo info{
        .path = std::string("/migration/colo/") + (multifd ? "multifd" : "plain") + "/" + side + "_failover" +
                (inside_checkpoint ? "_checkpoint" : ""),
        .summary = "the " + side + " takes over" + (inside_checkpoint ? " inside a checkpoint" : "") +
                   (multifd ? ", RAM over 4 multifd channels" : ""),
        .run = [=](Case& test) { failover(test, channels, survivor, inside_checkpoint); },
        .needs = {Need::capability("return-path"), Need::capability("x-colo"), Need::command("x-colo-lost-heartbeat"),
                  Need::command("query-colo-status"), Need::command("yank")}};
    if (multifd)
        info.needs.push_back(Need::capability("multifd"));
    registry.add(std::move(info));
}

} // namespace

void register_cases(harness::Registry& registry)
{
    for (const Channels channels : {Channels::plain, Channels::multifd})
        for (const Side survivor : {Side::primary, Side::secondary})
            for (const bool inside_checkpoint : {false, true})
                register_failover(registry, channels, survivor, inside_checkpoint);
}

} // namespace colo
