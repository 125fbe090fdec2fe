#pragma once

#include "events/money/number.h"
#include "events/seal/mac.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/verdict/finding.h"

#include <cstdint>
#include <vector>

namespace vouch::reconciler {

/// A record of a shard as somebody has noted it elsewhere: `vouch head`.
struct KeptRecord {
    ShardId shard;
    RecordNumber record;
    Digest digest{};
};

/// Holds a shard's records against what is kept of them elsewhere. One thread; findings are
/// borrowed.
class KeptRecords {
public:
    /// Those of `all` that are of this shard.
    KeptRecords(const std::vector<KeptRecord>& all, ShardId shard, Findings& findings);

    /// Every record, in order.
    void look_at(const PreparedRecord& record);
    /// Behind the last record that is read. What stands from there up to the log's end is not
    /// asked.
    void finish(RecordNumber read_end, RecordNumber log_end);
    /// How many are behind what was read, and not behind the log's end.
    std::uint64_t unasked() const { return unasked_; }

private:
    ShardId shard_;
    Findings& findings_;
    std::vector<KeptRecord> open_;  ///< not met yet
    std::uint64_t unasked_ = 0;
};

}  // namespace vouch::reconciler
