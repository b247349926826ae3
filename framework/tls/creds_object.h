// SPDX-License-Identifier: GPL-2.0-or-later
//
// The arguments of `object-add` for QEMU's credentials, and the rules QEMU follows with them (docs/system/tls.rst,
// qapi/crypto.json, qapi/migration.json, migration/tls.c).
#pragma once

#include <filesystem>
#include <string>

#include "json.h"

namespace tls
{

/// The source of a migration is the client, its target the server.
enum class Endpoint { client, server };

struct X509Creds {
    std::string id;
    Endpoint endpoint;
    std::filesystem::path directory; // made by write_x509()
    bool verify_peer = true;
    bool sanity_check = true;
    std::string priority = {}; // GnuTLS's string; empty: QEMU's own
};
qtest::Json x509_object(const X509Creds& creds);

struct PskCreds {
    std::string id;
    Endpoint endpoint;
    std::filesystem::path directory; // made by write_psk()
    std::string user = "qemu";       // of the client; the server takes any in its file
    std::string priority = {};
};
qtest::Json psk_object(const PskCreds& creds);

/// An `authz-simple` that lets in the client of this distinguished name and nobody else: Identity::distinguished_name.
qtest::Json authz_object(const std::string& id, const std::string& distinguished_name);

} // namespace tls
