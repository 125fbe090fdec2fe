#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/entries/step.h"
#include "events/result.h"

namespace vouch::command_handler {

/// What became of a command, for whoever answers its sender.
struct Execution {
    enum class Kind {
        decided,
        in_transit,  ///< accepted so far; the outcome follows from another shard's answer
        repeated,    ///< of a command still in transit too: `past->in_transit`
        conflict,
        forwarded,  ///< to the shard that decides it; nothing else is known of it here
    } kind = Kind::decided;
    /// Where the outcome stands: of a repeat (and in a conflict) the first time's.
    RecordNumber record;
    EventNumber event;
    /// When repeated: the first outcome. Borrows from the fact source.
    std::optional<PastCommand> past;
};

/// Decides a command wholly: finds repeats and conflicts, decides, applies, appends its events; a
/// group member by member, taken back from its start when one is refused. `decided.command` is set
/// by the caller; the rest of `decided` is filled unless the command is a repeat or conflict.
/// `may_be_seen` false promises that the id is new, which saves the look-up.
Execution execute(ShardState& state, FactSource& facts, CommandDecided& decided, bool may_be_seen,
                  Timestamp time, EventSink& sink, Arena& arena);

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

/// An upper bound of the bytes of the events that a command of these many bytes leads to.
std::size_t command_events_bytes_max(const CommandBody& body, std::size_t command_bytes);

/// An upper bound of the bytes of the events that a step leads to.
std::size_t step_events_bytes_max(const Step& step);

/// Expires the open holds that are due at `time`, in order. False when the record is full and some
/// are left: they come first in the next record, before any command.
bool expire_holds(ShardState& state, Timestamp time, EventSink& sink);

}  // namespace vouch::command_handler
