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
    text_.append(bytes);
    const CharPtr readable(g_strescape(std::string(bytes).c_str(), nullptr));
    log_.line(readable.get());
}

void Console::wait(const std::string& text, Mark since, Deadline deadline)
{
    const auto printed = [&] { return text_.find(text, since) != std::string::npos; };
    const std::string what = fmt::format("new '{}' on the console of {}", text, name_);
    loop_.until([&] { return printed() || closed_; }, deadline, what,
                [&] {
                    return fmt::format("{} byte{} since the mark, {} before", text_.size() - since,
                                       text_.size() - since == 1 ? "" : "s", since);
                });
    if (!printed())
        throw ConnectionLost(what + ": " + *closed_);
}

} // namespace qtest
