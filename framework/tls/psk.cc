// SPDX-License-Identifier: GPL-2.0-or-later
#include "psk.h"

#include <array>

#include <fmt/format.h>
#include <gnutls/crypto.h>

#include "errors.h"
#include "gnutls_handles.h"
#include "private_file.h"

namespace tls
{

PskKey make_psk_key(const std::string& user)
{
    if (user.empty() || user.front() == '#' || user.find_first_of(":\r\n") != std::string::npos)
        throw qtest::UsageError(fmt::format("\"{}\" cannot be the user of a shared key", user));
    std::array<unsigned char, 32> key{};
    require(gnutls_rnd(GNUTLS_RND_KEY, key.data(), key.size()), "get random bytes");
    return {user, fmt::format("{:02x}", fmt::join(key, ""))};
}

void write_psk(const std::filesystem::path& directory, const std::vector<PskKey>& keys)
{
    std::string content;
    for (const auto& [user, key] : keys)
        content += fmt::format("{}:{}\n", user, key);
    make_private_directory(directory);
    write_private_file(directory / "keys.psk", content);
}

} // namespace tls
