// SPDX-License-Identifier: GPL-2.0-or-later
//
// TlsPeer: one end of a TLS connection by GnuTLS in this process, which reads the files that QEMU would read; and the
// handshake of two of them over a socket pair, turn by turn in one thread.
#pragma once

#include <filesystem>
#include <string>

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "creds_object.h"
#include "psk.h"
#include "unique_fd.h"

class TlsPeer
{
  public:
    explicit TlsPeer(tls::Endpoint endpoint) : server_(endpoint == tls::Endpoint::server)
    {
        gnutls_init(&session_, (server_ ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK);
    }
    TlsPeer(const TlsPeer&) = delete;
    TlsPeer& operator=(const TlsPeer&) = delete;
    ~TlsPeer()
    {
        gnutls_deinit(session_);
        if (certificates_)
            gnutls_certificate_free_credentials(certificates_);
        if (psk_server_)
            gnutls_psk_free_server_credentials(psk_server_);
        if (psk_client_)
            gnutls_psk_free_client_credentials(psk_client_);
    }

    /// Takes a directory by write_x509(), and shows the certificate that is there for this end, if any. A client
    /// expects the server to bear the host name.
    TlsPeer& use_x509(const std::filesystem::path& directory, const char* host = "qemu.org")
    {
        gnutls_certificate_allocate_credentials(&certificates_);
        const auto trusted = directory / "ca-cert.pem";
        EXPECT_EQ(gnutls_certificate_set_x509_trust_file(certificates_, trusted.c_str(), GNUTLS_X509_FMT_PEM), 1);
        const std::string side = server_ ? "server" : "client";
        const auto certificate = directory / (side + "-cert.pem");
        const auto key = directory / (side + "-key.pem");
        if (std::filesystem::exists(certificate)) {
            EXPECT_EQ(gnutls_certificate_set_x509_key_file(certificates_, certificate.c_str(), key.c_str(),
                                                           GNUTLS_X509_FMT_PEM),
                      0);
        }
        gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, certificates_);
        gnutls_set_default_priority(session_);
        gnutls_session_set_verify_cert(session_, server_ ? nullptr : host, 0);
        if (server_)
            gnutls_certificate_server_set_request(session_, GNUTLS_CERT_REQUIRE);
        return *this;
    }
    /// For a server: takes a directory by write_psk().
    TlsPeer& use_psk(const std::filesystem::path& directory)
    {
        gnutls_psk_allocate_server_credentials(&psk_server_);
        EXPECT_EQ(gnutls_psk_set_server_credentials_file(psk_server_, (directory / "keys.psk").c_str()), 0);
        gnutls_credentials_set(session_, GNUTLS_CRD_PSK, psk_server_);
        return allow_psk();
    }
    /// For a client.
    TlsPeer& use_psk(const tls::PskKey& key)
    {
        std::string text = key.key;
        const gnutls_datum_t hex{reinterpret_cast<unsigned char*>(text.data()), static_cast<unsigned>(text.size())};
        gnutls_psk_allocate_client_credentials(&psk_client_);
        EXPECT_EQ(gnutls_psk_set_client_credentials(psk_client_, key.user.c_str(), &hex, GNUTLS_PSK_KEY_HEX), 0);
        gnutls_credentials_set(session_, GNUTLS_CRD_PSK, psk_client_);
        return allow_psk();
    }

    gnutls_session_t session() const noexcept { return session_; }
    /// How the handshake ended at this end: GNUTLS_E_AGAIN: not yet; 0: it holds.
    int code() const noexcept { return code_; }
    /// What was wrong with the other end's certificate: GNUTLS_CERT_… .
    unsigned verdict() const
    {
        return code_ == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ? gnutls_session_get_verify_cert_status(session_) : 0;
    }

    /// Every byte it has sent on the wire, whatever became of it.
    const std::string& sent() const noexcept { return sent_; }
    /// Sends after a handshake; no more than a socket takes in at once.
    void send(const std::string& text)
    {
        for (std::size_t at = 0; at < text.size();) {
            const ssize_t size = gnutls_record_send(session_, text.data() + at, text.size() - at);
            ASSERT_GT(size, 0) << gnutls_strerror(static_cast<int>(size));
            at += static_cast<std::size_t>(size);
        }
    }

    /// Both ends have their last word when it returns.
    static void handshake(TlsPeer& client, TlsPeer& server)
    {
        qtest::SocketPair pair;
        client.talk_over(std::move(pair.ours));
        server.talk_over(std::move(pair.theirs));
        constexpr int enough_turns = 20;
        for (int turn = 0; turn < enough_turns; turn++) {
            client.go_on();
            server.go_on();
        }
        EXPECT_NE(client.code_, GNUTLS_E_AGAIN) << "the client still waits";
        EXPECT_NE(server.code_, GNUTLS_E_AGAIN) << "the server still waits";
    }

  private:
    TlsPeer& allow_psk()
    {
        gnutls_priority_set_direct(session_, "NORMAL:+ECDHE-PSK:+DHE-PSK:+PSK", nullptr);
        return *this;
    }
    void talk_over(qtest::UniqueFd socket)
    {
        // One thread turns both ends: neither may wait for the other.
        socket_ = std::move(socket);
        fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
        gnutls_transport_set_ptr(session_, this);
        gnutls_transport_set_pull_function(session_, [](gnutls_transport_ptr_t peer, void* buffer, std::size_t size) {
            return recv(static_cast<TlsPeer*>(peer)->socket_.get(), buffer, size, 0);
        });
        gnutls_transport_set_push_function(
            session_, [](gnutls_transport_ptr_t pointer, const void* bytes, std::size_t size) {
                auto* const peer = static_cast<TlsPeer*>(pointer);
                const ssize_t sent = ::send(peer->socket_.get(), bytes, size, MSG_NOSIGNAL);
                if (sent > 0)
                    peer->sent_.append(static_cast<const char*>(bytes), static_cast<std::size_t>(sent));
                return sent;
            });
    }
    void go_on()
    {
        if (code_ != GNUTLS_E_AGAIN)
            return;
        const int code = gnutls_handshake(session_);
        if (code != 0 && gnutls_error_is_fatal(code) == 0)
            return;
        code_ = code;
        if (code != 0)
            gnutls_alert_send_appropriate(session_, code);
    }

    bool server_;
    qtest::UniqueFd socket_;
    std::string sent_;
    gnutls_session_t session_ = nullptr;
    gnutls_certificate_credentials_t certificates_ = nullptr;
    gnutls_psk_server_credentials_t psk_server_ = nullptr;
    gnutls_psk_client_credentials_t psk_client_ = nullptr;
    int code_ = GNUTLS_E_AGAIN;
};
