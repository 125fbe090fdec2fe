#pragma once

#include "reconciler/rules/asked_command.h"
#include "reconciler/rules/refusal.h"

#include <optional>

namespace vouch::reconciler {

/// Whether a command that nothing else refuses crosses, or names accounts that it cannot reach.
struct DerivedCrossing {
    std::optional<Refusal> refusal;
    std::optional<ShardId> to;  ///< the shard that it crosses to, unless it is refused
};
/// `moved` is what the command moves; `alone`: it is not a member of a group, which cannot cross.
DerivedCrossing derive_crossing(const AskedCommand& asked, Amount moved, bool alone);

}  // namespace vouch::reconciler
