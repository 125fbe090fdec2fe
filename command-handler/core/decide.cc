#include "command-handler/core/decide.h"

#include "command-handler/core/across_shards.h"
#include "command-handler/core/deciding.h"
#include "events/check.h"

#include <variant>

namespace vouch::command_handler {

namespace {

/// Groups are executed, not decided.
void decide(Deciding&, const Group&) { VOUCH_ASSERT(false); }

/// The record's time is the one that the command set.
void decide(Deciding& deciding, const SetClock&) { deciding.accept(Outcome::clock_set); }

}  // namespace

const Departure* decide(const ShardState& state, FactSource& facts, CommandDecided& decided,
                        Timestamp time, Arena& arena, bool may_cross) {
    clear_result(decided);
    Deciding deciding{state, facts, decided, time, arena, may_cross};
    if (!refuse_expired(deciding))
        std::visit([&](const auto& body) { decide(deciding, body); }, decided.command.body);
    return deciding.departure;
}

}  // namespace vouch::command_handler
