// SPDX-License-Identifier: GPL-2.0-or-later
//
// Certificates, and the files they and shared keys are written to: each kind is accepted or refused by GnuTLS's own
// verification for its own reason and no other.
#include <fstream>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "authority.h"
#include "errors.h"
#include "gnutls_handles.h"
#include "libqtest/failure_of.h"
#include "psk.h"
#include "scratch.h"
#include "x509_directory.h"

namespace
{

namespace fs = std::filesystem;
using tls::Authority;
using tls::Identity;
using tls::Purpose;
using tls::Window;

/// What one who trusts the authority has against a certificate: GNUTLS_CERT_… .
unsigned objections(const std::string& trusted, const Identity& identity, std::vector<gnutls_typed_vdata_st> expected)
{
    gnutls_x509_trust_list_t list = nullptr;
    gnutls_x509_trust_list_init(&list, 0);
    auto* authority = tls::certificate_from_pem(trusted).release();
    gnutls_x509_trust_list_add_cas(list, &authority, 1, 0);
    auto certificate = tls::certificate_from_pem(identity.certificate);
    auto* chain = certificate.get();
    unsigned status = ~0U;
    EXPECT_EQ(gnutls_x509_trust_list_verify_crt2(list, &chain, 1, expected.data(),
                                                 static_cast<unsigned>(expected.size()), 0, &status, nullptr),
              0);
    gnutls_x509_trust_list_deinit(list, 1);
    return status;
}

gnutls_typed_vdata_st expect(gnutls_vdata_types_t type, std::string& value, std::size_t size = 0)
{
    return {type, reinterpret_cast<unsigned char*>(value.data()), static_cast<unsigned>(size)};
}

unsigned objections_to_server(const std::string& trusted, const Identity& identity, std::string host = "qemu.org")
{
    std::string purpose = GNUTLS_KP_TLS_WWW_SERVER;
    return objections(trusted, identity,
                      {expect(GNUTLS_DT_KEY_PURPOSE_OID, purpose), expect(GNUTLS_DT_DNS_HOSTNAME, host)});
}

unsigned objections_to_client(const std::string& trusted, const Identity& identity)
{
    std::string purpose = GNUTLS_KP_TLS_WWW_CLIENT;
    return objections(trusted, identity, {expect(GNUTLS_DT_KEY_PURPOSE_OID, purpose)});
}

/// Whether the address is named as one, which is more than its text.
unsigned objections_to_address(const std::string& trusted, const Identity& identity, const char* text)
{
    std::string address(sizeof(in6_addr), '\0');
    const bool v4 = inet_pton(AF_INET, text, address.data()) == 1;
    if (!v4)
        inet_pton(AF_INET6, text, address.data());
    return objections(trusted, identity,
                      {expect(GNUTLS_DT_IP_ADDRESS, address, v4 ? sizeof(in_addr) : sizeof(in6_addr))});
}

TEST(TlsCertificates, GoodOnesAreAccepted)
{
    const Authority authority;
    const auto server = authority.server({.hostname = "qemu.org", .ip = "127.0.0.1"});
    EXPECT_EQ(objections_to_server(authority.certificate(), server), 0U);
    EXPECT_EQ(objections_to_server(authority.certificate(), server, "127.0.0.1"), 0U);
    EXPECT_EQ(objections_to_address(authority.certificate(), server, "127.0.0.1"), 0U);
    EXPECT_EQ(objections_to_address(authority.certificate(), authority.server({.ip = "::1"}), "::1"), 0U);
    const auto client = authority.client("ACME QEMU Client");
    EXPECT_EQ(objections_to_client(authority.certificate(), client), 0U);
    EXPECT_EQ(client.distinguished_name, "CN=ACME QEMU Client");
}

TEST(TlsCertificates, AnotherHostOrNoneIsNotTheExpectedOne)
{
    const Authority authority;
    constexpr unsigned wrong = GNUTLS_CERT_INVALID | GNUTLS_CERT_UNEXPECTED_OWNER;
    const auto elsewhere = authority.server({.hostname = "qemu.example", .ip = "127.0.0.2"});
    EXPECT_EQ(objections_to_server(authority.certificate(), elsewhere), wrong);
    EXPECT_EQ(objections_to_address(authority.certificate(), elsewhere, "127.0.0.1"), wrong);
    const auto nowhere = authority.server({});
    EXPECT_EQ(objections_to_server(authority.certificate(), nowhere), wrong);
    EXPECT_EQ(objections_to_server(authority.certificate(), nowhere, "127.0.0.1"), wrong);
}

TEST(TlsCertificates, TheWindowIsLookedAt)
{
    const Authority authority;
    const auto& trusted = authority.certificate();
    constexpr unsigned expired = GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED;
    constexpr unsigned early = GNUTLS_CERT_INVALID | GNUTLS_CERT_NOT_ACTIVATED;
    EXPECT_EQ(objections_to_server(trusted, authority.server({.hostname = "qemu.org", .window = Window::expired()})),
              expired);
    EXPECT_EQ(
        objections_to_server(trusted, authority.server({.hostname = "qemu.org", .window = Window::not_yet_valid()})),
        early);
    EXPECT_EQ(objections_to_client(trusted, authority.client("c", {.window = Window::expired()})), expired);
    EXPECT_EQ(objections_to_client(trusted, authority.client("c", {.window = Window::not_yet_valid()})), early);
}

TEST(TlsCertificates, OneForTheOtherPurposeIsRefused)
{
    const Authority authority;
    constexpr unsigned wrong = GNUTLS_CERT_INVALID | GNUTLS_CERT_PURPOSE_MISMATCH;
    EXPECT_EQ(objections_to_server(authority.certificate(),
                                   authority.server({.hostname = "qemu.org", .purpose = Purpose::client})),
              wrong);
    EXPECT_EQ(objections_to_client(authority.certificate(), authority.client("c", {.purpose = Purpose::server})),
              wrong);
}

TEST(TlsCertificates, AnotherAuthorityIsNotBelievedEvenOfTheSameName)
{
    const Authority authority;
    constexpr unsigned unknown = GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND;
    EXPECT_EQ(objections_to_client(Authority().certificate(), authority.client("c")), unknown);
    EXPECT_EQ(objections_to_client(Authority({.common_name = "another"}).certificate(), authority.client("c")),
              unknown);
}

TEST(TlsCertificates, AnAuthorityMayItselfBeUnfit)
{
    const Authority no_issuer({.may_issue = false});
    EXPECT_EQ(objections_to_client(no_issuer.certificate(), no_issuer.client("c")),
              unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE});
    const Authority expired({.window = Window::expired()});
    EXPECT_EQ(objections_to_client(expired.certificate(), expired.client("c")),
              unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED});
    const Authority early({.window = Window::not_yet_valid()});
    EXPECT_EQ(objections_to_client(early.certificate(), early.client("c")),
              unsigned{GNUTLS_CERT_INVALID | GNUTLS_CERT_NOT_ACTIVATED});
}

TEST(TlsCertificates, NamesThatNoneCanBearAreUsageErrors)
{
    const Authority authority;
    EXPECT_THROW(authority.server({.ip = "localhost"}), qtest::UsageError);
    EXPECT_THROW(authority.client(""), qtest::UsageError);
    EXPECT_EQ(failure_of([&] { authority.server({.ip = "127.1"}); }),
              "\"127.1\" is no IP address that a certificate could name");
}

TEST(TlsFiles, AreTheirOwnersAloneWhateverWasThereBefore)
{
    const Scratch scratch;
    const auto directory = scratch.path() / "made" / "here";
    const Authority authority;
    const mode_t mask = umask(0);
    tls::write_x509(directory, {authority.certificate(), authority.server({})});
    tls::write_psk(directory, {tls::make_psk_key()});
    fs::create_symlink("/nowhere/else", directory / "client-key.pem");
    std::ofstream(directory / "client-cert.pem") << "an older one, which is longer than nothing";
    tls::write_x509(directory, {authority.certificate(), {}, authority.client("c")});
    umask(mask);

    EXPECT_EQ(fs::status(directory).permissions(), fs::perms::owner_all);
    std::size_t files = 0;
    for (const auto& file : fs::directory_iterator(directory)) {
        EXPECT_EQ(file.symlink_status().type(), fs::file_type::regular) << file.path();
        EXPECT_EQ(file.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << file.path();
        files++;
    }
    EXPECT_EQ(files, 6U);
}

TEST(TlsFiles, ADirectoryThatCannotBeWrittenIsToldInOneLine)
{
    const Scratch scratch;
    std::ofstream(scratch.path() / "file") << "no directory";
    EXPECT_THROW(tls::write_psk("/proc/self", {}), qtest::EnvironmentError);
    EXPECT_EQ(failure_of([] { tls::write_psk("/proc/self", {}); }),
              "cannot write /proc/self/keys.psk: No such file or directory");
    EXPECT_EQ(failure_of([] { tls::write_x509("/proc/self", {Authority().certificate()}); }),
              "cannot write /proc/self/ca-cert.pem: No such file or directory");
    EXPECT_EQ(failure_of([&] { tls::write_psk(scratch.path() / "file", {}); }),
              "cannot make " + (scratch.path() / "file").string() + ": File exists");
    EXPECT_EQ(failure_of([&] { tls::write_psk(scratch.path() / "file" / "below", {}); }),
              "cannot make " + (scratch.path() / "file" / "below").string() + ": Not a directory");
}

TEST(TlsFiles, ASharedKeyIsFreshAndItsUserCanBeNamed)
{
    const Scratch scratch;
    const auto key = tls::make_psk_key();
    EXPECT_NE(key.key, tls::make_psk_key().key);
    EXPECT_EQ(key.key.size(), 64U);
    tls::write_psk(scratch.path(), {key, {"bob", "00ff"}});
    std::ifstream stream(scratch.path() / "keys.psk");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), "qemu:" + key.key + "\nbob:00ff\n");
    for (const char* user : {"", "a:b", "a\nb", "#a"})
        EXPECT_THROW(tls::make_psk_key(user), qtest::UsageError) << user;
}

} // namespace
