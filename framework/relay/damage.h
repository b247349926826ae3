// SPDX-License-Identifier: GPL-2.0-or-later
//
// Damage: what a relay is told to do to the stream from source to target, and where; Damager does it, chunk by chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ram_stream.h"

namespace relay
{

/// A page of guest RAM in a plain pre-copy stream: each copy of it, however often it is sent.
struct Page {
    std::string block = "pc.ram";
    std::uint64_t offset; // in the block; of a PC's RAM below 3 GiB it is the guest-physical address
};
/// One record of a page, whichever it is: 1 is the first of the stream.
struct PageRecord {
    std::size_t number;
};
/// One byte of the stream, whatever it is made of: 0 is the first.
struct StreamByte {
    std::uint64_t number;
};
using Place = std::variant<Page, PageRecord, StreamByte>;

struct Damage {
    enum class Kind {
        /// In each copy of the page that is sent with its content (not as a zero page), or in that byte of the stream.
        flip_bit,
        /// Leaves out every copy of the page. The stream stays well-formed.
        drop,
        /// Keeps the content that the page is first sent with, and sends it instead of any later one.
        repeat_old,
        /// Forwards nothing from the content of the page on, or from that byte on, and then: ends the
        /// target's stream in order, and resets the source's.
        truncate,
        /// … keeps both sides open and forwards and takes nothing any more, either way.
        stall,
        /// … resets both sides (TCP; a UNIX socket is closed).
        reset,
    };
    Kind kind;
    Place place;
    std::size_t byte = 0; // flip_bit: which of the page
    unsigned bit = 0;     // flip_bit: which of the byte
    /// Befalls this connection only, by the order in which they were made; 0 is the first.
    std::size_t connection = 0;
};

class Damager
{
  public:
    /// Throws qtest::UsageError for a kind of damage that cannot be done at such a place.
    explicit Damager(Damage damage);

    /// Appends what is to be sent instead of `chunk`. False: and then nothing more, but what truncate, stall or reset
    /// say.
    bool pass(Bytes chunk, std::vector<std::uint8_t>& out);
    /// The stream ends: appends what was held back.
    void end(std::vector<std::uint8_t>& out);

    /// Whether its place was reached; for repeat_old, whether the first copy has gone by.
    bool reached() const noexcept { return reached_; }
    /// How often something else was sent than came, or nothing.
    std::size_t done() const noexcept { return done_; }
    /// What was to be done, and how far the stream was understood: for a failure text.
    std::string text() const;

    const Damage& damage() const noexcept { return damage_; }

  private:
    using Kind = Damage::Kind;

    bool pass_bytes(Bytes chunk, std::vector<std::uint8_t>& out);
    bool pass_header(Bytes header, std::vector<std::uint8_t>& out);
    void pass_content(const RamStream::Piece& piece, std::vector<std::uint8_t>& out);
    void repeat_old(const RamStream::Piece& piece, std::vector<std::uint8_t>& out);
    bool is_place(const RamStream::Record& record) const;
    /// Whether it ends the stream where it is done.
    bool ends() const noexcept { return damage_.kind >= Kind::truncate; }

    Damage damage_;
    RamStream stream_;
    std::uint64_t passed_ = 0; // bytes
    bool here_ = false;        // the content under way belongs to the place
    bool differs_ = false;     // of that content, what was sent differs from what came
    bool nameless_ = false;    // the record that named the block was dropped
    std::vector<std::uint8_t> old_;
    bool reached_ = false;
    std::size_t done_ = 0;
};

} // namespace relay
