// SPDX-License-Identifier: GPL-2.0-or-later
#include "damage.h"

#include <algorithm>

#include <fmt/format.h>

#include "errors.h"

namespace relay
{

namespace
{

const char* name_of(Damage::Kind kind)
{
    switch (kind) {
    case Damage::Kind::flip_bit:
        return "flip a bit";
    case Damage::Kind::drop:
        return "drop a page";
    case Damage::Kind::repeat_old:
        return "send the first copy of a page again";
    case Damage::Kind::truncate:
        return "truncate";
    case Damage::Kind::stall:
        return "stall";
    case Damage::Kind::reset:
        break;
    }
    return "reset";
}

std::string text_of(const Place& place)
{
    if (const auto* page = std::get_if<Page>(&place))
        return fmt::format("page 0x{:x} of {}", page->offset, page->block);
    if (const auto* record = std::get_if<PageRecord>(&place))
        return fmt::format("page record {}", record->number);
    return fmt::format("byte {}", std::get<StreamByte>(place).number);
}

void append(std::vector<std::uint8_t>& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

} // namespace

Damager::Damager(Damage damage) : damage_(std::move(damage))
{
    const Kind kind = damage_.kind;
    const bool one_byte = std::holds_alternative<StreamByte>(damage_.place);
    if ((one_byte && (kind == Kind::drop || kind == Kind::repeat_old)) ||
        (std::holds_alternative<PageRecord>(damage_.place) && kind == Kind::repeat_old))
        throw qtest::UsageError(fmt::format("a relay cannot {} at {}", name_of(kind), text_of(damage_.place)));
    if (damage_.bit > 7 || damage_.byte >= RamStream::page_size || (one_byte && damage_.byte != 0))
        throw qtest::UsageError(
            fmt::format("no bit {} of byte {} at {}", damage_.bit, damage_.byte, text_of(damage_.place)));
}

bool Damager::pass(Bytes chunk, std::vector<std::uint8_t>& out)
{
    if (std::holds_alternative<StreamByte>(damage_.place))
        return pass_bytes(chunk, out);
    while (const auto piece = stream_.next(chunk)) {
        switch (piece->kind) {
        case RamStream::Piece::Kind::framing:
            append(out, piece->bytes);
            break;
        case RamStream::Piece::Kind::header:
            if (!pass_header(piece->bytes, out))
                return false;
            break;
        case RamStream::Piece::Kind::content:
            pass_content(*piece, out);
            break;
        }
    }
    return true;
}

void Damager::end(std::vector<std::uint8_t>& out) { append(out, stream_.kept()); }

bool Damager::pass_bytes(Bytes chunk, std::vector<std::uint8_t>& out)
{
    const std::uint64_t place = std::get<StreamByte>(damage_.place).number;
    const bool here = place >= passed_ && place - passed_ < chunk.size();
    const auto at = static_cast<std::size_t>(place - passed_);
    const std::size_t before = out.size();
    passed_ += chunk.size();
    append(out, here && ends() ? chunk.first(at) : chunk);
    if (!here)
        return true;
    reached_ = true;
    done_++;
    if (!ends())
        out[before + at] ^= static_cast<std::uint8_t>(1U << damage_.bit);
    return !ends();
}

bool Damager::pass_header(Bytes header, std::vector<std::uint8_t>& out)
{
    RamStream::Record record = stream_.record();
    here_ = is_place(record);
    differs_ = false;
    reached_ = reached_ || (here_ && damage_.kind != Kind::repeat_old);
    if (here_ && damage_.kind == Kind::drop) {
        nameless_ = nameless_ || record.names_block;
        done_++;
        return true;
    }
    if (nameless_ && !record.names_block) {
        record.names_block = true;
        append(out, RamStream::header(record));
    } else {
        append(out, header);
    }
    nameless_ = false;
    if (here_ && ends()) {
        done_++;
        return false;
    }
    return true;
}

void Damager::pass_content(const RamStream::Piece& piece, std::vector<std::uint8_t>& out)
{
    if (!here_) {
        append(out, piece.bytes);
        return;
    }
    if (damage_.kind == Kind::drop)
        return;
    if (damage_.kind == Kind::repeat_old && !stream_.record().zero) {
        repeat_old(piece, out);
        return;
    }
    const std::size_t before = out.size();
    append(out, piece.bytes);
    if (damage_.kind == Kind::flip_bit && !stream_.record().zero && damage_.byte >= piece.at &&
        damage_.byte - piece.at < piece.bytes.size()) {
        out[before + damage_.byte - piece.at] ^= static_cast<std::uint8_t>(1U << damage_.bit);
        done_++;
    }
}

void Damager::repeat_old(const RamStream::Piece& piece, std::vector<std::uint8_t>& out)
{
    if (old_.size() <= piece.at)
        append(old_, piece.bytes);
    reached_ = old_.size() == RamStream::page_size;
    const Bytes old = Bytes(old_).subspan(piece.at, piece.bytes.size());
    append(out, old);
    if (!differs_ && !std::equal(old.begin(), old.end(), piece.bytes.begin())) {
        differs_ = true;
        done_++;
    }
}

bool Damager::is_place(const RamStream::Record& record) const
{
    if (const auto* page = std::get_if<Page>(&damage_.place))
        return page->block == record.block && page->offset == record.offset;
    return std::get<PageRecord>(damage_.place).number == record.number;
}

std::string Damager::text() const
{
    std::string text = fmt::format("{} at {}: {}, done {} times", name_of(damage_.kind), text_of(damage_.place),
                                   reached_ ? "reached" : "not reached", done_);
    if (std::holds_alternative<StreamByte>(damage_.place))
        return text + fmt::format("; {} bytes came", passed_);
    return text + fmt::format("; {} page records came{}", stream_.records(),
                              stream_.end().empty() ? "" : ", the last before " + stream_.end());
}

} // namespace relay
