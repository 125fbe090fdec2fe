#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/entries/step.h"
#include "events/result.h"

#include <optional>

namespace vouch::command_handler {

/// The record of another shard that a step came with.
struct StepOrigin {
    ShardId shard;
    RecordNumber record;
};

/// What a step led to, for whoever answers the sender of a command.
struct StepExecution {
    enum class Kind {
        followed,   ///< another shard's command: nobody here waits for it
        answered,   ///< a command of this shard has its outcome: `decided`, as if at once
        forwarded,  ///< a command was decided here that was sent to another shard: nobody here
                    ///< waits
    } kind = Kind::followed;
    RecordNumber record;
    EventNumber event;
    /// When answered. Borrows from `arena`.
    CommandDecided decided;
    std::optional<AnsweredBy> answered_by;  ///< when answered
};

/// Takes one step of another shard (docs/rules.md, "Across shards"): applies it, appends its
/// events, sends what follows from it. `corrupt` for what no honest shard sends (an answer to
/// nothing, more captured than is held, a forwarded command that is decided elsewhere): the shard
/// must stop.
Result<StepExecution> execute_step(ShardState& state, FactSource& facts, const StepOrigin& origin,
                                   const Step& step, Timestamp time, EventSink& sink, Arena& arena);

}  // namespace vouch::command_handler
