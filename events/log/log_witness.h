#pragma once

#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/mac.h"

#include <optional>
#include <string>

namespace vouch {

/// Somebody who has seen records of a shard, and up to where.
struct LogWitness {
    std::string who;  ///< "the view in books/views/0": for people
    RecordNumber next_record;
    Digest digest{};  ///< of the record before it
};

/// Those who keep what they have seen of a log: stores, snapshots, views. A log asks them before it
/// believes its end, and before it changes a byte there.
class LogWitnesses {
public:
    virtual ~LogWitnesses() = default;
    /// Who has seen the record `end` of the shard; the one who has seen most. A witness that cannot
    /// be read says nothing.
    virtual std::optional<LogWitness> seen_beyond(ShardId shard, RecordNumber end) = 0;
};

}  // namespace vouch
