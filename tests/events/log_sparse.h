#pragma once


#include "tests/support/simulated_log.h"

#include <cstdint>
#include <mutex>
#include <vector>

namespace vouch::test {

/// The simulated log with the offsets and the lasting input of a broker: offsets start somewhere,
/// grow with gaps, and input stays after it was read and after a crash. With it the contract test
/// shows that it asks for no more than the contract says. Any thread.
class SparseLog final : public Log {
public:
    explicit SparseLog(std::uint32_t shard_count) : log_(shard_count), inputs_(shard_count) {}

    void crash() { log_.crash(); }

    std::uint32_t shard_count() const override { return log_.shard_count(); }
    Result<RecordNumber> end(ShardId shard) override { return log_.end(shard); }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        return log_.read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return log_.read_range(shard, record, offset, size, out);
    }
    Result<Offset> produce(ShardId shard, Bytes batch) override {
        Offset offset;
        {
            const std::lock_guard lock(mutex_);
            std::vector<InputBatch>& input = inputs_.at(shard.value());
            offset = sparse(Offset(input.size()));
            input.push_back({offset, std::move(batch)});
        }
        log_.interrupt();
        return offset;
    }
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override {
        const std::lock_guard lock(mutex_);
        std::size_t taken = 0;
        for (const InputBatch& batch : inputs_.at(shard.value())) {
            if (batch.offset < from || taken == batches_max) continue;
            out.push_back(batch);
            ++taken;
        }
        return {};
    }
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override {
        const std::size_t first = out.size();
        Status read = log_.read_steps(shard, dense(from), batches_max, out);
        for (std::size_t i = first; i < out.size(); ++i) out[i].offset = sparse(out[i].offset);
        return read;
    }
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override {
        {
            const std::lock_guard lock(mutex_);
            const std::vector<InputBatch>& input = inputs_.at(shard.value());
            if (!input.empty() && input.back().offset >= from.command) return;
        }
        log_.wait_for_input(shard, {Offset(0), dense(from.step)}, timeout_us);
    }
    void interrupt() override { log_.interrupt(); }
    Result<ShardEnd> acquire(ShardId shard, Term term) override {
        return log_.acquire(shard, term);
    }
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        Commit inner = commit;
        inner.next = {Offset(0), dense(commit.next.step)};
        return log_.commit(shard, term, inner);
    }
    std::optional<Fault> failure() override { return log_.failure(); }
    Status await(CommitTicket ticket) override { return log_.await(ticket); }
    Result<bool> is_durable(CommitTicket ticket) override { return log_.is_durable(ticket); }

private:
    static constexpr std::uint64_t kFirst = 5;
    static constexpr std::uint64_t kGap = 3;

    static Offset sparse(Offset offset) { return Offset(kFirst + kGap * offset.value()); }
    /// The first batch at or after a sparse offset.
    static Offset dense(Offset offset) {
        if (offset.value() <= kFirst) return Offset(0);
        return Offset((offset.value() - kFirst + kGap - 1) / kGap);
    }

    SimulatedLog log_;
    std::mutex mutex_;
    std::vector<std::vector<InputBatch>> inputs_;
};

}  // namespace vouch::test
