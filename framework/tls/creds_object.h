// SPDX-License-Identifier: GPL-2.0-or-later
//
// The arguments of `object-add` for QEMU's credentials. What QEMU does with them, by docs/system/tls.rst,
// qapi/crypto.json, qapi/migration.json, crypto/tlssession.c, and as seen on 7.2, 10.0 and 11.1:
//
// - `object-add` reads the files, once. With `sanity-check` it refuses an end's own certificate, or the authority it
//   trusts, that has expired, is not yet active, is for the other purpose, or was not issued by that authority.
//   Without, it refuses only missing files and a key that is not the certificate's.
// - In the handshake the source checks the target always. `verify-peer` is for the server: true (the default), it
//   demands a certificate of the client and checks it; false, it takes any client, even one whose certificate is bad.
//   Checked are the issuer and the window, which alike read "The certificate is not trusted" when they have passed. The
//   PURPOSE IS NOT: only the sanity check of an end's own certificate looks at it.
// - The target's certificate must name the source's parameter `tls-hostname`; when that is empty, the host of the
//   migration's address; over a UNIX socket there is then none to check, and QEMU refuses.
// - `tls-authz` on the target names an authz object, which the distinguished name of the client must satisfy; it is
//   asked only with `verify-peer`.
// - `priority` is read when a connection is made: a wrong one passes `object-add`.
// - TLS 1.3: a client is done before the server has checked its certificate. When the server refuses it, the reason is
//   on the target (stderr), which goes on waiting for a connection; the source fails with whatever its next write met,
//   and not always the same. When the source refuses the server, the target reads an end of file and exits with
//   status 1.
// - A PSK that does not match: the target says "An illegal parameter has been received" and goes on waiting; the source
//   sees the connection end.
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
