// SPDX-License-Identifier: GPL-2.0-or-later
//
// The credentials objects of every QEMU at hand, made of each kind of certificate and key: which it takes, which it
// refuses at once, and in which words.
#include <gtest/gtest.h>

#include "authority.h"
#include "creds_object.h"
#include "machine.h"
#include "psk.h"
#include "qemu_binary.h"
#include "scratch.h"
#include "x509_directory.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using tls::Authority;
using tls::Endpoint;
using tls::Purpose;
using tls::Window;

const std::string accepted = "accepted";

class TlsQemu : public testing::TestWithParam<std::string>
{
  protected:
    TlsQemu() : machine_(loop_, {"vm", GetParam(), {"-machine", "none"}, scratch_.path()})
    {
        machine_.await_ready(Deadline::in(20s));
    }
    void TearDown() override
    {
        machine_.quit();
        machine_.wait_exit(Deadline::in(20s));
    }

    std::string answer(const qtest::Json& object)
    {
        try {
            machine_.qmp().execute("object-add", object);
            return accepted;
        } catch (const qtest::CommandError& error) {
            return error.description();
        }
    }
    std::string id() { return "creds" + std::to_string(++ids_); }
    std::filesystem::path directory() { return scratch_.path() / ("dir" + std::to_string(++directories_)); }

    /// What QEMU says of this end's files; whatever it is, with `sanity-check` off it must take them.
    std::string check(Endpoint endpoint, const tls::X509Files& files)
    {
        const auto place = directory();
        tls::write_x509(place, files);
        EXPECT_EQ(
            answer(tls::x509_object({.id = id(), .endpoint = endpoint, .directory = place, .sanity_check = false})),
            accepted);
        std::string text = answer(tls::x509_object({.id = id(), .endpoint = endpoint, .directory = place}));
        // The same in every run.
        for (std::size_t at; (at = text.find(place.string() + "/")) != std::string::npos;)
            text.erase(at, place.string().size() + 1);
        return text;
    }

    qtest::Loop loop_;
    Scratch scratch_;
    qtest::Machine machine_;
    Authority authority_;
    const std::string& trusted_ = authority_.certificate();
    int ids_ = 0;
    int directories_ = 0;
};

TEST_P(TlsQemu, TakesGoodCertificates)
{
    EXPECT_EQ(check(Endpoint::server, {trusted_, authority_.server({.hostname = "qemu.org", .ip = "127.0.0.1"})}),
              accepted);
    EXPECT_EQ(check(Endpoint::server, {trusted_, authority_.server({})}), accepted);
    EXPECT_EQ(check(Endpoint::client, {trusted_, {}, authority_.client("ACME QEMU Client")}), accepted);
    EXPECT_EQ(check(Endpoint::client, {trusted_}), accepted);
}

TEST_P(TlsQemu, RefusesAnExpiredCertificateAsItsOwn)
{
    EXPECT_EQ(check(Endpoint::server, {trusted_, authority_.server({.window = Window::expired()})}),
              "The server certificate server-cert.pem has expired");
    EXPECT_EQ(check(Endpoint::client, {trusted_, {}, authority_.client("c", {.window = Window::expired()})}),
              "The client certificate client-cert.pem has expired");
}

TEST_P(TlsQemu, RefusesACertificateThatIsNotYetValidAsItsOwn)
{
    EXPECT_EQ(check(Endpoint::server, {trusted_, authority_.server({.window = Window::not_yet_valid()})}),
              "The server certificate server-cert.pem is not yet active");
    EXPECT_EQ(check(Endpoint::client, {trusted_, {}, authority_.client("c", {.window = Window::not_yet_valid()})}),
              "The client certificate client-cert.pem is not yet active");
}

TEST_P(TlsQemu, RefusesACertificateForTheOtherPurposeAsItsOwn)
{
    EXPECT_EQ(check(Endpoint::server, {trusted_, authority_.server({.purpose = Purpose::client})}),
              "Certificate server-cert.pem purpose does not allow use with a TLS server");
    EXPECT_EQ(check(Endpoint::client, {trusted_, {}, authority_.client("c", {.purpose = Purpose::server})}),
              "Certificate client-cert.pem purpose does not allow use with a TLS client");
}

TEST_P(TlsQemu, RefusesAnUnfitAuthority)
{
    const auto with = [&](const Authority::Options& options) {
        const Authority unfit(options);
        return check(Endpoint::client, {unfit.certificate(), {}, unfit.client("c")});
    };
    EXPECT_EQ(with({.window = Window::expired()}), "The CA certificate ca-cert.pem has expired");
    EXPECT_EQ(with({.window = Window::not_yet_valid()}), "The CA certificate ca-cert.pem is not yet active");
    EXPECT_EQ(with({.may_issue = false}), "The certificate ca-cert.pem basic constraints do not show a CA");
}

TEST_P(TlsQemu, RefusesACertificateOfItsOwnThatItsAuthorityDidNotIssue)
{
    const std::string up_to_10 = "Our own certificate client-cert.pem failed validation against ca-cert.pem: "
                                 "The certificate hasn't got a known issuer";
    const std::string from_11 = "Cert 'CN=c' has no issuer in CA chain";
    const std::string text = check(Endpoint::client, {trusted_, {}, Authority().client("c")});
    EXPECT_TRUE(text == up_to_10 || text == from_11) << text;
}

TEST_P(TlsQemu, TakesSharedKeysAndRefusesAUserTheyDoNotName)
{
    const auto place = directory();
    tls::write_psk(place, {tls::make_psk_key()});
    EXPECT_EQ(answer(tls::psk_object({.id = id(), .endpoint = Endpoint::server, .directory = place})), accepted);
    EXPECT_EQ(answer(tls::psk_object({.id = id(), .endpoint = Endpoint::client, .directory = place})), accepted);
    EXPECT_EQ(answer(tls::psk_object({.id = id(), .endpoint = Endpoint::client, .directory = place, .user = "bob"})),
              "Username bob not found in PSK file " + (place / "keys.psk").string());
}

// QEMU reads the priority only when a connection is made.
TEST_P(TlsQemu, KeepsPriorityVerifyPeerAndTheIdentityToLetIn)
{
    const auto place = directory();
    tls::write_x509(place, {trusted_, authority_.server({})});
    const tls::X509Creds creds{.id = "c",
                               .endpoint = Endpoint::server,
                               .directory = place,
                               .verify_peer = false,
                               .priority = "NORMAL:%COMPAT"};
    EXPECT_EQ(answer(tls::x509_object(creds)), accepted);
    EXPECT_EQ(machine_.qmp().execute("qom-get", {{"path", "/objects/c"}, {"property", "priority"}}), creds.priority);
    EXPECT_EQ(machine_.qmp().execute("qom-get", {{"path", "/objects/c"}, {"property", "verify-peer"}}), false);
    EXPECT_EQ(answer(tls::authz_object("a", authority_.client("ACME QEMU Client").distinguished_name)), accepted);
    EXPECT_EQ(machine_.qmp().execute("qom-get", {{"path", "/objects/a"}, {"property", "identity"}}),
              "CN=ACME QEMU Client");
}

INSTANTIATE_TEST_SUITE_P(EveryQemu, TlsQemu, testing::ValuesIn(qtest::qemus_at_hand()));

} // namespace
