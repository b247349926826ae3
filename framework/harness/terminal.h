// SPDX-License-Identifier: GPL-2.0-or-later
//
// Terminal: what can be done on a descriptor that text for people goes to: nothing special in a pipe, no cursor
// movement with TERM=dumb, no colours with NO_COLOR.
#pragma once

#include <cstddef>
#include <string>

namespace harness
{

class Terminal
{
  public:
    enum Colour { green, red, yellow };

    explicit Terminal(int fd);

    /// Columns, asked anew each time, for a window may be resized; 0: no terminal, lines may be of any length.
    std::size_t width() const;
    bool is_narrow() const { return width() > 0 && width() < 60; }
    /// Whether a line can be drawn over.
    bool can_draw() const { return can_draw_; }
    std::string in_colour(const std::string& text, Colour colour) const;
    /// What takes away a line that was drawn when the window may have been wider, and stands on several rows now.
    std::string erase(const std::string& drawn) const;

  private:
    int fd_;
    bool is_terminal_;
    bool can_draw_;
    bool has_colours_;
};

} // namespace harness
