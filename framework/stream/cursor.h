// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cursor: reads an Input from front to back, in the order and the encoding of QEMU's migration stream: big-endian
// numbers, names with their length before them. Whatever is to be read is said in words (`what`), so that a file that
// breaks off says in what; each verb throws Malformed then, before anything is allocated.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "input.h"

namespace stream
{

class Cursor
{
  public:
    explicit Cursor(const Input& input, std::uint64_t position = 0) : input_(input), position_(position) {}

    std::uint64_t position() const noexcept { return position_; }
    std::uint64_t left() const noexcept { return input_.size() > position_ ? input_.size() - position_ : 0; }

    std::uint8_t u8(std::string_view what) { return static_cast<std::uint8_t>(number(1, what)); }
    std::uint16_t be16(std::string_view what) { return static_cast<std::uint16_t>(number(2, what)); }
    std::uint32_t be32(std::string_view what) { return static_cast<std::uint32_t>(number(4, what)); }
    std::uint64_t be64(std::string_view what) { return number(8, what); }
    /// The next byte, which stays the next one.
    std::uint8_t peek(std::string_view what);
    std::string bytes(std::uint64_t size, std::string_view what);
    /// Printable ASCII, as every name in a stream is.
    std::string text(std::uint64_t size, std::string_view what);
    /// A length of one byte, and so much text.
    std::string name(std::string_view what) { return text(u8(what), what); }
    void skip(std::uint64_t size, std::string_view what);

  private:
    std::uint64_t number(unsigned size, std::string_view what);
    /// The next bytes, at most `window` of them.
    const std::uint8_t* next(std::size_t size, std::string_view what);
    void require(std::uint64_t size, std::string_view what) const;

    static constexpr std::size_t window = 65536;
    const Input& input_;
    std::uint64_t position_;
    std::vector<std::uint8_t> buffer_ = {};
    std::uint64_t buffer_at_ = 0;
};

} // namespace stream
