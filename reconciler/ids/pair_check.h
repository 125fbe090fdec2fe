#pragma once

#include "events/entries/event.h"
#include "events/seal/mac.h"
#include "reconciler/ids/id_rows.h"
#include "reconciler/verdict/finding.h"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

namespace vouch::reconciler {

/// What every shard sent and took, two rows of 64 bytes for each batch on each side, in memory up
/// to a bound and beyond it in temporary files (IdRows). One thread, which replays one shard after
/// the other.
class PairRows {
public:
    /// Where a shard says that it sent or took a batch.
    struct Place {
        ShardId shard;
        RecordNumber record;
        EventNumber event;
        Timestamp time;
        Digest digest{};
    };

    PairRows(const TemporaryPlace& place, std::size_t memory) : rows_(place, memory) {}

    void sent(const Place& place, const StepsSent& sent);
    using Extent = Batch::Extent;
    void taken(const Place& place, const StepsTaken& taken, std::uint32_t count, Extent extent);
    /// A shard of which records could not be believed, or were not read: batches may be missing of
    /// it.
    void doubt(ShardId shard) { doubted_.push_back(shard); }

    /// Holds each batch that was taken against the one that was sent, and empties this. Returns how
    /// many steps were sent and not taken. `storage` when a temporary file failed.
    Result<std::uint64_t> check(unsigned threads, Findings& findings);

private:
    void keep(const IdRow& batch, const Place& place);
    bool is_doubted(std::uint64_t shard) const;
    std::uint64_t check_batch(std::span<const IdRow* const> rows,
                              const std::function<void(Finding)>& report) const;

    IdRows rows_;
    std::vector<ShardId> doubted_;
};

}  // namespace vouch::reconciler
