// SPDX-License-Identifier: GPL-2.0-or-later
//
// Console: the guest's serial line, received as it prints. Text already printed proves nothing about now: take a mark,
// then wait for text after it.
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

    Mark mark() const noexcept { return text_.size(); }
    std::string since(Mark mark) const { return text_.substr(mark); }
    /// Waits until `text` stands somewhere after the mark. Throws Timeout, ConnectionLost.
    void wait(const std::string& text, Mark since, Deadline deadline);
    /// Sends to the guest.
    void send(std::string bytes) { channel_.send(std::move(bytes)); }

  private:
    void received(std::string_view bytes);

    Loop& loop_;
    std::string name_;
    LogFile log_;
    std::string text_;
    std::optional<std::string> closed_;
    Channel channel_;
};

} // namespace qtest
