#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "reconciler/verdict/finding.h"

#include <cstdint>
#include <vector>

namespace vouch::reconciler {

/// Holds a shard's records against a log that was kept elsewhere, an archive: each of its records
/// must stand at the same place, byte for byte. One thread; all that is given is borrowed.
class KeptLog {
public:
    /// `kept` null: nothing was kept.
    KeptLog(LogReader* kept, ShardId shard, Findings& findings)
        : kept_(kept), shard_(shard), findings_(findings) {}

    /// Before the first record. A fault, here and below, is one of reading what was kept.
    Status start();
    /// Every record that can be read, in order.
    Status look_at(const StoredRecord& here);
    /// Behind the last one. What stands from there up to the log's end is not asked.
    void finish(RecordNumber log_end);

    /// Records that could not be read either when they were archived.
    std::uint64_t unknown() const { return unknown_; }

private:
    /// Reads on up to `record`, which is below the end.
    Status read_to(RecordNumber record);

    LogReader* kept_;
    ShardId shard_;
    Findings& findings_;
    RecordNumber end_;
    std::vector<StoredRecord> stored_;  ///< a run that was read
    bool is_forked_ = false;
    std::uint64_t unknown_ = 0;
};

}  // namespace vouch::reconciler
