// SPDX-License-Identifier: GPL-2.0-or-later
//
// Owning pointers to GnuTLS's things, each made empty, and its error codes as exceptions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

namespace tls
{

struct GnutlsFree {
    void operator()(gnutls_x509_crt_t certificate) const noexcept { gnutls_x509_crt_deinit(certificate); }
    void operator()(gnutls_x509_privkey_t key) const noexcept { gnutls_x509_privkey_deinit(key); }
};
using CertificatePtr = std::unique_ptr<std::remove_pointer_t<gnutls_x509_crt_t>, GnutlsFree>;
using KeyPtr = std::unique_ptr<std::remove_pointer_t<gnutls_x509_privkey_t>, GnutlsFree>;

/// Throws qtest::EnvironmentError "cannot WHAT: GnuTLS's words" when the code is an error.
void require(int code, std::string_view what);

CertificatePtr new_certificate();
KeyPtr new_key();
/// Throws qtest::EnvironmentError when the text is none.
CertificatePtr certificate_from_pem(const std::string& pem);
KeyPtr key_from_pem(const std::string& pem);
std::string to_pem(gnutls_x509_crt_t certificate);
std::string to_pem(gnutls_x509_privkey_t key);

} // namespace tls
