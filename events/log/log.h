#pragma once

#include "events/bytes/bytes.h"
#include "events/log/log_alarm.h"
#include "events/money/number.h"
#include "events/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vouch {

/// One batch of a shard's input, as a producer sent it: the bytes of a CommandBatch. Or, without
/// bytes, a range of offsets that nobody can read: what was sent there cannot be inflated.
struct InputBatch {
    Offset offset;
    Bytes payload;
    /// Of such a range: the first offset behind it.
    std::optional<Offset> unreadable_until{};

    Offset next() const { return unreadable_until.value_or(offset.next()); }
};

/// One batch of steps that another shard sent to this one: the bytes of a StepBatch, as committed.
struct StepInput {
    Offset offset;
    Bytes payload;
};

/// A batch of steps on its way to another shard: the bytes of a StepBatch.
struct OutgoingSteps {
    ShardId to;
    ByteView batch;
};

/// How far a shard has read its two inputs: first offsets that are not consumed.
struct InputPosition {
    Offset command;
    Offset step;
    friend bool operator==(const InputPosition&, const InputPosition&) = default;
};

/// No input has this offset. As a command position for `wait_for_input`: commands are not waited
/// for.
inline constexpr Offset kNoOffset{~std::uint64_t{0}};

/// One commit: everything in it becomes durable, or nothing.
///
/// The log borrows the bytes until the commit is durable or has failed: the caller keeps them alive
/// and unchanged until `await` of its ticket has returned.
struct Commit {
    RecordNumber number;  ///< must be the shard's end, counting commits in flight
    std::span<const ByteView>
        record;          ///< the sealed record's bytes, in pieces that are written in order
    InputPosition next;  ///< first input offsets that this record has not consumed
    /// Handed to their shards, in this order, when the commit is durable and not before. Each batch
    /// is at most kStepBatchBytesMax; any number for one shard, kCommitStepsMax in all.
    std::span<const OutgoingSteps> steps{};
};

/// Names a commit in flight; tickets of one log are totally ordered: a durable later one means that
/// all earlier ones of its shard are durable too. Shards may commit side by side.
using CommitTicket = Number<struct CommitTicketTag, std::uint64_t>;

/// What a shard's log ends with, as its new writer finds it.
struct ShardEnd {
    RecordNumber next_record;  ///< 0 for a shard without records
};

/// A record as stored: exactly the bytes that were committed.
struct StoredRecord {
    RecordNumber number;
    Bytes bytes;
};

/// Something on a log's topics that is not the log's own, which reading passed over.
struct PassedOver {
    std::string topic;
    std::uint32_t partition = 0;
    Offset offset;
    std::string what;
};

/// An input of a shard that does not go on where the shard stopped reading.
struct InputGap {
    bool of_steps = false;
    Offset wanted;     ///< what the shard reads next
    Offset first;      ///< what is there first
    std::string what;    ///< where that is, for people
    std::string reason;  ///< and what happened there
};

/// What stands with a durable record and is not what was written.
struct DamageBeside {
    std::string what;   ///< names shard and record
    std::string place;  ///< as LogReader::place_of
};

/// The batches of commands that were sent to a shard, as somebody keeps them beside its records.
/// Read in order, and again from where an input was moved back to. One thread; ends before its log.
class SentCommands {
public:
    virtual ~SentCommands() = default;

    /// The first offset that is there: what was before it is gone. `storage` when nothing can be
    /// said.
    virtual Result<Offset> first() = 0;

    /// The next batch at or behind `from` and before `until`; empty where there is none. A `from`
    /// before the last one begins anew there. `corrupt` when they do not reach up to `until`,
    /// `storage` as above.
    virtual Result<std::optional<InputBatch>> next(Offset from, Offset until) = 0;
};

/// Reading a log: what projectors, the reconciler and queries need. Any thread.
/// What a call returns is durable, for everybody alike.
class LogReader {
public:
    virtual ~LogReader() = default;

    /// Number of shards; fixed when the deployment was created.
    virtual std::uint32_t shard_count() const = 0;

    /// First record number that is not yet durable. A reader beside a running writer in another
    /// process looks again at the files with each call.
    virtual Result<RecordNumber> end(ShardId shard) = 0;

    /// Whether a record may be shown here a moment after its writer knows that it is durable, and
    /// after others have seen it, as on brokers. Who knows of such a record looks kShowLooks times,
    /// kShowPause apart.
    virtual bool shows_late() const { return false; }

    /// Appends durable records [from, …) to `out` until `bytes_max` is reached (at least one if
    /// any exists). `corrupt`, with shard and record, when stored bytes fail their checksum.
    virtual Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                                std::vector<StoredRecord>& out) = 0;

    /// What stands behind the end that is no record, although no writer is at work there: what a
    /// crash left, or worse. For people; empty when there is nothing, as on a broker. Looks anew.
    virtual Result<std::optional<std::string>> unreadable_end() {
        return std::optional<std::string>();
    }

    /// Sets `out` to at most `size` bytes at `offset` of one durable record's bytes: fewer where
    /// the record ends. Nothing is verified here: VerifiedReader (log/verified_reader.h) is how
    /// parts of records are read.
    virtual Status read_range(ShardId shard, RecordNumber record, std::size_t offset,
                              std::size_t size, Bytes& out) = 0;

    /// Where a durable record lies, for people: a file and a byte in it. Empty on a broker, and for
    /// a record that is not there.
    virtual std::string place_of(ShardId, RecordNumber) { return {}; }

    /// Reads all that is kept with a durable record but the record: the frame around it, the steps
    /// that it sends. Empty when that is right, and where nothing is kept so, as on a broker.
    virtual std::optional<DamageBeside> damage_beside(ShardId, RecordNumber) {
        return std::nullopt;
    }

    /// Compares a shard's inputs with how far its last record has read them: what was lost since,
    /// or is another input under the same name. Empty where nobody else keeps the input. `storage`
    /// when nothing can be said.
    virtual Result<std::vector<InputGap>> input_gaps(ShardId, InputPosition) {
        return std::vector<InputGap>();
    }

    /// How far a shard has read its inputs, as is known beside its records: on brokers that goes
    /// with each record's commit, so that a record which says less is not the last one that was.
    /// Zeros where nobody else knows it. `storage` when nothing can be said.
    virtual Result<InputPosition> consumed_inputs(ShardId) { return InputPosition{}; }

    /// What was sent to a shard, where somebody keeps it: on brokers. Null elsewhere. Costs nothing
    /// until it is read.
    virtual std::unique_ptr<SentCommands> sent_commands(ShardId) { return nullptr; }

    /// Its process is to end: calls that wait for what the log cannot give itself, as brokers or
    /// room on a disk, give that up soon, and fail. Any thread.
    virtual void stop_waiting() {}

    /// From now on looks after what it reads from, as a log that is written does by itself: so that
    /// `waits` and `alarms` say what is wrong there. Once, before they are asked.
    virtual void watch() {}

    /// Why commits, or what comes after the end, wait for what the log cannot give itself, such as
    /// room on its disk or a broker that answers; empty while they do not. Any thread.
    virtual std::optional<Fault> waits() { return std::nullopt; }

    /// What is wrong around the log at present, as at its brokers, that people should end; people
    /// were told of each on stderr. Any thread.
    virtual std::vector<LogAlarm> alarms() { return {}; }

    /// For how long no broker has answered; empty where there is none, or nobody looks. Any thread.
    virtual std::optional<std::chrono::nanoseconds> unanswered_for() { return std::nullopt; }

    /// What this reader has passed over so far, of what others can write to as well; at most
    /// kPassedOverMax of it. People were told of each on stderr, or of how many there are.
    virtual std::vector<PassedOver> passed_over() { return {}; }
};

/// What a reader keeps of what it passed over, at most.
inline constexpr std::size_t kPassedOverMax = 1'000;

/// The one seam to storage of record. Twins: embedded (files), simulated (memory, with faults),
/// kafka. They behave alike and pass one contract test (tests/events/log_contract_test.cc).
///
/// Threads: per shard one writer thread calls acquire, read_commands, read_steps, commit, await;
/// any thread may call produce and the reading calls. What a reading call returns is durable.
class Log : public LogReader {
public:
    // --- Input ------------------------------------------------------------------------------

    /// Appends one CommandBatch to a shard's input and wakes its writer. `retriable` when the
    /// bounded queue (kInputBatchesMax) is full: nothing was queued.
    /// The embedded twin keeps input in memory: what was not committed before a crash was never
    /// acknowledged, and its producer sends it again.
    virtual Result<Offset> produce(ShardId shard, Bytes batch) = 0;

    /// Moves up to `batches_max` batches with offset >= `from` into `out` (appended, in order).
    /// Does not wait. Batches below `from` are forgotten by the log. The twins that keep input in
    /// memory hand a batch out once: a writer that drops it without a commit has lost it, as in a
    /// crash, and its producer sends it again.
    virtual Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                                 std::vector<InputBatch>& out) = 0;

    /// The first offset from `from` on, where reading has come to, at which a batch of commands can
    /// still stand. On brokers what lies before it is known to be none: it marks the ends of
    /// producers' transactions. Elsewhere `from`.
    virtual Offset next_command(ShardId, Offset from) { return from; }

    /// Moves up to `batches_max` batches of steps with offset >= `from` into `out` (appended, in
    /// order). Does not wait. Steps are as durable as the commits that they came with: every twin
    /// hands them out again, after a crash too, from whatever `from` is asked for that is not below
    /// the position of a durable commit of this shard. Offsets grow along the order of the senders'
    /// commits, with or without gaps.
    virtual Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                              std::vector<StepInput>& out) = 0;

    /// Blocks the shard's writer until there are commands or steps at or after `from`, a commit of
    /// this log (of any shard) completes or fails, `interrupt` is called, or `timeout_us` passes
    /// (nullopt: no limit). What happened since the last wait ended counts, so nothing is missed
    /// between a look and the wait; it may return without a reason. A failed log does not block.
    /// With kNoOffset for commands they are neither waited for nor looked at.
    virtual void wait_for_input(ShardId shard, InputPosition from,
                                std::optional<std::int64_t> timeout_us) = 0;

    /// Wakes every `wait_for_input` once (to stop, or to answer a question). Any thread.
    virtual void interrupt() = 0;

    // --- Writing ----------------------------------------------------------------------------

    /// Becomes the shard's writer, after the commits that the earlier one has in flight are
    /// settled. From the moment this returns, `commit` under a lower term is refused (`fenced`),
    /// and so is `acquire` itself. The same term may be acquired again (its first holder never
    /// wrote a record): record numbers then keep the two apart, as one of them no longer names the
    /// shard's end. The term becomes durable with the first record. `retriable` from the simulated
    /// twin alone, while a test holds back a commit of the shard.
    virtual Result<ShardEnd> acquire(ShardId shard, Term term) = 0;

    /// Queues a commit; the order of calls is the order of records. Returns before it is durable.
    /// `fenced` when the term is not the one last acquired or `number` is not the shard's end (then
    /// somebody else wrote), `retriable` when kCommitsInFlightMax commits of the shard are not yet
    /// durable, `storage` when the record is larger than kRecordBytesMax, when a batch of steps is
    /// larger than kStepBatchBytesMax or for no other shard of the deployment, when there are more
    /// than kCommitStepsMax batches, or when all of it is more than the log can write as one: in
    /// these cases nothing was queued and the log goes on. `storage` also once the log has failed
    /// (then for ever).
    virtual Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) = 0;

    /// Why the log has failed, for every shard and until it is opened again; empty while it goes
    /// on. Any thread. A fault of one shard's calls that leaves this empty is that shard's alone.
    virtual std::optional<Fault> failure() = 0;

    /// Looks whether somebody else writes the shard by now, before what was read there is called
    /// damaged: `fenced` then, and the log has failed. With nothing of the shard in flight. Where
    /// only one process can write nobody else does.
    virtual Status check_writer(ShardId) { return {}; }

    /// Blocks until the commit is durable or has failed. After one failure the log refuses
    /// everything but reading: what was in flight may or may not be found when the log is opened
    /// again.
    virtual Status await(CommitTicket ticket) = 0;

    /// True when the commit is durable; false while in flight. A fault as `await`. Never blocks.
    virtual Result<bool> is_durable(CommitTicket ticket) = 0;
};

/// How often a record that is not shown yet is looked for, and when again.
inline constexpr int kShowLooks = 20;
inline constexpr std::chrono::milliseconds kShowPause{100};
/// Input batches a shard's queue holds at most; a producer that meets a full queue waits.
inline constexpr std::size_t kInputBatchesMax = 64;
/// Commits of one shard that are not yet durable, at most.
inline constexpr std::size_t kCommitsInFlightMax = 16;
/// Bytes of one record, at most. Records are made of about 900 kB; a broker takes 1 MiB by default.
inline constexpr std::size_t kRecordBytesMax = std::size_t{1} << 20;
/// Bytes of one batch of steps, at most; a sender closes a batch well before.
inline constexpr std::size_t kStepBatchBytesMax = std::size_t{512} << 10;
/// Batches of steps that one commit carries, at most.
inline constexpr std::size_t kCommitStepsMax = 1024;

}  // namespace vouch
