#pragma once

#include "reconciler/state/replayed_books.h"
#include "reconciler/verdict/finding.h"

#include <map>
#include <vector>

namespace vouch::reconciler {

/// What is between shards: for each (ledger, from, to, asset), how the transit accounts of its two
/// ends differ. One thread.
/// Memory: 200 bytes for each (ledger, from, to, asset) in use.
class TransitBalance {
public:
    /// A shard's transit accounts, as they are at the end of its log.
    void add(const ReplayedBooks& books);

    /// A shard of which not all is known.
    void doubt(ShardId shard) { unsure_.push_back(shard); }

    /// The two ends of each pair must differ by what their steps say is in flight. Not asked of
    /// shards of which something could not be believed.
    void check(Findings& findings) const;

private:
    /// Over all transit accounts of the key on one shard.
    struct End {
        WideSum debits_posted;
        WideSum credits_posted;
        WideSum debits_held;
        WideSum credits_held;
        ReplayedTransit steps;
    };
    struct Pair {
        End sender;
        End receiver;
    };

    std::map<TransitKey, Pair> pairs_;
    std::vector<ShardId> unsure_;
};

}  // namespace vouch::reconciler
