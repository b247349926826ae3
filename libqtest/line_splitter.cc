// SPDX-License-Identifier: GPL-2.0-or-later
#include "line_splitter.h"

#include <utility>

#include "errors.h"

namespace qtest
{

void LineSplitter::feed(std::string_view bytes, const Sink& sink)
{
    for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos; bytes.remove_prefix(end + 1)) {
        if (partial_.empty()) {
            take(bytes.substr(0, end), sink);
        } else {
            partial_.append(bytes.substr(0, end));
            take(std::exchange(partial_, {}), sink);
        }
    }
    partial_.append(bytes);
    if (partial_.size() > limit_)
        throw ProtocolError("a line of more than " + std::to_string(limit_) + " bytes");
}

void LineSplitter::finish(const Sink& sink)
{
    if (!partial_.empty())
        take(std::exchange(partial_, {}), sink);
}

void LineSplitter::take(std::string_view line, const Sink& sink) const
{
    if (line.size() > limit_)
        throw ProtocolError("a line of more than " + std::to_string(limit_) + " bytes");
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    sink(line);
}

} // namespace qtest
