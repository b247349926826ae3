// SPDX-License-Identifier: GPL-2.0-or-later
//
// LineSplitter cuts a byte stream into lines, however the stream was cut into reads. Lines end in LF; a CR before it is
// dropped. A line longer than the limit throws ProtocolError: a peer that never ends its line must not fill the memory.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace qtest
{

class LineSplitter
{
  public:
    using Sink = std::function<void(std::string_view line)>;

    explicit LineSplitter(std::size_t limit) : limit_(limit) {}

    void feed(std::string_view bytes, const Sink& sink);
    /// At end of file: a last line without LF is a line too.
    void finish(const Sink& sink);

  private:
    void take(std::string_view line, const Sink& sink) const;

    std::size_t limit_;
    std::string partial_;
};

} // namespace qtest
