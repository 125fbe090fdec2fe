#pragma once

#include "command-handler/shard/answer_sink.h"
#include "command-handler/shard/handler_options.h"
#include "command-handler/shard/kept_ends.h"
#include "command-handler/shard/sent_steps.h"
#include "command-handler/shard/step_cuts.h"
#include "events/log/log.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/world/clock.h"

#include <filesystem>
#include <string>

namespace vouch::command_handler {

/// What a shard works with; all of it outlives the loop.
struct ShardEnvironment {
    ShardId shard;
    Log& log;
    const Deployment& deployment;
    const EpochKeys& keys;
    Clock& clock;
    AnswerSink& sink;
    HandlerOptions options;
    /// What the shards of this process have sent each other; null: nobody watches.
    SentSteps* sent = nullptr;
    /// Between which of them nothing goes on; null likewise.
    StepCuts* cuts = nullptr;
    /// Where their durable records end; null: nobody keeps it.
    KeptEnds* ends = nullptr;

    /// The shard's own, for its store and its snapshot.
    std::filesystem::path directory() const;
    /// A record of this shard that is not what it must be.
    Fault corrupt(RecordNumber record, const std::string& what) const;
};

}  // namespace vouch::command_handler
