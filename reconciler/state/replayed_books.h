#pragma once

#include "events/money/shard_of.h"
#include "reconciler/state/account_table.h"
#include "reconciler/state/crossings.h"
#include "reconciler/state/open_holds.h"

#include <cstdint>

namespace vouch::reconciler {

/// A shard's books as the log makes them: what the replay folds.
///
/// After a broken record (one that cannot be believed, or is missing) nothing is known for sure.
/// The generation then rises, and each row is believed again once a later record claims it: so one
/// edited record is one finding, not one for every record behind it.
struct ReplayedBooks {
    ShardId shard;
    std::uint32_t shards = 1;
    AccountTable accounts;
    OpenHolds holds;
    Crossings crossings;
    std::uint32_t generation = 0;

    bool was_broken() const { return generation != 0; }
    bool is_sure(const Account& account) const {
        return account.is_known && account.is_opening_believed && account.generation == generation;
    }
    bool is_sure(const OpenHold& hold) const { return hold.generation == generation; }
    ShardId home_of(AccountId id) const { return shards == 1 ? shard : shard_of(id, shards); }
    bool is_here(AccountId id) const { return home_of(id) == shard; }
};

}  // namespace vouch::reconciler
