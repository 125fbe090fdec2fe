#pragma once

#include "events/log/log.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace vouch::test {

/// Passes everything on, but for waits: those it keeps, and calls `waited` instead. Some records it
/// does not show yet.
class WatchedLog final : public Log {
public:
    explicit WatchedLog(Log& log) : log_(log) {}

    std::function<void()> waited;
    /// Told of each round, if they are there, and of what is read.
    std::function<void()> round_begins;
    std::function<void(ShardId, const std::vector<StoredRecord>&)> records_read;
    std::vector<InputPosition> waits;
    /// By shard: where its records end for whoever asks, if they do not end before.
    std::map<ShardId, RecordNumber> shown_ends;

    std::uint32_t shard_count() const override { return log_.shard_count(); }
    Result<RecordNumber> end(ShardId shard) override {
        const Result<RecordNumber> end = log_.end(shard);
        const auto shown = shown_ends.find(shard);
        if (!end || shown == shown_ends.end()) return end;
        return std::min(*end, shown->second);
    }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        const Status read = log_.read_records(shard, from, bytes_max, out);
        if (records_read) records_read(shard, out);
        return read;
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return log_.read_range(shard, record, offset, size, out);
    }
    Result<Offset> produce(ShardId shard, Bytes batch) override {
        return log_.produce(shard, std::move(batch));
    }
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override {
        return log_.read_commands(shard, from, batches_max, out);
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
    void interrupt() override { log_.interrupt(); }
    Result<ShardEnd> acquire(ShardId shard, Term term) override {
        return log_.acquire(shard, term);
    }
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        return log_.commit(shard, term, commit);
    }
    std::optional<Fault> failure() override { return log_.failure(); }
    Status await(CommitTicket ticket) override { return log_.await(ticket); }
    Result<bool> is_durable(CommitTicket ticket) override { return log_.is_durable(ticket); }

private:
    Log& log_;
};

}  // namespace vouch::test
