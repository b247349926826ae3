// SPDX-License-Identifier: GPL-2.0-or-later
//
// Address: where a stream socket listens: a UNIX socket's path, or a TCP host and port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "glib_ptr.h"

namespace qtest
{

class Address
{
  public:
    /// Throws EnvironmentError when the path is longer than the 107 bytes that the system takes.
    static Address unix_path(std::string path);
    /// `host` is a name or a literal, IPv6 ones without brackets.
    static Address tcp(std::string host, std::uint16_t port);
    /// "HOST:PORT" or "[IPV6]:PORT", else a path; a text with a slash is always a path. Throws EnvironmentError
    /// ("Bad port: 'x' in 'host:x'.").
    static Address parse(std::string_view text);

    bool is_unix() const noexcept { return port_ < 0; }
    /// The path, or the host.
    const std::string& name() const noexcept { return name_; }
    std::uint16_t port() const noexcept { return static_cast<std::uint16_t>(port_); }
    /// As parse() reads it.
    std::string text() const;

    ObjectPtr<GSocketConnectable> connectable() const;

  private:
    Address(std::string name, int port) : name_(std::move(name)), port_(port) {}

    std::string name_;
    int port_; // -1: a UNIX socket
};

} // namespace qtest
