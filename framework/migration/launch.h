// SPDX-License-Identifier: GPL-2.0-or-later
//
// Launch: with what a VM of a migration is started, besides QEMU's monitor, qtest server and serial line.
#pragma once

#include <string>
#include <vector>

#include "case.h"
#include "guest.h"

namespace migration
{

/// What guest RAM is made of (QEMU's memory backends; docs/system/qemu-manpage: -object).
enum class Memory {
    anonymous,
    memfd,
    shared_memfd,
    /// A file of this VM's own, private.
    file,
    /// One file, mapped shared by source and target both, as capability x-ignore-shared wants it.
    shared_file,
    /// 2 MiB pages; a case that uses it needs hugepages().
    hugepages,
};

struct Launch {
    Memory memory = Memory::anonymous;
    unsigned ram_mib = 64;
    unsigned cpus = 1;
    /// Slots of KVM's dirty ring; 0: it has a bitmap.
    unsigned dirty_ring_size = 0;
    /// What the guest is to do besides its passes.
    guest::Options guest = {};
};

/// The command line of the VM called `name`, without what a target adds. The guest's firmware is written into the
/// case's directory.
std::vector<std::string> arguments_of(const harness::Case& test, const std::string& name, const Launch& launch);

/// That KVM here has a dirty ring of this size.
harness::Need dirty_ring(unsigned size);

/// That the host has free hugepages of 2 MiB for two VMs of this size.
harness::Need hugepages(unsigned ram_mib);

} // namespace migration
