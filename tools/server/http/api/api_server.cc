#include "tools/server/http/api/api_server.h"

#include "tools/server/http/api/descriptor_bounds.h"
#include "tools/server/http/api/ledger_thread.h"
#include "tools/server/http/api/routes.h"

#include <utility>

namespace vouch::http {

ApiServer::ApiServer(const LedgerParts& parts) : parts_(parts), meter_(route_names()) {}

Result<std::unique_ptr<ApiServer>> ApiServer::start(const LedgerParts& parts,
                                                    const ListenAddress& address,
                                                    std::size_t threads) {
    std::unique_ptr<ApiServer> self(new ApiServer(parts));
    const auto make_service = [&self](IoThread& thread) {
        auto made = std::make_unique<LedgerThread>(thread, self->parts_, self->long_queries_,
                                                   self->meter_);
        self->threads_.push_back(made.get());
        return made;
    };
    Result<std::unique_ptr<Server>> server = Server::start(
        address, threads, port_connections_max(parts.deployment->shards), make_service);
    if (!server) return server.error();
    self->server_ = std::move(*server);
    return self;
}

void ApiServer::views_changed() {
    for (LedgerThread* const each : threads_) each->views_changed();
}

void ApiServer::stop() {
    long_queries_.stop();
    if (server_) server_->stop();
}

}  // namespace vouch::http
