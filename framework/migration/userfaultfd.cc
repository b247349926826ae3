// SPDX-License-Identifier: GPL-2.0-or-later
#include "userfaultfd.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "unique_fd.h"

namespace migration
{

namespace
{

/// By the device or else by the system call, as QEMU does.
qtest::UniqueFd open_userfaultfd()
{
    const qtest::UniqueFd device(::open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
    if (device) {
        qtest::UniqueFd fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC));
        if (fd)
            return fd;
    }
    return qtest::UniqueFd(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC)));
}

} // namespace

harness::Need write_protection()
{
    return harness::Need::host("userfaultfd with write protection", []() -> std::optional<std::string> {
        const qtest::UniqueFd fd = open_userfaultfd();
        if (!fd)
            return fmt::format("needs userfaultfd, which this user may not use: {}", std::strerror(errno));
        uffdio_api api{};
        api.api = UFFD_API;
        if (::ioctl(fd.get(), UFFDIO_API, &api) == 0 && (api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
            return std::nullopt;
        return "needs userfaultfd with write protection, this kernel has it without";
    });
}

} // namespace migration
