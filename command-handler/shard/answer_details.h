#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/shard/answer.h"
#include "command-handler/shard/shard_books.h"
#include "events/entries/event.h"

#include <optional>

namespace vouch::command_handler {

/// True when there is more to tell of a decision than its outcome.
inline bool has_details(const CommandDecided& decided) {
    return !decided.facts.is_empty() || decided.moved || !decided.members.empty();
}
/// `event` is that of the decision.
std::optional<AnswerDetails> details_of(const ShardBooks& books, const CommandDecided& decided,
                                        EventNumber event);
/// What a repeat of a command that has its outcome is told beyond it.
std::optional<AnswerDetails> details_of(const ShardBooks& books, const PastCommand& past);

}  // namespace vouch::command_handler
