// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keys shared beforehand, in the directory that QEMU's tls-creds-psk reads: one file keys.psk, a line "user:hexkey" for
// each user. The server finds the key by the name the client tells; the client finds its own by the property `username`
// ("qemu" unless set). Both sides name the same user and hold the same key, or the handshake fails.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tls
{

struct PskKey {
    std::string user;
    std::string key; // 32 bytes as 64 hexadecimal digits
};

/// A fresh key. Throws qtest::UsageError for a user that the file cannot name (empty, or with ':', a line break, or '#'
/// in front), qtest::EnvironmentError when GnuTLS has no entropy.
PskKey make_psk_key(const std::string& user = "qemu");

/// Writes keys.psk, mode 0600, into a directory that is made with mode 0700 where missing. Throws
/// qtest::EnvironmentError, in one line, when it cannot be written.
void write_psk(const std::filesystem::path& directory, const std::vector<PskKey>& keys);

} // namespace tls
