// SPDX-License-Identifier: GPL-2.0-or-later
#include "address.h"

#include <charconv>

#include <fmt/format.h>
#include <gio/gunixsocketaddress.h>
#include <sys/un.h>

#include "errors.h"

namespace qtest
{

Address Address::unix_path(std::string path)
{
    constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
    if (path.empty() || path.size() > longest)
        throw EnvironmentError(fmt::format("'{}' is no path of a UNIX socket: {} bytes, 1 to {} are possible", path,
                                           path.size(), longest));
    return Address(std::move(path), -1);
}

Address Address::tcp(std::string host, std::uint16_t port) { return Address(std::move(host), port); }

Address Address::parse(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || text.find('/') != std::string_view::npos)
        return unix_path(std::string(text));
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (result.ec != std::errc() || result.ptr != digits.data() + digits.size())
        throw EnvironmentError(fmt::format("Bad port: '{}' in '{}'.", digits, text));
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    return tcp(std::string(host), port);
}

std::string Address::text() const
{
    if (is_unix())
        return name_;
    return name_.find(':') == std::string::npos ? fmt::format("{}:{}", name_, port_)
                                                : fmt::format("[{}]:{}", name_, port_);
}

ObjectPtr<GSocketConnectable> Address::connectable() const
{
    return ObjectPtr<GSocketConnectable>(is_unix() ? G_SOCKET_CONNECTABLE(g_unix_socket_address_new(name_.c_str()))
                                                   : g_network_address_new(name_.c_str(), port()));
}

} // namespace qtest
