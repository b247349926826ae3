// SPDX-License-Identifier: GPL-2.0-or-later
//
// Owning pointers to GLib and GIO things. Each holds one reference.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <gio/gio.h>

namespace qtest
{

struct ObjectUnref {
    void operator()(gpointer object) const noexcept { g_object_unref(object); }
};
template <class T>
using ObjectPtr = std::unique_ptr<T, ObjectUnref>;

struct GFree {
    void operator()(gpointer memory) const noexcept { g_free(memory); }
};
using CharPtr = std::unique_ptr<char, GFree>;

/// A GError out-parameter: pass `error.out()`, then look. Frees what it holds.
class ErrorSlot
{
  public:
    ErrorSlot() noexcept = default;
    ErrorSlot(const ErrorSlot&) = delete;
    ErrorSlot& operator=(const ErrorSlot&) = delete;
    ~ErrorSlot() { g_clear_error(&error_); }

    GError** out() noexcept
    {
        g_clear_error(&error_);
        return &error_;
    }
    bool is(GQuark domain, int code) const noexcept { return g_error_matches(error_, domain, code) != FALSE; }
    std::string text() const { return error_ ? error_->message : "no error given"; }

  private:
    GError* error_ = nullptr;
};

} // namespace qtest
