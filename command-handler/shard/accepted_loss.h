#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/seal/mac.h"

#include <optional>

namespace vouch::command_handler {

/// A shard's records from one on, which an operator gave up: recorded as the start of its term, if
/// its log ends there.
struct AcceptedLoss {
    ShardId shard;
    RecordNumber record;
    /// The last of them that a witness knows; empty when none does.
    std::optional<RecordNumber> known_record{};
    Digest known_digest{};  ///< its own
    friend bool operator==(const AcceptedLoss&, const AcceptedLoss&) = default;
};

}  // namespace vouch::command_handler
