// SPDX-License-Identifier: GPL-2.0-or-later
#include "cursor.h"

#include <algorithm>

#include "malformed.h"

namespace stream
{

void Cursor::require(std::uint64_t size, std::string_view what) const
{
    if (size > left())
        throw Malformed(input_.size(), fmt::format("the file ends in {}; bytes missing: {}", what, size - left()));
}

const std::uint8_t* Cursor::next(std::size_t size, std::string_view what)
{
    require(size, what);
    if (position_ < buffer_at_ || position_ + size > buffer_at_ + buffer_.size()) {
        buffer_at_ = position_;
        buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(window, left())));
        input_.read(position_, buffer_);
    }
    return &buffer_[static_cast<std::size_t>(position_ - buffer_at_)];
}

std::uint64_t Cursor::number(unsigned size, std::string_view what)
{
    const std::uint8_t* from = next(size, what);
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | from[i];
    position_ += size;
    return value;
}

std::uint8_t Cursor::peek(std::string_view what) { return *next(1, what); }

std::string Cursor::bytes(std::uint64_t size, std::string_view what)
{
    require(size, what);
    std::string result(static_cast<std::size_t>(size), '\0');
    input_.read(position_, {reinterpret_cast<std::uint8_t*>(result.data()), result.size()});
    position_ += size;
    return result;
}

std::string Cursor::text(std::uint64_t size, std::string_view what)
{
    const std::uint64_t start = position_;
    std::string result = bytes(size, what);
    for (std::size_t i = 0; i < result.size(); i++) {
        if (result[i] < ' ' || result[i] > '~')
            throw Malformed(start + i, fmt::format("{} has the byte {:#04x}, which is no text", what,
                                                   static_cast<std::uint8_t>(result[i])));
    }
    return result;
}

void Cursor::skip(std::uint64_t size, std::string_view what)
{
    require(size, what);
    position_ += size;
}

} // namespace stream
