#pragma once

#include "command-handler/core/execute_step.h"

namespace vouch::command_handler {

/// The two halves of execute_step, for steps that another shard leads (credit, hold, capture,
/// release) and for answers to what this shard led. Rules: docs/rules.md, "Across shards".

/// One step being taken.
struct Stepping {
    ShardState& state;
    FactSource& facts;
    const StepOrigin& origin;
    const Step& step;
    EventSink& sink;
    Arena& arena;

    /// What no honest shard sends.
    Fault fault(const char* what) const;
    /// Where the event just appended stands.
    StepExecution done(StepExecution::Kind kind) const;
};

Result<StepExecution> follow(Stepping& stepping, const CreditStep& credit);
Result<StepExecution> follow(Stepping& stepping, const HoldStep& place);
Result<StepExecution> follow(Stepping& stepping, const CaptureStep& capture);
Result<StepExecution> follow(Stepping& stepping, const ReleaseStep& release);

Result<StepExecution> take_answer(Stepping& stepping, const AnswerStep& answer);

}  // namespace vouch::command_handler
