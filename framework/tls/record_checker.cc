// SPDX-License-Identifier: GPL-2.0-or-later
#include "record_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace tls
{

namespace
{

constexpr unsigned first_type = 20; // change_cipher_spec
constexpr unsigned handshake_type = 22;
constexpr unsigned data_type = 23;
constexpr unsigned major_version = 3;
constexpr unsigned first_minor_version = 1; // TLS 1.0
constexpr unsigned last_minor_version = 4;  // TLS 1.3
// What TLS 1.2 allows; TLS 1.3 allows less, but says so only inside the records.
constexpr unsigned most_payload = (1 << 14) + 2048;

} // namespace

/// What is wrong with the byte as the next one of the header.
std::optional<std::string> RecordChecker::wrong_header_byte(unsigned char byte) const
{
    switch (header_size_) {
    case 0:
        if (records_ == 0 && byte != handshake_type)
            return "a record of type 16 (handshake) was to begin there";
        if (byte < first_type || byte > data_type)
            return "a record of type 14 to 17 was to begin there";
        return {};
    case 1:
        if (byte != major_version)
            return "a record's version was to begin there with 03";
        return {};
    case 2:
        if (byte < first_minor_version || byte > last_minor_version)
            return "a record's version was to end there with 01 to 04";
        return {};
    case 4:
        if (const unsigned length = header_[3] * 256U + byte; length > most_payload)
            return fmt::format("that makes a record of {} bytes, where {} is the most", length, most_payload);
        else if (length == 0 && header_[0] != data_type)
            return fmt::format("that makes an empty record of type {:02x}", header_[0]);
        return {};
    default:
        return {};
    }
}

void RecordChecker::header_is_complete()
{
    header_size_ = 0;
    payload_left_ = length();
    records_++;
}

void RecordChecker::feed(std::string_view bytes)
{
    std::uint64_t offset = bytes_;
    bytes_ += bytes.size();
    while (!flaw_ && !bytes.empty()) {
        if (payload_left_ > 0) {
            const auto size = std::min<std::size_t>(payload_left_, bytes.size());
            if (header_[0] == data_type)
                application_data_ += size;
            payload_left_ -= static_cast<unsigned>(size);
            offset += size;
            bytes.remove_prefix(size);
            continue;
        }
        const auto byte = static_cast<unsigned char>(bytes.front());
        if (const auto wrong = wrong_header_byte(byte)) {
            flaw_ = {offset, fmt::format("byte {} is {:02x}, but {}", offset, byte, *wrong)};
            return;
        }
        header_[header_size_++] = byte;
        if (header_size_ == header_.size())
            header_is_complete();
        offset++;
        bytes.remove_prefix(1);
    }
}

std::optional<std::string> RecordChecker::objection() const
{
    if (flaw_)
        return flaw_->text;
    if (bytes_ == 0)
        return "nothing was sent";
    if (header_size_ > 0)
        return fmt::format("it ended after {} of the {} bytes of a record's header", header_size_, header_.size());
    if (payload_left_ > 0)
        return fmt::format("it ended {} bytes short of the end of a record of {}", payload_left_, length());
    return {};
}

} // namespace tls
