// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cases that misbehave without any QEMU: they crash, hang, leak, print and fill. What the runner must make of each is
// written down in verdicts.tsv, and other-tools holds it to that.
#pragma once

#include "registry.h"

void add_misbehaviour(harness::Registry& registry);
