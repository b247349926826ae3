// SPDX-License-Identifier: GPL-2.0-or-later
//
// The suite: every family's cases in one program.
#include "analyze_main.h"
#include "colo.h"
#include "main.h"
#include "precopy.h"

namespace
{
constexpr char known_trouble[] = {
#include "known_trouble.inc"
};
} // namespace

int main(int argc, char** argv)
{
    harness::Registry registry;
    colo::register_cases(registry);
    precopy::register_cases(registry);
    return harness::main(
        argc, argv, registry, {known_trouble, sizeof known_trouble},
        {{"analyze", "FILE [--json]", "show what a saved migration stream holds", stream::analyze_main}});
}
