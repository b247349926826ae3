// SPDX-License-Identifier: GPL-2.0-or-later
#include "gnutls_handles.h"

#include <fmt/format.h>

#include "errors.h"

namespace tls
{

namespace
{

gnutls_datum_t borrow(const std::string& text)
{
    // GnuTLS only reads it.
    return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())), static_cast<unsigned>(text.size())};
}

std::string take(gnutls_datum_t& datum)
{
    const std::string text(reinterpret_cast<const char*>(datum.data), datum.size);
    gnutls_free(datum.data);
    return text;
}

} // namespace

void require(int code, std::string_view what)
{
    if (code < 0)
        throw qtest::EnvironmentError(fmt::format("cannot {}: {}", what, gnutls_strerror(code)));
}

CertificatePtr new_certificate()
{
    gnutls_x509_crt_t certificate = nullptr;
    require(gnutls_x509_crt_init(&certificate), "make a certificate");
    return CertificatePtr(certificate);
}

KeyPtr new_key()
{
    gnutls_x509_privkey_t key = nullptr;
    require(gnutls_x509_privkey_init(&key), "make a private key");
    return KeyPtr(key);
}

CertificatePtr certificate_from_pem(const std::string& pem)
{
    auto certificate = new_certificate();
    const auto text = borrow(pem);
    require(gnutls_x509_crt_import(certificate.get(), &text, GNUTLS_X509_FMT_PEM), "read a certificate");
    return certificate;
}

KeyPtr key_from_pem(const std::string& pem)
{
    auto key = new_key();
    const auto text = borrow(pem);
    require(gnutls_x509_privkey_import(key.get(), &text, GNUTLS_X509_FMT_PEM), "read a private key");
    return key;
}

std::string to_pem(gnutls_x509_crt_t certificate)
{
    gnutls_datum_t pem{};
    require(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), "print a certificate");
    return take(pem);
}

std::string to_pem(gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem{};
    require(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "print a private key");
    return take(pem);
}

} // namespace tls
