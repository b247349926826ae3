// SPDX-License-Identifier: GPL-2.0-or-later
#include "terminal.h"

#include <cstdio>
#include <cstring>

#include <readline/history.h>
#include <readline/readline.h>
#include <unistd.h>

namespace shell
{

namespace
{

constexpr const char* prompt_text = "(QMP) ";
constexpr int most_history = 1000; // lines

Terminal* the_terminal = nullptr;

} // namespace

Terminal::Terminal(qtest::Loop& loop, Completion completion, std::string history_file,
                   std::function<void(const std::string&)> entered, std::function<void()> ended)
    : loop_(loop), completion_(std::move(completion)), history_file_(std::move(history_file)),
      entered_(std::move(entered)), ended_(std::move(ended))
{
    the_terminal = this;
    rl_readline_name = "qmp-shell";
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = " \t";
    using_history();
    stifle_history(most_history);
    read_history(history_file_.c_str());
}

Terminal::~Terminal()
{
    if (reading_)
        rl_callback_handler_remove();
    the_terminal = nullptr;
}

void Terminal::prompt()
{
    rl_callback_handler_install(prompt_text, take_line);
    reading_ = true;
    input_ = loop_.watch(STDIN_FILENO, G_IO_IN, [] { rl_callback_read_char(); });
}

void Terminal::take_line(char* line)
{
    Terminal& self = *the_terminal;
    rl_callback_handler_remove();
    self.reading_ = false;
    self.input_ = qtest::Watch();
    if (!line) {
        std::puts("");
        self.ended_();
        return;
    }
    const std::string text = line;
    std::free(line);
    if (text.find_first_not_of(" \t") == std::string::npos) {
        self.prompt();
        return;
    }
    add_history(text.c_str());
    write_history(self.history_file_.c_str()); // now: nobody says how the shell will end
    self.entered_(text);
}

void Terminal::print(const std::string& text)
{
    if (reading_)
        rl_clear_visible_line();
    std::puts(text.c_str());
    std::fflush(stdout);
    if (reading_) {
        rl_on_new_line();
        rl_redisplay();
    }
}

char** Terminal::complete(const char*, int start, int end)
{
    rl_attempted_completion_over = 1; // never file names
    const std::string word(rl_line_buffer + start, rl_line_buffer + end);
    const auto candidates =
        the_terminal->completion_.candidates({rl_line_buffer, static_cast<std::size_t>(start)}, word);
    // Nothing is to follow "name=" but its value.
    rl_completion_append_character = candidates.size() == 1 && candidates[0].ends_with('=') ? '\0' : ' ';
    static std::vector<std::string> left;
    left = candidates;
    return rl_completion_matches(word.c_str(), [](const char*, int state) -> char* {
        const auto index = static_cast<std::size_t>(state);
        return index < left.size() ? strdup(left[index].c_str()) : nullptr;
    });
}

} // namespace shell
