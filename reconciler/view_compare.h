#pragma once

#include "reconciler/chain_check.h"
#include "reconciler/finding.h"
#include "reconciler/id_rows.h"
#include "reconciler/shard_fold.h"
#include "reconciler/view_check.h"

#include <cstdint>

namespace vouch::reconciler {

/// Holds one shard's projection against the books folded exactly to the view's own position: every
/// newest row, and every history row by a digest for each account. Its id rows are handed to the id
/// check. Memory: nothing that grows.
class ViewCompare {
public:
    ViewCompare(ViewReader& views, const ShardFold& fold, Findings& findings)
        : views_(views), fold_(fold), findings_(findings) {}

    /// Call when the fold stands at the view's position. A fault is the view's store's.
    Status compare(const ViewPosition& position, IdRows& ids);

private:
    void report(Check check, std::optional<EventNumber> event, const std::string& message);
    Status compare_accounts();
    Status compare_history();
    Status take_ids(IdRows& ids);

    ViewReader& views_;
    const ShardFold& fold_;
    Findings& findings_;
    ShardId shard_;
};

}  // namespace vouch::reconciler
