#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"

#include <atomic>
#include <map>
#include <span>
#include <vector>

namespace vouch::projector {

class ShardReader;

/// An account through which money leaves a shard.
struct WayOut {
    AccountNumber number;
    LedgerId ledger;
    ShardId to;
};

/// The ways out of each shard, among the accounts that were read. What an account is never changes:
/// who keeps this from question to question reads each account once. One thread.
class WaysOut {
public:
    /// Of all accounts of the shard's view. Ends, `retriable`, as soon as `ending` is true, which
    /// may be null. Until the next call.
    Result<std::span<const WayOut>> of(ShardReader& shard, const std::atomic<bool>* ending);

private:
    struct OfShard {
        AccountNumber next;  ///< the first that was not read
        std::vector<WayOut> found;
    };
    std::map<ShardId, OfShard> shards_;
};

}  // namespace vouch::projector
