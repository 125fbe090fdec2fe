#pragma once

#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/snapshot.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/world/thread.h"

#include <atomic>
#include <memory>

namespace vouch::command_handler {

/// When a shard writes a snapshot: a chunk between two records, once so many events came since the
/// last one. It spares time at the next start and nothing else: when it cannot be written, people
/// are told and the shard goes on without. The shard's thread.
class SnapshotSchedule {
public:
    /// Both outlive it.
    SnapshotSchedule(const ShardEnvironment& with, const ShardBooks& books)
        : with_(with), books_(books) {}
    ~SnapshotSchedule() { abandon(); }
    SnapshotSchedule(const SnapshotSchedule&) = delete;
    SnapshotSchedule& operator=(const SnapshotSchedule&) = delete;

    /// Events are counted from here on.
    void count_from(EventNumber next) { counted_from_ = next; }
    /// Between two records. `durable`: the first record that is not.
    void go_on(RecordNumber durable);
    /// What was copied may be of records that will not be: nothing of it is published.
    void abandon();
    /// All of it at once. Everything decided is durable.
    void write_whole();

private:
    void begin();
    void copy_some();
    void publish();
    void end_published();
    void report(const Status& status) const;

    const ShardEnvironment& with_;
    const ShardBooks& books_;
    std::unique_ptr<SnapshotWriter> writer_;
    EventNumber counted_from_;
    RecordNumber covers_;  // first record that the copy holds nothing of
    bool is_copied_ = false;
    // The thread that publishes, and what it comes to.
    Thread publisher_;
    Status published_;
    std::atomic<bool> is_published_{false};
};

}  // namespace vouch::command_handler
