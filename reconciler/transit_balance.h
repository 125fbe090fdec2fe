#pragma once

#include "reconciler/books.h"
#include "reconciler/finding.h"

#include <map>
#include <vector>

namespace vouch::reconciler {

/// What is between shards: for each pair of transit accounts, how the two differ. One thread.
/// Memory: 200 bytes for each (ledger, from, to, asset) in use.
class TransitBalance {
public:
    /// A shard's transit accounts, as they are at the end of its log.
    void add(const Books& books);

    /// The two accounts of each pair must differ by what their steps say is in flight. Not asked of
    /// shards of which something could not be believed.
    void check(Findings& findings) const;

private:
    struct End {
        Totals totals;
        Transit steps;
    };
    struct Pair {
        End sender;
        End receiver;
    };

    std::map<TransitKey, Pair> pairs_;
    std::vector<ShardId> unsure_;
};

}  // namespace vouch::reconciler
