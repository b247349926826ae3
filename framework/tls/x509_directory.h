// SPDX-License-Identifier: GPL-2.0-or-later
//
// The directory that QEMU's tls-creds-x509 reads, one for each side of a connection; what it wants there is said in
// QEMU's docs/system/tls.rst and enforced in its crypto/tlscredsx509.c:
//
// - ca-cert.pem: whom this side trusts. Both sides need it, the server even when it verifies nobody.
// - server-cert.pem and server-key.pem: needed where `endpoint` is server.
// - client-cert.pem and client-key.pem: may be missing where it is client, which then shows no certificate.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "authority.h"

namespace tls
{

struct X509Files {
    std::string trusted; // Authority::certificate() of whom this side trusts; empty: no ca-cert.pem
    std::optional<Identity> server = {};
    std::optional<Identity> client = {};
};

/// Writes them, every file with mode 0600, into a directory that is made with mode 0700 where missing; files of another
/// name stay. Throws qtest::EnvironmentError, in one line, when the directory cannot be written.
void write_x509(const std::filesystem::path& directory, const X509Files& files);

} // namespace tls
