// SPDX-License-Identifier: GPL-2.0-or-later
#include "private_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "errors.h"
#include "unique_fd.h"

namespace tls
{

namespace fs = std::filesystem;

void make_private_directory(const fs::path& directory)
{
    std::error_code error;
    if (directory.has_parent_path())
        fs::create_directories(directory.parent_path(), error);
    if (!error && mkdir(directory.c_str(), S_IRWXU) != 0 && !fs::is_directory(directory))
        error = std::error_code(errno, std::generic_category());
    if (error)
        throw qtest::EnvironmentError(fmt::format("cannot make {}: {}", directory.string(), error.message()));
}

void write_private_file(const fs::path& file, std::string_view content)
{
    const auto refuse = [&](int error) {
        throw qtest::EnvironmentError(fmt::format("cannot write {}: {}", file.string(), std::strerror(error)));
    };
    // A new file rather than a change to one that others may have open, or that is a link to elsewhere.
    if (unlink(file.c_str()) != 0 && errno != ENOENT)
        refuse(errno);
    const qtest::UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!fd)
        refuse(errno);
    while (!content.empty()) {
        const ssize_t written = write(fd.get(), content.data(), content.size());
        if (written < 0 && errno != EINTR)
            refuse(errno);
        content.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
    }
}

} // namespace tls
