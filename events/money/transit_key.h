#pragma once

#include "events/money/asset.h"
#include "events/money/ids.h"

#include <compare>

namespace vouch {

/// What names a transit account: value of `asset` goes from shard `from` to shard `to`.
struct TransitKey {
    LedgerId ledger;
    ShardId from;
    ShardId to;
    Asset asset;
    friend auto operator<=>(const TransitKey&, const TransitKey&) = default;
};

}  // namespace vouch
