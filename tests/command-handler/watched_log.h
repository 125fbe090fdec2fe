#pragma once

#include "tests/support/wrapped_log.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace vouch::test {

/// Passes everything on, but for waits: those it keeps, and calls `waited` instead. Some records it
/// does not show yet.
class WatchedLog final : public WrappedLog {
public:
    using WrappedLog::WrappedLog;

    std::function<void()> waited;
    /// Told of each round, if they are there, and of what is read.
    std::function<void()> round_begins;
    std::function<void(ShardId, const std::vector<StoredRecord>&)> records_read;
    std::vector<InputPosition> waits;
    /// By shard: where its records end for whoever asks, if they do not end before.
    std::map<ShardId, RecordNumber> shown_ends;
    /// By shard: so many reads of its records fail, as on a disk that passes.
    std::map<ShardId, int> failing_reads;

    Result<RecordNumber> end(ShardId shard) override {
        const Result<RecordNumber> end = log_.end(shard);
        const auto shown = shown_ends.find(shard);
        if (!end || shown == shown_ends.end()) return end;
        return std::min(*end, shown->second);
    }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        if (fails(shard)) return kFailed;
        const Status read = log_.read_records(shard, from, bytes_max, out);
        if (records_read) records_read(shard, out);
        return read;
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                       Bytes& out) override {
        if (fails(shard)) return kFailed;
        return log_.read_range(shard, record, offset, size, out);
    }
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override {
        if (round_begins) round_begins();
        return log_.read_steps(shard, from, batches_max, out);
    }
    void wait_for_input(ShardId, InputPosition from, std::optional<std::int64_t>) override {
        waits.push_back(from);
        waited();
    }

private:
    const Fault kFailed{FaultCode::storage, "pread failed: Input/output error (errno 5)"};

    bool fails(ShardId shard) {
        const auto failing = failing_reads.find(shard);
        return failing != failing_reads.end() && failing->second-- > 0;
    }
};

}  // namespace vouch::test
