// SPDX-License-Identifier: GPL-2.0-or-later
//
// Authority: a certificate authority of one case, and the certificates it issues, each made with what a case wants
// wrong about it. Everything is fresh: two authorities trust each other's certificates no more than a stranger's, even
// when they bear the same name. Keys are ECDSA on P-256, made in well under a millisecond. A value: nothing is written
// here (x509_directory.h does that), and nothing refers to anything else.
//
// Every function throws qtest::UsageError for a name or an address that no certificate can hold, and
// qtest::EnvironmentError when GnuTLS cannot work (no entropy).
#pragma once

#include <chrono>
#include <string>

namespace tls
{

/// When a certificate is good, by the clock of this machine.
struct Window {
    std::chrono::system_clock::time_point begin;
    std::chrono::system_clock::time_point end;

    static Window valid();         // from yesterday on, for a month
    static Window expired();       // until yesterday
    static Window not_yet_valid(); // from tomorrow on
};

/// What a certificate says it is for (extended key usage): the side of a TLS connection that shows it.
enum class Purpose { server, client };

/// A certificate and its private key, both PEM.
struct Identity {
    std::string certificate;
    std::string key;
    std::string distinguished_name; // "CN=ACME QEMU Client": what QEMU's `authz-simple` compares its identity with
};

class Authority
{
  public:
    struct Options {
        std::string common_name = "migration-test CA";
        Window window = Window::valid();
        /// False: its own certificate says that it may not issue any.
        bool may_issue = true;
    };
    struct Server {
        std::string hostname = {}; // empty: the certificate names no host
        std::string ip = {};       // empty: it names no address; else IPv4 or IPv6 as text
        Window window = Window::valid();
        Purpose purpose = Purpose::server;
        std::string common_name = "migration-test server";
    };
    struct Client {
        Window window = Window::valid();
        Purpose purpose = Purpose::client;
    };

    Authority() : Authority(Options()) {}
    explicit Authority(const Options& options);

    Identity server(const Server& what) const;
    Identity client(const std::string& common_name) const { return client(common_name, Client()); }
    Identity client(const std::string& common_name, const Client& what) const;

    /// What those who are to trust it need: its certificate, PEM.
    const std::string& certificate() const noexcept { return own_.certificate; }

  private:
    Identity own_;
};

} // namespace tls
