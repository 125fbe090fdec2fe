#pragma once

#include "events/money/number.h"
#include "events/seal/mac.h"

#include <optional>
#include <string>

namespace vouch::reconciler {

/// How far a shard's view has come: the first record that it has not applied, and the tag of the
/// record before (the genesis tag when it has applied none).
struct ViewPosition {
    ShardId shard;
    RecordNumber next_record;
    Digest digest{};
    /// Of a view that is compared, when it has applied any record.
    std::optional<EventNumber> next_event{};
    std::optional<Timestamp> time{};  ///< of the record before
    /// Of a witness that is kept beside the log: which, for people.
    std::string who{};
};

}  // namespace vouch::reconciler
