#pragma once

#include "command-handler/shard/answer_delivery.h"
#include "command-handler/shard/mark_schedule.h"
#include "command-handler/shard/open_record.h"
#include "command-handler/shard/record_clock.h"
#include "command-handler/shard/record_sealer.h"
#include "command-handler/shard/record_sink.h"
#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/snapshot_schedule.h"
#include "events/log/log.h"
#include "events/money/number.h"
#include "events/result.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// Writes a shard's records: opens one, seals it and hands it to the log, and gives its answers
/// once it is durable. While a record is on its way to disk the next ones are built; when a commit
/// fails, all that was decided since the last durable one is taken back from the books. The shard's
/// thread.
class RecordWriter {
public:
    /// Records between decision and disk, at most; beyond that a new one waits for the disk.
    static constexpr std::size_t kInFlightMax = 4;

    /// All of them outlive it.
    RecordWriter(const ShardEnvironment& with, ShardBooks& books, RecordClock& clock,
                 MarkSchedule& marks, SnapshotSchedule& snapshots, AnswerDelivery& delivery);
    /// The log borrows what is in flight: nothing is.
    ~RecordWriter();
    RecordWriter(const RecordWriter&) = delete;
    RecordWriter& operator=(const RecordWriter&) = delete;

    /// First offsets that are not wholly decided: the record that is closed next says so.
    InputPosition& consumed() { return consumed_; }
    /// What is consumed and stands in no record yet is to be marked.
    void count_unrecorded();

    /// The record being built; both need one.
    OpenRecord& record() { return *open_; }
    RecordSink& sink() { return *sink_; }

    /// Begins a record if none is open; expires what is due, in records of its own while they fill
    /// up.
    Status open(std::optional<Timestamp> at = std::nullopt);
    /// The same, in the next record if the open one has no room for events of `bytes` and for
    /// `batches` of steps. An empty record takes any.
    Status open_with_room(std::size_t bytes, std::size_t batches);
    /// The same, in the next record if the open one is earlier than `time`.
    Status open_not_before(Timestamp time);
    /// A record without what is due.
    Status begin(Timestamp at);
    /// Hands the open record to the log, if there is one. One without events leaves no trace: what
    /// it answers is durable once everything before it is.
    Status close();

    /// Gives the answers of what is durable by now; with `wait`, of the oldest record at least.
    Status complete_durable(bool wait);
    /// Waits until every record is.
    Status complete_all();
    /// The open record has not happened.
    void take_back_open();

    bool has_in_flight() const { return !in_flight_.empty(); }
    /// Who will wait for an outcome once these records are durable.
    std::size_t count_waiters() const;

private:
    void announce_steps();
    Status commit();
    void tell_durable(const OpenRecord& record);
    void drop_open();
    void take_back_all();

    const ShardEnvironment& with_;
    ShardBooks& books_;
    RecordClock& clock_;
    MarkSchedule& marks_;
    SnapshotSchedule& snapshots_;
    AnswerDelivery& delivery_;
    RecordSealer sealer_;
    InputPosition consumed_;

    std::unique_ptr<OpenRecord> open_;
    std::optional<RecordSink> sink_;                     // of the open record
    std::deque<std::unique_ptr<OpenRecord>> in_flight_;  // oldest first
    std::vector<std::unique_ptr<OpenRecord>> spare_;
};

}  // namespace vouch::command_handler
