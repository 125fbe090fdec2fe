#pragma once

#include "events/entries/step.h"
#include "reconciler/rules/refusal.h"
#include "reconciler/state/replayed_books.h"

#include <optional>

namespace vouch::reconciler {

/// What docs/rules.md answers to a credit, hold, capture or release of shard `from`.
struct DerivedStep {
    bool is_sure = true;
    std::optional<Refusal> refusal;
    Amount taken;  ///< of an accepted credit, hold or capture
};
DerivedStep derive_step(const ReplayedBooks& books, const Step& step, ShardId from);

}  // namespace vouch::reconciler
