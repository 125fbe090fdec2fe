#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"

#include <memory>

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
    /// Where the outcome stands: of a repeat the first time's.
    RecordNumber record;
    EventNumber event;
    /// When repeated, or a conflict: what was first. Borrows from the fact source. Not in place: it
    /// is large, and nearly no command has one.
    std::unique_ptr<const PastCommand> past;
};

/// Decides a command wholly: finds repeats and conflicts, decides, applies, appends its events; a
/// group member by member, taken back from its start when one is refused. `decided.command` is set
/// by the caller; the rest of `decided` is filled unless the command is a repeat or conflict.
/// `may_be_seen` false promises that the id is new, which saves the look-up.
Execution execute(ShardState& state, FactSource& facts, CommandDecided& decided, bool may_be_seen,
                  Timestamp time, EventSink& sink, Arena& arena);

}  // namespace vouch::command_handler
