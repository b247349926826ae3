// SPDX-License-Identifier: GPL-2.0-or-later
#include "input.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

#include "malformed.h"

namespace stream
{

Input Input::open(const std::filesystem::path& path)
{
    // Not to wait for a pipe's other end.
    qtest::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status;
    if (!file || fstat(file.get(), &status) != 0)
        throw qtest::EnvironmentError(fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)));
    if (!S_ISREG(status.st_mode))
        throw qtest::EnvironmentError(fmt::format("{} is not a regular file", path.string()));
    return {std::move(file), static_cast<std::uint64_t>(status.st_size)};
}

void Input::read(std::uint64_t offset, std::span<std::uint8_t> to) const
{
    if (offset > size_ || size_ - offset < to.size())
        throw Malformed(size_, fmt::format("the file ends here; {} bytes from {:#x} on are needed", to.size(), offset));
    if (!file_) {
        std::memcpy(to.data(), bytes_.data() + offset, to.size());
        return;
    }
    while (!to.empty()) {
        const ssize_t size = pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            throw qtest::EnvironmentError(fmt::format("reading at {:#x}: {}", offset, std::strerror(errno)));
        if (size == 0)
            throw Malformed(offset, "the file has become shorter while it was read");
        to = to.subspan(static_cast<std::size_t>(size));
        offset += static_cast<std::uint64_t>(size);
    }
}

} // namespace stream
