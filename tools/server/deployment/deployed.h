#pragma once

#include "command-handler/gateway/command_gateway.h"
#include "command-handler/shard/handler.h"
#include "events/log/scrub.h"
#include "events/world/clock.h"
#include "tools/server/deployment/watched_gateway.h"
#include "tools/server/http/api/api_server.h"
#include "tools/server/http/api/ledger_parts.h"
#include "tools/server/places/opened_books.h"
#include "tools/server/places/server_mark.h"
#include "tools/server/places/view_follower.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::server {

/// Which parts a process runs; at least one.
struct Roles {
    bool handler = true;
    bool projector = true;
    bool api = true;
};

/// A deployment at work: the parts that its roles ask for, started in the order in which they need
/// each other and stopped in the other one.
class Deployed {
public:
    /// `wake` outlives it, and is woken when there is something to ask it for.
    Deployed(places::OpenedBooks books, command_handler::WakeDescriptor& wake)
        : books_(std::move(books)), wake_(wake) {}

    /// What may read or wait for long before anybody is served. Stop it after a fault, too.
    Status start_books(const places::DataOptions& data, const Roles& roles);
    /// Prints the address when it is ready. After start_books; stop it after a fault, too.
    Status start_api(const http::ListenAddress& address, const std::string& commit);

    /// What went wrong by itself, if something has.
    std::optional<Fault> fault();
    /// Why a shard has stopped alone, if one has.
    std::optional<Fault> stopped_shard() const;
    /// Says, once each time, when a view stands still for good or is damaged: the ledger goes on,
    /// and /readyz says so too.
    void tell_of_views();

    /// Stops taking, finishes what was decided. The first thing that went wrong.
    Status stop();
    /// While it stops: what the log waits for, such as brokers that do not answer; when there is
    /// anything, nobody waits for it any longer. Any thread.
    std::optional<Fault> outage();

private:
    Status start_handler(const places::DataOptions& data);
    Status start_projector();

    places::OpenedBooks books_;
    command_handler::WakeDescriptor& wake_;
    struct Told {
        bool stop = false;
        bool damage = false;
    };
    std::vector<Told> told_;  ///< what people have heard of a shard's view
    std::optional<places::ServerMark>
        mark_;  ///< where other processes find both commands and questions
    SystemClock clock_;
    std::atomic<places::ViewFollower*> following_{nullptr};
    std::atomic<http::ApiServer*> serving_{nullptr};
    std::optional<command_handler::CommandGateway> gateway_;
    std::optional<WatchedGateway> watched_;
    std::optional<BackgroundScrub> scrub_;
    std::unique_ptr<command_handler::Handler> handler_;
    std::unique_ptr<places::ViewFollower> views_;
    http::LedgerParts parts_;
    std::unique_ptr<http::ApiServer> server_;
};

}  // namespace vouch::server
