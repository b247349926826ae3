// SPDX-License-Identifier: GPL-2.0-or-later
#include "listener.h"

#include <fcntl.h>
#include <unistd.h>

#include "errors.h"

namespace relay
{

using qtest::Address;
using qtest::ErrorSlot;
using qtest::ObjectPtr;
using qtest::OsError;

namespace
{

/// All channels of a migration connect at once; 16 multifd channels are more than any case asks for.
constexpr int backlog = 32;

} // namespace

ObjectPtr<GSocketAddress> socket_address(const Address& address)
{
    if (!address.is_unix()) {
        ObjectPtr<GSocketAddress> literal(
            g_inet_socket_address_new_from_string(address.name().c_str(), address.port()));
        if (!literal)
            throw OsError(address.text() + ": the host is no address in numbers");
        return literal;
    }
    ErrorSlot error;
    const ObjectPtr<GSocketConnectable> path = address.connectable();
    const ObjectPtr<GSocketAddressEnumerator> addresses(g_socket_connectable_enumerate(path.get()));
    ObjectPtr<GSocketAddress> first(g_socket_address_enumerator_next(addresses.get(), nullptr, error.out()));
    if (!first)
        throw OsError(address.text() + ": " + error.text());
    return first;
}

ObjectPtr<GSocket> stream_socket(GSocketAddress* address)
{
    ErrorSlot error;
    ObjectPtr<GSocket> socket(g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM,
                                           G_SOCKET_PROTOCOL_DEFAULT, error.out()));
    if (!socket)
        throw OsError(error.text());
    g_socket_set_blocking(socket.get(), FALSE);
    return socket;
}

Listener::Listener(qtest::Loop& loop, const Address& address, std::function<void(qtest::UniqueFd)> accepted)
    : address_(address), accepted_(std::move(accepted))
{
    ErrorSlot error;
    const auto wanted = socket_address(address);
    auto socket = stream_socket(wanted.get());
    g_socket_set_listen_backlog(socket.get(), backlog);
    if (!g_socket_bind(socket.get(), wanted.get(), TRUE, error.out()) || !g_socket_listen(socket.get(), error.out()))
        throw OsError(address.text() + ": " + error.text());
    if (!address.is_unix()) {
        const ObjectPtr<GSocketAddress> local(g_socket_get_local_address(socket.get(), error.out()));
        if (!local)
            throw OsError(address.text() + ": " + error.text());
        address_ = Address::tcp(address.name(), g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(local.get())));
    }
    socket_ = std::move(socket);
    watch_ = loop.watch(g_socket_get_fd(socket_.get()), G_IO_IN, [this] { accept(); });
}

Listener::~Listener()
{
    watch_ = qtest::Watch();
    if (socket_ && address_.is_unix())
        unlink(address_.name().c_str());
}

void Listener::accept()
{
    ErrorSlot error;
    const ObjectPtr<GSocket> client(g_socket_accept(socket_.get(), nullptr, error.out()));
    if (client)
        accepted_(qtest::UniqueFd(fcntl(g_socket_get_fd(client.get()), F_DUPFD_CLOEXEC, 0)));
    else if (!error.is(G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        throw OsError(address_.text() + ": " + error.text());
}

} // namespace relay
