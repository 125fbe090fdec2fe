#include "command-handler/core/execute_step.h"

#include "command-handler/core/execute.h"
#include "command-handler/core/stepping.h"
#include "events/overloads.h"

#include <variant>

namespace vouch::command_handler {
namespace {

/// A command that another shard passed on, as if it had been sent here.
Result<StepExecution> take_forwarded(Stepping& stepping, const Command& command, Timestamp time) {
    const AccountId decides = deciding_account(command);
    if (decides.is_zero() || !stepping.state.is_local(decides)) {
        return stepping.fault("a forwarded command that this shard does not decide");
    }
    CommandDecided decided;
    decided.command = command;
    const Execution execution =
        execute(stepping.state, stepping.facts, decided, true, time, stepping.sink, stepping.arena);
    if (execution.kind == Execution::Kind::repeated) {
        stepping.sink.append(ForwardRepeated{.command = command, .first_event = execution.event});
    }
    return stepping.done(StepExecution::Kind::forwarded);
}

}  // namespace

Result<StepExecution> execute_step(ShardState& state, FactSource& facts, const StepOrigin& origin,
                                   const Step& step, Timestamp time, EventSink& sink,
                                   Arena& arena) {
    Stepping stepping{state, facts, origin, step, sink, arena};
    if (origin.shard == state.shard() || origin.shard.value() >= state.shard_count()) {
        return stepping.fault("a step of no other shard");
    }
    return std::visit(
        Overloads{
            [&](const AnswerStep& answer) { return take_answer(stepping, answer); },
            [&](const ForwardStep& forward) {
                return take_forwarded(stepping, forward.command, time);
            },
            [&](const auto& followed) { return follow(stepping, followed); },
        },
        step.kind);
}

}  // namespace vouch::command_handler
