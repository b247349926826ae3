// SPDX-License-Identifier: GPL-2.0-or-later
#include "connector.h"

#include <fcntl.h>

#include "errors.h"

namespace qtest
{

/// Outlives the Connector: GIO calls back even for what was cancelled.
struct Connector::Attempt {
    Loop* loop;
    Handlers handlers; // empty once given up
    ObjectPtr<GSocketClient> client;
    ObjectPtr<GCancellable> cancellable;

    static void finished(GObject*, GAsyncResult* result, gpointer data)
    {
        const std::unique_ptr<std::shared_ptr<Attempt>> keep(static_cast<std::shared_ptr<Attempt>*>(data));
        Attempt& attempt = **keep;
        ErrorSlot error;
        const ObjectPtr<GSocketConnection> connection(
            g_socket_client_connect_finish(attempt.client.get(), result, error.out()));
        const Handlers handlers = std::exchange(attempt.handlers, {});
        if (!handlers.connected)
            return;
        attempt.loop->guard([&] {
            if (!connection) {
                handlers.failed(std::make_exception_ptr(OsError(error.text())));
                return;
            }
            // The connection closes its own descriptor when it goes.
            const int fd = g_socket_get_fd(g_socket_connection_get_socket(connection.get()));
            handlers.connected(UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)));
        });
    }
};

Connector::Connector(Loop& loop, const Address& address, Handlers handlers)
    : attempt_(
          std::make_shared<Attempt>(Attempt{&loop, std::move(handlers), ObjectPtr<GSocketClient>(g_socket_client_new()),
                                            ObjectPtr<GCancellable>(g_cancellable_new())}))
{
    g_socket_client_set_enable_proxy(attempt_->client.get(), FALSE);
    g_socket_client_connect_async(attempt_->client.get(), address.connectable().get(), attempt_->cancellable.get(),
                                  Attempt::finished, new std::shared_ptr<Attempt>(attempt_));
}

Connector::~Connector()
{
    attempt_->handlers = {};
    g_cancellable_cancel(attempt_->cancellable.get());
}

} // namespace qtest
