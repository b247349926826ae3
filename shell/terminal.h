// SPDX-License-Identifier: GPL-2.0-or-later
//
// Terminal: the line that is typed, by GNU readline on the case's loop, so that events show while one types. One at a
// time: readline has but one state.
#pragma once

#include <functional>
#include <string>

#include "completion.h"
#include "loop.h"

namespace shell
{

class Terminal
{
  public:
    /// `entered` is called from the loop with each line; `ended` when there will be no more (Ctrl-D). The history is
    /// read from and kept in that file as far as that is possible.
    Terminal(qtest::Loop& loop, Completion completion, std::string history_file,
             std::function<void(const std::string&)> entered, std::function<void()> ended);
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();

    /// Shows the prompt and reads. After each line it does not, until called again.
    void prompt();
    /// Prints lines, above the one being typed if there is one.
    void print(const std::string& text);

  private:
    static void take_line(char* line);
    static char** complete(const char* text, int start, int end);

    qtest::Loop& loop_;
    Completion completion_;
    std::string history_file_;
    std::function<void(const std::string&)> entered_;
    std::function<void()> ended_;
    qtest::Watch input_;
    bool reading_ = false;
};

} // namespace shell
