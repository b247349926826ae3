// SPDX-License-Identifier: GPL-2.0-or-later
#include "acceptor.h"

#include <fcntl.h>
#include <unistd.h>

#include "errors.h"

namespace qtest
{

/// Outlives the Acceptor: GIO calls back even for what was cancelled.
struct Acceptor::Resolution {
    Acceptor* acceptor; // null once it is gone
    ObjectPtr<GSocketAddressEnumerator> addresses;
    ObjectPtr<GCancellable> cancellable;

    static void found(GObject*, GAsyncResult* result, gpointer data)
    {
        const std::unique_ptr<std::shared_ptr<Resolution>> keep(static_cast<std::shared_ptr<Resolution>*>(data));
        const Resolution& self = **keep;
        ErrorSlot error;
        const ObjectPtr<GSocketAddress> address(
            g_socket_address_enumerator_next_finish(self.addresses.get(), result, error.out()));
        if (!self.acceptor)
            return;
        Acceptor& acceptor = *self.acceptor;
        acceptor.loop_.guard([&] {
            const Handlers handlers = acceptor.handlers_;
            try {
                if (!address)
                    throw OsError(error.text());
                acceptor.listen(address.get());
            } catch (const OsError&) {
                handlers.failed(std::current_exception());
                return;
            }
            handlers.listening();
        });
    }
};

Acceptor::Acceptor(Loop& loop, const Address& address, Handlers handlers)
    : loop_(loop), wanted_(address), handlers_(std::move(handlers)),
      resolution_(std::make_shared<Resolution>(Resolution{
          this, ObjectPtr<GSocketAddressEnumerator>(g_socket_connectable_enumerate(address.connectable().get())),
          ObjectPtr<GCancellable>(g_cancellable_new())}))
{
    g_socket_address_enumerator_next_async(resolution_->addresses.get(), resolution_->cancellable.get(),
                                           Resolution::found, new std::shared_ptr<Resolution>(resolution_));
}

Acceptor::~Acceptor()
{
    resolution_->acceptor = nullptr;
    g_cancellable_cancel(resolution_->cancellable.get());
    watch_ = Watch();
    if (socket_)
        g_socket_close(socket_.get(), nullptr);
    if (bound_ && bound_->is_unix())
        unlink(bound_->name().c_str());
}

void Acceptor::listen(GSocketAddress* address)
{
    ErrorSlot error;
    socket_.reset(g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT,
                               error.out()));
    if (!socket_ || !g_socket_bind(socket_.get(), address, TRUE, error.out()))
        throw OsError(wanted_.text() + ": " + error.text());
    bound_ = wanted_;
    g_socket_set_listen_backlog(socket_.get(), 1);
    if (!g_socket_listen(socket_.get(), error.out()))
        throw OsError(error.text());
    if (wanted_.is_unix())
        return;
    const ObjectPtr<GSocketAddress> local(g_socket_get_local_address(socket_.get(), error.out()));
    if (!local)
        throw OsError(error.text());
    bound_ = Address::tcp(wanted_.name(), g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(local.get())));
}

void Acceptor::accept(std::function<void(UniqueFd)> accepted)
{
    g_socket_set_blocking(socket_.get(), FALSE);
    watch_ = loop_.watch(g_socket_get_fd(socket_.get()), G_IO_IN, [this, accepted = std::move(accepted)] {
        ErrorSlot error;
        const ObjectPtr<GSocket> client(g_socket_accept(socket_.get(), nullptr, error.out()));
        if (error.is(G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
            return; // the client was gone again before it was taken: the next one will do
        if (!client) {
            watch_ = Watch();
            const auto failed = handlers_.failed;
            failed(std::make_exception_ptr(OsError(error.text())));
            return;
        }
        // Whoever is told drops this Acceptor, and this callback with it.
        const auto told = accepted;
        UniqueFd fd(fcntl(g_socket_get_fd(client.get()), F_DUPFD_CLOEXEC, 0));
        watch_ = Watch();
        told(std::move(fd));
    });
}

} // namespace qtest
