#pragma once

#include "events/log/log.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// Passes everything on to a log that outlives it; tests override what they watch or change.
class WrappedLog : public Log {
public:
    explicit WrappedLog(Log& log) : log_(log) {}

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
    Result<std::vector<InputGap>> input_gaps(ShardId shard, InputPosition next) override {
        return log_.input_gaps(shard, next);
    }
    Result<InputPosition> consumed_inputs(ShardId shard) override {
        return log_.consumed_inputs(shard);
    }
    Result<Offset> produce(ShardId shard, Bytes batch) override {
        return log_.produce(shard, std::move(batch));
    }
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override {
        return log_.read_commands(shard, from, batches_max, out);
    }
    Offset next_command(ShardId shard, Offset from) override {
        return log_.next_command(shard, from);
    }
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override {
        return log_.read_steps(shard, from, batches_max, out);
    }
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override {
        log_.wait_for_input(shard, from, timeout_us);
    }
    void interrupt() override { log_.interrupt(); }
    Result<ShardEnd> acquire(ShardId shard, Term term) override {
        return log_.acquire(shard, term);
    }
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        return log_.commit(shard, term, commit);
    }
    Status check_writer(ShardId shard) override { return log_.check_writer(shard); }
    bool shows_late() const override { return log_.shows_late(); }
    void stop_waiting() override { log_.stop_waiting(); }
    Result<std::optional<std::string>> unreadable_end() override { return log_.unreadable_end(); }
    std::string place_of(ShardId shard, RecordNumber record) override {
        return log_.place_of(shard, record);
    }
    std::optional<DamageBeside> damage_beside(ShardId shard, RecordNumber record) override {
        return log_.damage_beside(shard, record);
    }
    std::unique_ptr<SentCommands> sent_commands(ShardId shard) override {
        return log_.sent_commands(shard);
    }
    void watch() override { log_.watch(); }
    std::optional<Fault> waits() override { return log_.waits(); }
    std::vector<LogAlarm> alarms() override { return log_.alarms(); }
    std::optional<std::chrono::nanoseconds> unanswered_for() override {
        return log_.unanswered_for();
    }
    std::vector<PassedOver> passed_over() override { return log_.passed_over(); }
    std::optional<Fault> failure() override { return log_.failure(); }
    Status await(CommitTicket ticket) override { return log_.await(ticket); }
    Result<bool> is_durable(CommitTicket ticket) override { return log_.is_durable(ticket); }

protected:
    Log& log_;
};

}  // namespace vouch::test
