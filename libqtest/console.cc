// SPDX-License-Identifier: GPL-2.0-or-later
#include "console.h"

#include "glib_ptr.h"

#include <fmt/format.h>

#include "errors.h"

namespace qtest
{

Console::Console(Loop& loop, UniqueFd socket, std::string name, const std::filesystem::path& log)
    : loop_(loop), name_(std::move(name)), log_(log),
      channel_(loop, std::move(socket),
               {[this](std::string_view bytes) { received(bytes); },
                [this](std::string error) { closed_ = error.empty() ? "the peer hung up" : std::move(error); }})
{
}

void Console::received(std::string_view bytes)
{
    constexpr std::size_t remembered = 1024 * 1024;
    text_.append(bytes);
    if (text_.size() > 2 * remembered) {
        forgotten_ += text_.size() - remembered;
        text_.erase(0, text_.size() - remembered);
    }
    const CharPtr readable(g_strescape(std::string(bytes).c_str(), nullptr));
    log_.line(readable.get());
}

void Console::wait(const std::string& text, Mark since, Deadline deadline)
{
    Mark looked = since; // nothing before it needs to be looked at again
    const auto printed = [&] {
        const bool found = text_.find(text, position(looked)) != std::string::npos;
        if (!found && mark() >= looked + text.size())
            looked = mark() - text.size();
        return found;
    };
    const std::string what = fmt::format("new '{}' on the console of {}", text, name_);
    loop_.until([&] { return printed() || closed_; }, deadline, what,
                [&] {
                    const Mark printed_since = mark() - since;
                    return fmt::format("{} byte{} since the mark, {} before{}", printed_since,
                                       printed_since == 1 ? "" : "s", since,
                                       since < forgotten_ ? ", so much that not all is remembered" : "");
                });
    if (!printed())
        throw ConnectionLost(what + ": " + *closed_);
}

} // namespace qtest
