#pragma once

#include "tools/server/http/api/ledger_parts.h"
#include "tools/server/http/api/long_queries.h"
#include "tools/server/http/wire/server.h"
#include "tools/server/metrics/request_meter.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vouch::http {

class LedgerThread;

/// The HTTP API before a ledger.
class ApiServer {
public:
    /// `configuration` when the port is taken. What `parts` names outlives the server, and its
    /// gateway has not been used.
    static Result<std::unique_ptr<ApiServer>> start(const LedgerParts& parts,
                                                    const ListenAddress& address,
                                                    std::size_t threads);
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;
    ~ApiServer() { stop(); }

    /// As in Server, which see.
    const std::string& url() const { return server_->url(); }
    Status listen_in(const std::filesystem::path& directory) {
        return server_->listen_in(directory);
    }
    bool drain() { return server_->drain(); }

    /// To be called, on any thread, when a view has moved.
    void views_changed();
    /// Ends the threads, after the ledger's own that answer. Once.
    void stop();

private:
    explicit ApiServer(const LedgerParts& parts);

    LedgerParts parts_;
    metrics::RequestMeter meter_;
    LongQueries long_queries_;
    std::vector<LedgerThread*> threads_;
    std::unique_ptr<Server> server_;  ///< has the threads
};

}  // namespace vouch::http
