// SPDX-License-Identifier: GPL-2.0-or-later
#include "launch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <fmt/format.h>

#include "log_file.h"

namespace migration
{

namespace
{

/// The same file for every VM of the case.
std::string write_rom(const harness::Case& test, const guest::Options& options)
{
    const auto image = guest::x86_image(options);
    const std::string path = test.directory() / "guest.rom";
    qtest::write_file(path, {reinterpret_cast<const char*>(image.data()), image.size()});
    return path;
}

/// The memory backend, as -object takes it; empty: the machine's own.
std::string backend(const harness::Case& test, const std::string& name, const Launch& launch)
{
    const auto object = [&](const std::string& type_and_options) {
        return fmt::format("memory-backend-{},id=ram,size={}M", type_and_options, launch.ram_mib);
    };
    switch (launch.memory) {
    case Memory::anonymous:
        break;
    case Memory::memfd:
        return object("memfd,share=off");
    case Memory::shared_memfd:
        return object("memfd,share=on");
    case Memory::file:
        return object("file,share=off,mem-path=" + (test.directory() / (name + ".ram")).string());
    case Memory::shared_file:
        return object("file,share=on,mem-path=" + (test.directory() / "shared.ram").string());
    case Memory::hugepages:
        return object("memfd,share=off,hugetlb=on,hugetlbsize=2M");
    }
    return {};
}

} // namespace

std::vector<std::string> arguments_of(const harness::Case& test, const std::string& name, const Launch& launch)
{
    const harness::Setting& setting = test.setting();
    const std::string ram = backend(test, name, launch);
    const std::string ring = launch.dirty_ring_size ? fmt::format(",dirty-ring-size={}", launch.dirty_ring_size) : "";
    std::vector<std::string> all{"-name",    name + ",debug-threads=on",
                                 "-machine", setting.machine + (ram.empty() ? "" : ",memory-backend=ram"),
                                 "-accel",   setting.accelerator + ring,
                                 "-m",       fmt::format("{}M", launch.ram_mib),
                                 "-bios",    write_rom(test, launch.guest)};
    if (!ram.empty())
        all.insert(all.end(), {"-object", ram});
    if (launch.cpus > 1)
        all.insert(all.end(), {"-smp", std::to_string(launch.cpus)});
    return all;
}

harness::Need dirty_ring(unsigned size)
{
    return harness::Need::host("KVM's dirty ring", [size]() -> std::optional<std::string> {
        const qtest::UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
        if (!kvm)
            return fmt::format("/dev/kvm: {}", std::strerror(errno));
        // In bytes, of entries that have 16 (Linux's Documentation/virt/kvm/api.rst).
        const int most = ioctl(kvm.get(), KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
        if (most >= static_cast<int>(size * sizeof(kvm_dirty_gfn)))
            return std::nullopt;
        return fmt::format("needs a dirty ring of {} entries, KVM here has {} bytes for one", size, std::max(most, 0));
    });
}

harness::Need hugepages(unsigned ram_mib)
{
    return harness::Need::host("hugepages", [ram_mib]() -> std::optional<std::string> {
        constexpr unsigned page_mib = 2;
        std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
        unsigned free = 0;
        file >> free;
        const unsigned wanted = 2 * ram_mib / page_mib;
        if (free >= wanted)
            return std::nullopt;
        return fmt::format("needs {} free hugepages of 2 MiB, this machine has {}", wanted, free);
    });
}

} // namespace migration
