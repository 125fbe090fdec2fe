#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"

#include <optional>

namespace vouch::projector {

/// Which state of a shard an answer is of.
struct AsOf {
    ShardId shard;
    std::optional<RecordNumber> record;  ///< the last one applied; empty before the first
    friend bool operator==(const AsOf&, const AsOf&) = default;
};

/// Where in the books something was recorded.
struct RecordedAt {
    ShardId shard;
    RecordNumber record;
    EventNumber event;
    Timestamp time;  ///< the record's
    friend bool operator==(const RecordedAt&, const RecordedAt&) = default;
};

}  // namespace vouch::projector
