// SPDX-License-Identifier: GPL-2.0-or-later
//
// RecordChecker: is fed what passed in one direction of a stream, in pieces of any size, and holds that it is a
// sequence of TLS records (RFC 5246 section 6.2, RFC 8446 section 5) that begins with a handshake. It knows no key and
// reads no record: a relay between source and target proves with it that nothing on a channel went in the clear.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tls
{

class RecordChecker
{
  public:
    struct Flaw {
        std::uint64_t offset; // of the first byte in this direction that no TLS record has there
        std::string text;     // "byte 0 is 51, but a record of type 16 (handshake) was to begin there"
    };

    /// Takes the next bytes. After a flaw they are counted and no longer looked at.
    void feed(std::string_view bytes);

    /// The first flaw; it stands.
    const std::optional<Flaw>& flaw() const noexcept { return flaw_; }
    /// What was fed, in bytes.
    std::uint64_t bytes() const noexcept { return bytes_; }
    /// Records whose header was seen.
    std::uint64_t records() const noexcept { return records_; }
    /// Bytes in records of application data, before the flaw if there is one; with what encryption adds, and under
    /// TLS 1.3 with the encrypted part of the handshake (some kB).
    std::uint64_t application_data() const noexcept { return application_data_; }
    /// Whether no record is under way: where a stream may end well.
    bool between_records() const noexcept { return !flaw_ && header_size_ == 0 && payload_left_ == 0; }

    /// What speaks against this whole direction having been TLS: its flaw; or that it ended within a record, or carried
    /// nothing at all. Nothing: it was.
    std::optional<std::string> objection() const;

  private:
    std::optional<std::string> wrong_header_byte(unsigned char byte) const;
    void header_is_complete();
    unsigned length() const noexcept { return header_[3] * 256U + header_[4]; }

    std::array<unsigned char, 5> header_{};
    std::size_t header_size_ = 0;
    unsigned payload_left_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t records_ = 0;
    std::uint64_t application_data_ = 0;
    std::optional<Flaw> flaw_;
};

} // namespace tls
