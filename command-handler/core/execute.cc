#include "command-handler/core/execute.h"

#include "command-handler/core/across_shards.h"
#include "command-handler/core/decide.h"
#include "command-handler/core/deciding.h"
#include "command-handler/core/group_execution.h"
#include "events/money/shard_of.h"

#include <memory>
#include <optional>
#include <variant>

namespace vouch::command_handler {

namespace {

/// Of the command whose event was appended last.
Execution executed(Execution::Kind kind, const EventSink& sink) {
    return {kind, sink.record(), EventNumber(sink.next_event().value() - 1), nullptr};
}

/// True when another shard decides the command, which then went there.
bool forward(const ShardState& state, const Command& command, EventSink& sink) {
    if (state.shard_count() == 1) return false;
    const AccountId decides = deciding_account(command);
    if (decides.is_zero() || state.is_local(decides)) return false;
    const ShardId to = shard_of(decides, state.shard_count());
    sink.append(CommandForwarded{.command = command, .to = to});
    sink.send(to, Step{.ledger = {}, .command = {}, .kind = ForwardStep{command}});
    return true;
}

void send_away(ShardState& state, const CommandDecided& decided, const Departure& departure,
               EventSink& sink) {
    if (departure.transit && !departure.transit->is_open) {
        const TransitOpened opening = departure.transit->opening();
        state.apply(opening);
        sink.append(opening);
    }
    CommandInTransit event;
    event.command = decided.command;
    event.to = departure.to;
    event.changes = decided.changes;
    event.hold = decided.hold;
    event.entry = decided.entry;
    event.moved = decided.moved;
    state.apply(event, sink.next_event());
    sink.append(event);
    sink.send(departure.to, Step{.ledger = decided.command.ledger,
                                 .command = decided.command.id,
                                 .kind = departure.step,
                                 .id_text = decided.command.id_text});
}

}  // namespace

Execution execute(ShardState& state, FactSource& facts, CommandDecided& decided, bool may_be_seen,
                  Timestamp time, EventSink& sink, Arena& arena) {
    if (forward(state, decided.command, sink)) return executed(Execution::Kind::forwarded, sink);
    if (may_be_seen) {
        if (std::optional<PastCommand> past =
                facts.find_command(decided.command.ledger, decided.command.id)) {
            if (same_content(past->command(), decided.command))
                return {Execution::Kind::repeated, past->record, past->number,
                        std::make_unique<PastCommand>(*past)};
            sink.append(ConflictSeen{.command = decided.command, .first_event = past->number});
            Execution conflict = executed(Execution::Kind::conflict, sink);
            conflict.past = std::make_unique<PastCommand>(*past);
            return conflict;
        }
        // It may be in transit already, which must not happen twice. The caller gives up all of
        // this.
        if (facts.has_failed()) return executed(Execution::Kind::forwarded, sink);
    }
    if (std::holds_alternative<Group>(decided.command.body)) {
        clear_result(decided);
        decided.group = CommandId();
        GroupExecution(state, facts, decided, time, sink, arena).run();
    } else {
        decided.group = CommandId();
        const Departure* departure = decide(state, facts, decided, time, arena, true);
        if (departure != nullptr) {
            send_away(state, decided, *departure, sink);
            return executed(Execution::Kind::in_transit, sink);
        }
        if (is_accepted(decided.outcome)) state.apply(decided);
        sink.append(decided);
    }
    return executed(Execution::Kind::decided, sink);
}

}  // namespace vouch::command_handler
