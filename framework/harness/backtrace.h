// SPDX-License-Identifier: GPL-2.0-or-later
//
// Backtrace: gdb at one QEMU, to see where each of its threads is. gdb takes half a second to start and a tenth to
// look, so it is started early and told later to look: a process stands still while gdb looks at it.
//
// Whatever happens, gdb is ended with this, and the QEMU runs on. One that was never told to look leaves no file.
#pragma once

#include <optional>

#include "machine.h"

namespace harness
{

class Backtrace
{
  public:
    /// Starts gdb, whose words go to NAME.backtrace. Should that not be possible, look() says so there.
    Backtrace(qtest::Loop& loop, qtest::Machine& machine);
    Backtrace(const Backtrace&) = delete;
    Backtrace& operator=(const Backtrace&) = delete;
    ~Backtrace();

    const qtest::Machine& machine() const noexcept { return machine_; }

    /// Looks at the QEMU that runs or at the core that it left; when there is none, the file says why.
    void look();
    bool done() const { return !gdb_ || !gdb_->running(); }

    /// Whether a process that ended so may have left a core.
    static bool is_crash(const qtest::ExitStatus& status);

  private:
    void say(const std::string& text) const;
    void give_up() noexcept;

    qtest::Machine& machine_;
    std::filesystem::path file_;
    qtest::UniqueFd commands_;
    std::optional<qtest::Process> gdb_;
    std::string obstacle_; // why there is no gdb
    bool looked_ = false;
    bool attached_ = false;
};

} // namespace harness
