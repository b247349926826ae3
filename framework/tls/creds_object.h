// SPDX-License-Identifier: GPL-2.0-or-later
//
// The arguments of `object-add` for QEMU's credentials. What QEMU does with them, by docs/system/tls.rst,
// qapi/crypto.json, qapi/migration.json, crypto/tlssession.c, and as seen on 7.2, 10.0 and 11.1:
//
// - `object-add` reads the files, once. With `sanity-check` it refuses an end's own certificate, or the authority it
//   trusts, that has expired, is not yet active, is for the other purpose, or was not issued by that authority;
//   without, only missing files and a key that is not the certificate's. tests/framework/tls_qemu-test.cc holds its
//   words.
// - In the handshake the source checks the target always. `verify-peer` is for the server: true (the default), it
//   demands a certificate of the client and checks it; false, it takes any client, with a bad certificate or none.
//   "The certificate hasn't got a known issuer" means another authority; "The certificate is not trusted", that the
//   window of the certificate or of its authority has passed or is yet to come, or that the authority is none; "Verify
//   failed: No certificate was found.", that the client showed none, as it does too when it has none of an authority
//   whose NAME the server told it. The purpose is not checked: only an end's own sanity check looks at it.
// - The target's certificate must name the source's parameter `tls-hostname` ("Certificate does not match the hostname
//   qemu.org"); when that is empty, the host of the migration's address. Over a UNIX socket there is none: "No hostname
//   for certificate validation".
// - `tls-authz` on the target names an authz object, which the distinguished name of the client must satisfy: "TLS x509
//   authz check for CN=ACME Hostile Client is denied". Without `verify-peer` it is never asked, and nobody is told.
// - `priority` is read when a connection is made: a wrong one passes `object-add`.
// - TLS 1.3: a client is done before the server has checked its certificate. When the server refuses it, the reason is
//   on the target (stderr), which goes on waiting for a connection; the source fails with whatever its next write met,
//   which differs by run and version. When the source refuses the server, the reason is in the source's `error-desc`,
//   and the target reads an end of file and exits with status 1.
// - Shared keys that differ, or a user the server does not know: the target says "TLS handshake failed: An illegal
//   parameter has been received." and goes on waiting; the source, "TLS handshake failed: The TLS connection was
//   non-properly terminated."
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
