// SPDX-License-Identifier: GPL-2.0-or-later
#include "pump.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace relay
{

namespace
{

/// 64 MiB in 256 turns of the loop, and it stays in the cache.
constexpr std::size_t chunk_size = 256 * 1024;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

} // namespace

Pump::Pump(qtest::Loop& loop, int from, int to, Damager* damager, Handlers handlers)
    : loop_(loop), from_(from), to_(to), damager_(damager), handlers_(std::move(handlers)), chunk_(chunk_size)
{
    await(G_IO_IN);
}

void Pump::await(GIOCondition condition)
{
    if (awaited_ == condition)
        return;
    awaited_ = condition;
    if (condition == G_IO_IN)
        watch_ = loop_.watch(from_, G_IO_IN, [this] { read(); });
    else
        watch_ = loop_.watch(to_, G_IO_OUT, [this] { write(); });
}

void Pump::read()
{
    const ssize_t size = recv(from_, chunk_.data(), chunk_.size(), MSG_DONTWAIT);
    if (size < 0) {
        if (!would_block(errno))
            end(End::error, std::string("reading: ") + std::strerror(errno));
        return;
    }
    const Bytes chunk(chunk_.data(), static_cast<std::size_t>(size));
    bytes_ += chunk.size();
    if (size > 0 && handlers_.came)
        handlers_.came(chunk);
    unsent_ = chunk;
    if (damager_) {
        damaged_.clear();
        if (size == 0)
            damager_->end(damaged_);
        else if (!damager_->pass(chunk, damaged_))
            end_after_ = End::place;
        unsent_ = damaged_;
    }
    if (size == 0)
        end_after_ = End::eof;
    write();
}

void Pump::write()
{
    while (!unsent_.empty()) {
        const ssize_t size = send(to_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size < 0) {
            if (would_block(errno))
                await(G_IO_OUT);
            else
                end(End::error, std::string("sending on: ") + std::strerror(errno));
            return;
        }
        unsent_ = unsent_.subspan(static_cast<std::size_t>(size));
    }
    if (end_after_)
        end(*end_after_, "");
    else
        await(G_IO_IN);
}

void Pump::end(End end, const std::string& error)
{
    // Whoever is told may drop this pump.
    const auto ended = std::move(handlers_.ended);
    halt();
    ended(end, error);
}

} // namespace relay
