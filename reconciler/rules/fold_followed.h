#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/fold_changes.h"

#include <optional>
#include <span>

namespace vouch::reconciler {

/// What other shards' steps led to, and the transit accounts over which they come and go.
class FollowedFold {
public:
    FollowedFold(FoldContext& context, ChangeFold& changes)
        : context_(context), changes_(changes) {}

    void fold_transit_opened(const TransitOpened& opened);
    /// A transit account is opened directly before the first event that changes it, and after
    /// another one only when that has no room for it. `changes`: those of the event at hand.
    void check_transit_used(std::span<const Change> changes);
    void fold_followed(const StepFollowed& followed);

private:
    void check_followed(const StepFollowed& followed, ShardId from);
    void check_followed_credit(const StepFollowed& followed, ShardId from, Amount taken);
    void check_followed_hold(const StepFollowed& followed, ShardId from);
    void take_followed(const StepFollowed& followed, ShardId from);
    void keep_followed(const StepFollowed& followed, ShardId from);
    AccountNumber came_over(LedgerId ledger, AccountNumber number) const;
    void keep_credited(const StepFollowed& followed);

    FoldContext& context_;
    ChangeFold& changes_;
    std::optional<AccountNumber> opened_transit_;  ///< by the event before
};

}  // namespace vouch::reconciler
