// SPDX-License-Identifier: GPL-2.0-or-later
#include "authority.h"

#include <array>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gnutls/crypto.h>

#include "errors.h"
#include "gnutls_handles.h"

namespace tls
{

namespace
{

using namespace std::chrono_literals;
using std::chrono::system_clock;

constexpr auto day = 24h;

KeyPtr generate_key()
{
    auto key = new_key();
    const auto curve = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    require(gnutls_x509_privkey_generate(key.get(), GNUTLS_PK_ECDSA, curve, 0), "generate a private key");
    return key;
}

/// What is the same in every certificate.
CertificatePtr begin_certificate(gnutls_x509_privkey_t key, const std::string& common_name, const Window& window)
{
    auto certificate = new_certificate();
    auto* const raw = certificate.get();
    require(gnutls_x509_crt_set_version(raw, 3), "set a certificate's version");
    require(gnutls_x509_crt_set_key(raw, key), "set a certificate's key");

    std::array<unsigned char, 16> serial{};
    require(gnutls_rnd(GNUTLS_RND_NONCE, serial.data(), serial.size()), "get random bytes");
    serial[0] = (serial[0] & 0x7f) | 0x40; // a positive number, and no leading zero
    require(gnutls_x509_crt_set_serial(raw, serial.data(), serial.size()), "set a certificate's serial number");

    const int code = gnutls_x509_crt_set_dn_by_oid(raw, GNUTLS_OID_X520_COMMON_NAME, 0, common_name.data(),
                                                   static_cast<unsigned>(common_name.size()));
    if (code < 0 || common_name.empty())
        throw qtest::UsageError(fmt::format("\"{}\" cannot be a certificate's common name", common_name));
    require(gnutls_x509_crt_set_activation_time(raw, system_clock::to_time_t(window.begin)), "set a validity");
    require(gnutls_x509_crt_set_expiration_time(raw, system_clock::to_time_t(window.end)), "set a validity");

    std::array<unsigned char, 20> key_id{};
    std::size_t size = key_id.size();
    require(gnutls_x509_crt_get_key_id(raw, 0, key_id.data(), &size), "tell a key's id");
    require(gnutls_x509_crt_set_subject_key_id(raw, key_id.data(), size), "set a key's id");
    return certificate;
}

Identity sign(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, gnutls_x509_crt_t issuer,
              gnutls_x509_privkey_t issuer_key)
{
    require(gnutls_x509_crt_sign2(certificate, issuer, issuer_key, GNUTLS_DIG_SHA256, 0), "sign a certificate");
    std::string name(1024, '\0');
    std::size_t size = name.size();
    require(gnutls_x509_crt_get_dn(certificate, name.data(), &size), "tell a certificate's name");
    name.resize(size);
    return {to_pem(certificate), to_pem(key), std::move(name)};
}

void set_address(gnutls_x509_crt_t certificate, const std::string& text)
{
    std::array<unsigned char, sizeof(in6_addr)> address{};
    unsigned size = sizeof(in_addr);
    if (inet_pton(AF_INET, text.c_str(), address.data()) != 1) {
        size = sizeof(in6_addr);
        if (inet_pton(AF_INET6, text.c_str(), address.data()) != 1)
            throw qtest::UsageError(fmt::format("\"{}\" is no IP address that a certificate could name", text));
    }
    require(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address.data(), size,
                                                 GNUTLS_FSAN_APPEND),
            "set a certificate's address");
}

/// A certificate for an end of a connection, complete but for the names of a host.
CertificatePtr begin_leaf(gnutls_x509_privkey_t key, const std::string& common_name, const Window& window,
                          Purpose purpose)
{
    auto certificate = begin_certificate(key, common_name, window);
    auto* const raw = certificate.get();
    require(gnutls_x509_crt_set_basic_constraints(raw, 0, -1), "set basic constraints");
    // Encipherment means nothing to such a key, but QEMU's sanity check demanded it before a fix that its stable series
    // got too.
    require(gnutls_x509_crt_set_key_usage(raw, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT),
            "set a key's usage");
    const char* const oid = purpose == Purpose::server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    require(gnutls_x509_crt_set_key_purpose_oid(raw, oid, 1), "set a key's purpose");
    return certificate;
}

Identity issue(const Identity& issuer, gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
    const auto issuer_certificate = certificate_from_pem(issuer.certificate);
    std::array<unsigned char, 20> issuer_id{};
    std::size_t size = issuer_id.size();
    require(gnutls_x509_crt_get_key_id(issuer_certificate.get(), 0, issuer_id.data(), &size), "tell a key's id");
    require(gnutls_x509_crt_set_authority_key_id(certificate, issuer_id.data(), size), "set the issuer's key id");
    return sign(certificate, key, issuer_certificate.get(), key_from_pem(issuer.key).get());
}

} // namespace

Window Window::valid() { return {system_clock::now() - day, system_clock::now() + 30 * day}; }
Window Window::expired() { return {system_clock::now() - 2 * day, system_clock::now() - day}; }
Window Window::not_yet_valid() { return {system_clock::now() + day, system_clock::now() + 30 * day}; }

Authority::Authority(const Options& options)
{
    const auto key = generate_key();
    const auto certificate = begin_certificate(key.get(), options.common_name, options.window);
    auto* const raw = certificate.get();
    require(gnutls_x509_crt_set_basic_constraints(raw, options.may_issue ? 1 : 0, -1), "set basic constraints");
    require(gnutls_x509_crt_set_key_usage(raw, options.may_issue ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN
                                                                 : GNUTLS_KEY_DIGITAL_SIGNATURE),
            "set a key's usage");
    own_ = sign(raw, key.get(), raw, key.get());
}

Identity Authority::server(const Server& what) const
{
    const auto key = generate_key();
    const auto certificate = begin_leaf(key.get(), what.common_name, what.window, what.purpose);
    if (!what.hostname.empty())
        require(gnutls_x509_crt_set_subject_alt_name(certificate.get(), GNUTLS_SAN_DNSNAME, what.hostname.data(),
                                                     static_cast<unsigned>(what.hostname.size()), GNUTLS_FSAN_APPEND),
                "set a certificate's host name");
    if (!what.ip.empty())
        set_address(certificate.get(), what.ip);
    return issue(own_, certificate.get(), key.get());
}

Identity Authority::client(const std::string& common_name, const Client& what) const
{
    const auto key = generate_key();
    const auto certificate = begin_leaf(key.get(), common_name, what.window, what.purpose);
    return issue(own_, certificate.get(), key.get());
}

} // namespace tls
