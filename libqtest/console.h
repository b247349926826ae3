// SPDX-License-Identifier: GPL-2.0-or-later
//
// Console: the guest's serial line, received as it prints. Text already printed proves nothing about now: take a mark,
// then wait for text after it.
//
// The newest MiB of it is remembered at least: a guest that prints without end fills neither memory nor, its log being
// bounded too, the disk.
#pragma once

#include <optional>
#include <string>

#include "channel.h"
#include "log_file.h"

namespace qtest
{

class Console
{
  public:
    /// Bytes received so far.
    using Mark = std::size_t;

    /// Takes over the connected socket; logs every chunk to the file.
    Console(Loop& loop, UniqueFd socket, std::string name, const std::filesystem::path& log);

    Mark mark() const noexcept { return forgotten_ + text_.size(); }
    /// What was printed after the mark, as far as it is remembered.
    std::string since(Mark mark) const { return text_.substr(position(mark)); }
    /// Waits until `text` stands somewhere after the mark. Throws Timeout, ConnectionLost.
    void wait(const std::string& text, Mark since, Deadline deadline);
    /// Sends to the guest.
    void send(std::string bytes) { channel_.send(std::move(bytes)); }

  private:
    void received(std::string_view bytes);
    /// Where in text_ the mark, or what is remembered after it, begins.
    std::size_t position(Mark mark) const noexcept { return mark > forgotten_ ? mark - forgotten_ : 0; }

    Loop& loop_;
    std::string name_;
    LogFile log_;
    Mark forgotten_ = 0;
    std::string text_; // without the bytes forgotten
    std::optional<std::string> closed_;
    Channel channel_;
};

} // namespace qtest
