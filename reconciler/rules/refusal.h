#pragma once

#include "events/entries/facts.h"
#include "events/money/outcome.h"

namespace vouch::reconciler {

/// What docs/rules.md says to a command or step that it refuses.
struct Refusal {
    Outcome outcome = Outcome::malformed;
    Facts facts;
};

inline Refusal refusal(Outcome outcome, const Facts& facts = {}) { return {outcome, facts}; }

}  // namespace vouch::reconciler
