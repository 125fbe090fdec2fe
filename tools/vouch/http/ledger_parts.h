#pragma once

#include "command-handler/shard/handler.h"
#include "events/log/log.h"
#include "events/log/log_alarm.h"
#include "events/log/scrub.h"
#include "events/seal/deployment.h"
#include "tools/vouch/command_door.h"
#include "tools/vouch/http/view_follower.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace vouch::http {

/// What the API stands before. All of it outlives the server. Commands are taken where there is a
/// door, questions answered where there are views.
struct LedgerParts {
    const Deployment* deployment = nullptr;
    cli::CommandDoor* door = nullptr;
    command_handler::Handler* handler = nullptr;  ///< given with a door
    ViewFollower* views = nullptr;
    Log* log = nullptr;  ///< given with a door: what commands wait for
    /// What is wrong around the log at present, from any thread; empty where nobody looks.
    std::function<std::vector<LogAlarm>()> alarms{};
    const BackgroundScrub* scrub = nullptr;  ///< given where old records are read again
    std::string program_version;
    /// How long commands that were sent wait for the next outcome, as on a full disk, before their
    /// request is told that it is not known. Shorter than our own client waits (client.h).
    std::chrono::milliseconds outcome_wait_max{100'000};
};

}  // namespace vouch::http
