// SPDX-License-Identifier: GPL-2.0-or-later
//
// Handshakes between two ends by GnuTLS that read the files written for QEMU: which end refuses what, and why.
#include <gtest/gtest.h>

#include "authority.h"
#include "scratch.h"
#include "tls_peer.h"
#include "x509_directory.h"

namespace
{

using tls::Authority;
using tls::Endpoint;
using tls::Identity;
using tls::Window;

class TlsHandshake : public testing::Test
{
  protected:
    /// Two peers with directories of their own, as source and target have.
    void shake(const tls::X509Files& client_files, const tls::X509Files& server_files)
    {
        tls::write_x509(scratch_.path() / "client", client_files);
        tls::write_x509(scratch_.path() / "server", server_files);
        client_.use_x509(scratch_.path() / "client");
        server_.use_x509(scratch_.path() / "server");
        TlsPeer::handshake(client_, server_);
    }
    void shake(const tls::PskKey& client_key, const tls::PskKey& server_key)
    {
        tls::write_psk(scratch_.path(), {server_key});
        client_.use_psk(client_key);
        server_.use_psk(scratch_.path());
        TlsPeer::handshake(client_, server_);
    }
    void expect_success() const
    {
        EXPECT_EQ(client_.code(), 0) << gnutls_strerror(client_.code()) << ", verdict " << client_.verdict();
        EXPECT_EQ(server_.code(), 0) << gnutls_strerror(server_.code()) << ", verdict " << server_.verdict();
    }

    Scratch scratch_;
    TlsPeer client_{Endpoint::client};
    TlsPeer server_{Endpoint::server};
    Authority authority_;
    Identity good_server_ = authority_.server({.hostname = "qemu.org"});
    Identity good_client_ = authority_.client("ACME QEMU Client");
};

TEST_F(TlsHandshake, WithCertificatesOfOneAuthoritySucceeds)
{
    shake({authority_.certificate(), {}, good_client_}, {authority_.certificate(), good_server_});
    expect_success();
}

TEST_F(TlsHandshake, TheClientRefusesAnExpiredServer)
{
    shake({authority_.certificate(), {}, good_client_},
          {authority_.certificate(), authority_.server({.hostname = "qemu.org", .window = Window::expired()})});
    EXPECT_EQ(client_.verdict(), unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED});
    EXPECT_EQ(server_.code(), GNUTLS_E_FATAL_ALERT_RECEIVED) << gnutls_strerror(server_.code());
}

TEST_F(TlsHandshake, TheClientRefusesAnotherHost)
{
    shake({authority_.certificate(), {}, good_client_},
          {authority_.certificate(), authority_.server({.hostname = "qemu.example"})});
    EXPECT_EQ(client_.verdict(), unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_UNEXPECTED_OWNER});
}

TEST_F(TlsHandshake, TheClientRefusesAServerOfAnotherAuthority)
{
    const Authority other;
    shake({other.certificate(), {}, other.client("ACME QEMU Client")}, {authority_.certificate(), good_server_});
    EXPECT_EQ(client_.verdict(), unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND});
}

TEST_F(TlsHandshake, TheServerRefusesAClientThatIsTooEarly)
{
    shake({authority_.certificate(), {}, authority_.client("c", {.window = Window::not_yet_valid()})},
          {authority_.certificate(), good_server_});
    EXPECT_EQ(client_.code(), 0) << "under TLS 1.3 the client is done before the server has seen its certificate";
    EXPECT_EQ(server_.verdict(), unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_NOT_ACTIVATED});
}

TEST_F(TlsHandshake, TheServerRefusesAClientOfAnotherAuthorityOfTheSameName)
{
    shake({authority_.certificate(), {}, Authority().client("ACME QEMU Client")},
          {authority_.certificate(), good_server_});
    EXPECT_EQ(server_.verdict(), unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND});
}

TEST_F(TlsHandshake, TheServerRefusesAClientThatShowsNone)
{
    shake({authority_.certificate()}, {authority_.certificate(), good_server_});
    EXPECT_EQ(server_.code(), GNUTLS_E_CERTIFICATE_REQUIRED) << gnutls_strerror(server_.code());
}

TEST_F(TlsHandshake, WithOneSharedKeySucceeds)
{
    const auto key = tls::make_psk_key();
    shake(key, key);
    expect_success();
    EXPECT_STREQ(gnutls_psk_server_get_username(server_.session()), "qemu");
}

TEST_F(TlsHandshake, WithAnotherKeyOfTheSameUserFails)
{
    shake(tls::make_psk_key(), tls::make_psk_key());
    EXPECT_EQ(server_.code(), GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER) << gnutls_strerror(server_.code());
    EXPECT_NE(client_.code(), 0);
}

TEST_F(TlsHandshake, WithAUserThatTheServerDoesNotKnowFails)
{
    const auto key = tls::make_psk_key();
    shake({"bob", key.key}, key);
    EXPECT_NE(server_.code(), 0);
    EXPECT_NE(client_.code(), 0);
}

} // namespace
