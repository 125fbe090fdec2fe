#include "command-handler/core/expire_holds.h"

#include "command-handler/core/limits.h"
#include "events/money/shard_of.h"

#include <optional>

namespace vouch::command_handler {

bool expire_holds(ShardState& state, Timestamp time, EventSink& sink) {
    Arena arena;
    for (std::optional<Due> due = state.holds().next_due(); due && due->expires_at <= time;
         due = state.holds().next_due()) {
        if (!sink.has_room()) return false;
        HoldExpired event;
        event.ledger = due->key.ledger;
        event.hold = *state.holds().find(due->key);
        const Amount freed = event.hold.remaining;
        event.changes = release_changes(state, event.hold, freed, arena);
        event.hold.remaining = Amount();
        event.hold.status = HoldStatus::expired;
        state.apply(event);
        sink.append(event);
        if (!event.hold.remote_payee.is_zero()) {
            const ReleaseStep release{.hold = event.hold.id, .freed = freed, .expired = true};
            sink.send(shard_of(event.hold.remote_payee, state.shard_count()),
                      Step{.ledger = event.ledger, .command = event.hold.id, .kind = release});
        }
        arena.clear();
    }
    return true;
}

}  // namespace vouch::command_handler
