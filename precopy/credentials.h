// SPDX-License-Identifier: GPL-2.0-or-later
//
// What both sides of a pair are given for TLS, as data: a fresh key, or fresh certificates with what a case wants wrong
// about them. The source is the client.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "authority.h"
#include "procedures.h"

namespace precopy
{

/// A key shared beforehand.
struct Psk {
    bool same_key = true;
};

struct X509 {
    /// What can be wrong about a certificate. A side takes an unsound one as its own only without its sanity check.
    struct Issue {
        tls::Window (*window)() = tls::Window::valid;
        bool by_stranger = false; // the other side does not trust who issued it
        bool sound() const { return window == tls::Window::valid && !by_stranger; }
    };
    std::string hostname = {}; // the target's certificate names it, and the source asks for it (tls-hostname)
    std::string ip = {};       // the target's certificate names it
    Issue servers = {};
    std::optional<std::string> client = "ACME QEMU Client"; // nothing: the source has no certificate
    Issue clients = {};
    bool verify_peer = true;  // whether the target looks at the source's certificate
    std::string lets_in = {}; // the only client that the target authorizes (tls-authz); empty: any
};

using Credentials = std::variant<Psk, X509>;

/// Makes both sides use them: for MigrationPair::Options::before.
Hook give(Case& test, const Credentials& credentials);
/// What both QEMUs must know for that.
std::vector<Need> needs_of(const Credentials& credentials);

} // namespace precopy
