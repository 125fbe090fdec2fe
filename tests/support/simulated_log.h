#pragma once

#include "events/log/input_queue.h"
#include "events/log/writer_turn.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace vouch {

/// The log in memory, for tests, with the faults of a real one on request. Without any, a commit is
/// durable when `commit` returns. Any thread; nothing here reads a clock or starts a thread, so a
/// single-threaded simulation is repeatable as long as it does not wait for what it itself holds.
class SimulatedLog final : public Log {
public:
    explicit SimulatedLog(std::uint32_t shard_count);

    // --- Faults -----------------------------------------------------------------------------

    enum class Failure {
        before_durable,  ///< the record is not in the log
        after_durable    ///< it is, and nobody was told
    };
    /// The `nth` commit to complete from now on fails (1: the next), and the log with it, until
    /// `crash`.
    void fail_commit(std::uint64_t nth, Failure failure);

    /// Commits stay in flight until released.
    void hold();
    /// The `count` oldest commits in flight complete; holding goes on.
    void release(std::size_t count);
    /// All commits in flight complete, and later ones at once again.
    void release();
    std::size_t commits_in_flight();

    /// The process stops and starts again: input, turns and faults are forgotten, and so are the
    /// commits in flight except the `survivors` oldest, which had reached the disk. Steps live and
    /// die with the commit that they came with. Whoever still uses this log as from before is
    /// refused: its tickets fail, its terms hold nothing.
    void crash(std::size_t survivors = 0);

    /// Puts other bytes in a durable record's place, checksum and all: what somebody with the disk
    /// in his hands can do.
    void tamper(ShardId shard, RecordNumber record, Bytes bytes);
    /// The record fails its checksum from now on.
    void damage(ShardId shard, RecordNumber record);
    /// Shows `edit` the batches of steps that wait for a shard, in order and with their offsets, to
    /// forge, alter, repeat, drop or exchange them. Offsets must grow along what it leaves behind.
    void tamper_steps(ShardId shard, const std::function<void(std::vector<StepInput>&)>& edit);

    // --- Log --------------------------------------------------------------------------------

    std::uint32_t shard_count() const override;
    Result<RecordNumber> end(ShardId shard) override;
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override;
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override;
    Result<Offset> produce(ShardId shard, Bytes batch) override;
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override;
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override;
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override;
    void interrupt() override;
    Result<ShardEnd> acquire(ShardId shard, Term term) override;
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override;
    std::optional<Fault> failure() override;
    Status await(CommitTicket ticket) override;
    Result<bool> is_durable(CommitTicket ticket) override;

private:
    struct Stored {
        Bytes bytes;
        bool is_damaged = false;
    };
    struct Shard {
        explicit Shard(ShardId id) : turn(id, RecordNumber(0)) {}
        std::vector<Stored> records;
        InputPosition next;            ///< greatest of the records
        std::vector<StepInput> steps;  ///< durable, not consumed by a durable record
        Offset steps_end;              ///< the next batch's offset
        WriterTurn turn;
        InputQueue input{Offset(0)};
    };
    /// Borrows the caller's bytes, as every twin may: who lets go of them too early is found out.
    struct InFlight {
        ShardId shard;
        std::vector<ByteView> record;
        InputPosition next;
        std::vector<OutgoingSteps> steps;
    };
    struct PlannedFailure {
        std::uint64_t in;  ///< completions from now, 1: the next
        Failure failure;
    };
    struct Range {
        std::uint64_t begin, end;
    };

    Shard& shard_of(ShardId shard);
    Stored& stored(ShardId shard, RecordNumber record);
    Status still_working();
    void complete(std::size_t count);
    void store(const InFlight& commit);
    void deliver(ShardId to, Bytes batch);
    Result<bool> settled(CommitTicket ticket) const;
    void wake();

    std::vector<std::unique_ptr<Shard>> shards_;  ///< pointers: a Shard can not move

    std::mutex mutex_;  ///< guards what follows and the shards, but for their input
    std::condition_variable settled_;
    std::deque<InFlight> in_flight_;
    std::uint64_t next_ticket_ = 0;
    std::uint64_t settled_below_ = 0;  ///< tickets below are durable or in lost_
    std::vector<Range> lost_;          ///< tickets that crashes took
    std::optional<PlannedFailure> planned_;
    std::optional<Fault> failure_;
    bool is_held_ = false;
};

}  // namespace vouch
