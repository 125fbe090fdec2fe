#include "command-handler/core/execute_step.h"

#include "events/entries/codec.h"

#include <string>

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

Fault Stepping::fault(const char* what) const {
    return {FaultCode::corrupt, "shard " + std::to_string(state.shard().value()) + " record " +
                                    std::to_string(sink.record().value()) + ": found " + what +
                                    ", from shard " + std::to_string(origin.shard.value()) +
                                    " record " + std::to_string(origin.record.value())};
}

StepExecution Stepping::done(StepExecution::Kind kind) const {
    StepExecution execution;
    execution.kind = kind;
    execution.record = sink.record();
    execution.event = EventNumber(sink.next_event().value() - 1);
    return execution;
}

Result<StepExecution> execute_step(ShardState& state, FactSource& facts, const StepOrigin& origin,
                                   const Step& step, Timestamp time, EventSink& sink,
                                   Arena& arena) {
    Stepping stepping{state, facts, origin, step, sink, arena};
    if (origin.shard == state.shard() || origin.shard.value() >= state.shard_count()) {
        return stepping.fault("a step of no other shard");
    }
    if (const auto* credit = std::get_if<CreditStep>(&step.kind)) return follow(stepping, *credit);
    if (const auto* place = std::get_if<HoldStep>(&step.kind)) return follow(stepping, *place);
    if (const auto* capture = std::get_if<CaptureStep>(&step.kind)) {
        return follow(stepping, *capture);
    }
    if (const auto* release = std::get_if<ReleaseStep>(&step.kind)) {
        return follow(stepping, *release);
    }
    if (const auto* answer = std::get_if<AnswerStep>(&step.kind)) {
        return take_answer(stepping, *answer);
    }
    return take_forwarded(stepping, std::get<ForwardStep>(step.kind).command, time);
}

std::size_t command_events_bytes_max(const CommandBody& body, std::size_t command_bytes) {
    // An account after a change, with every number at its longest.
    constexpr std::size_t kChangeBytesMax = 192;
    // A posting in a command is never shorter than its two id halves.
    constexpr std::size_t kPostingBytesMin = 18;
    // What is left, with the opening of a transit account.
    constexpr std::size_t kRest = 1024;
    std::size_t changes = command_bytes / kPostingBytesMin + 2;
    if (std::holds_alternative<Reverse>(body) || std::holds_alternative<Group>(body)) {
        changes = kPostingsMax + 2;
    }
    return 2 * command_bytes + changes * kChangeBytesMax + kRest;
}

std::size_t step_events_bytes_max(const ShardState& state, const Step& step) {
    // The step or outcome with two changes, a hold, an entry of two postings and facts, and the
    // opening of a transit account, every number at its longest.
    constexpr std::size_t kEventsBytesMax = 2048;
    if (const auto* forwarded = std::get_if<ForwardStep>(&step.kind)) {
        const Command& command = forwarded->command;
        return command_events_bytes_max(command.body, encoded_size(command));
    }
    if (!std::holds_alternative<AnswerStep>(step.kind)) return kEventsBytesMax;
    const Crossing* crossing = state.crossings().find({step.ledger, step.command});
    return kEventsBytesMax + (crossing != nullptr ? crossing->command.size() : 0);
}

}  // namespace vouch::command_handler
