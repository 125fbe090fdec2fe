#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "command-handler/shard/answer.h"
#include "events/entries/event.h"

#include <optional>

namespace vouch::command_handler {

/// True when there is more to tell of a decision than its outcome.
bool has_details(const CommandDecided& decided);
std::optional<AnswerDetails> details_of(const ShardState& state, const CommandDecided& decided);
/// What a repeat of a command that has its outcome is told beyond it.
std::optional<AnswerDetails> details_of(const ShardState& state, const PastCommand& past);

}  // namespace vouch::command_handler
