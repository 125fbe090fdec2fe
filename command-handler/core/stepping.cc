#include "command-handler/core/stepping.h"

#include <string>

namespace vouch::command_handler {

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

}  // namespace vouch::command_handler
