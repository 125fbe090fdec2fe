#pragma once

#include "command-handler/gateway/command_gateway.h"
#include "command-handler/shard/handler.h"
#include "events/log/log.h"
#include "events/log/scrub.h"
#include "events/seal/deployment.h"
#include "tools/server/metrics/outcome_counts.h"
#include "tools/server/places/view_follower.h"

#include <chrono>
#include <filesystem>
#include <string>

namespace vouch::http {

/// What the API stands before. All of it outlives the server. Commands are taken where there is a
/// gateway, questions answered where there are views.
struct LedgerParts {
    const Deployment* deployment = nullptr;
    command_handler::CommandGateway* gateway = nullptr;
    command_handler::Handler* handler = nullptr;  ///< given with a gateway
    places::ViewFollower* views = nullptr;
    LogReader* log = nullptr;                ///< what commands, or the views, wait for
    const BackgroundScrub* scrub = nullptr;  ///< given where old records are read again
    const metrics::OutcomeCounts* told = nullptr;  ///< given with a handler
    std::filesystem::path directory;              ///< whose disk the books need
    std::string program_version;
    std::string program_commit;
    /// How long a request waits for room and for the next outcome, as on a full disk, before it is
    /// told that there is none yet. Our own client then asks again (submit_remote.h).
    std::chrono::milliseconds outcome_wait_max{10'000};
    /// A request as a whole has that time and this for each of its lines: slower than ten lines a
    /// second is no progress. All 8,192 lines of one then end within 14 minutes.
    std::chrono::milliseconds line_time_max{100};
    /// How long a question has for its answer; then it is told to ask again for the same one.
    std::chrono::milliseconds question_time_max{10'000};
};

}  // namespace vouch::http
