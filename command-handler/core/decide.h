#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"

namespace vouch::command_handler {

/// Decides one command that was not seen before and is no group, at record time `time`: fills every
/// field of `decided` but its command, which the caller has set, and its group. Pure: reads state and
/// facts, changes neither; what it points to lives in `arena`. Rules: docs/rules.md.
void decide(const ShardState& state, FactSource& facts, CommandDecided& decided, Timestamp time, Arena& arena);

/// What became of a command, for whoever answers its sender.
struct Execution {
    enum class Kind { decided, repeated, conflict } kind = Kind::decided;
    /// Where the outcome stands: of a repeat (and in a conflict) the first time's.
    RecordNumber record;
    EventNumber event;
    /// When repeated: the first outcome. Borrows from the fact source.
    std::optional<PastCommand> past;
};

/// Decides a command wholly: finds repeats and conflicts, decides, applies, appends its events; a
/// group member by member, taken back from its start when one is refused. `decided.command` is set by
/// the caller; the rest of `decided` is filled unless the command is a repeat or conflict.
/// `may_be_seen` false promises that the id is new, which saves the look-up.
Execution execute(ShardState& state, FactSource& facts, CommandDecided& decided, bool may_be_seen, Timestamp time,
                  EventSink& sink, Arena& arena);

/// Expires the open holds that are due at `time`, in order. False when the record is full and some
/// are left: they come first in the next record, before any command.
bool expire_holds(ShardState& state, Timestamp time, EventSink& sink);

}  // namespace vouch::command_handler
