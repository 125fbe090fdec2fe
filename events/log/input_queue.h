#pragma once

#include "events/bytes/bytes.h"
#include "events/log/log.h"
#include "events/world/condition.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace vouch {

/// One shard's input, in memory: what the twins without a broker have in place of a topic.
/// Holds at most kInputBatchesMax batches. Offsets are dense from `first`. Any thread may push and
/// signal; one thread takes and waits. One lock per call, and a call is a batch, never a command.
class InputQueue {
public:
    explicit InputQueue(Offset first) : next_(first) {}

    /// `retriable` when full.
    Result<Offset> push(Bytes batch);

    /// Drops what lies below `from`, then moves up to `batches_max` batches to the end of `out`.
    void take(Offset from, std::size_t batches_max, std::vector<InputBatch>& out);

    /// Steps below `end` are in the log, for whoever waits for them; the bytes are not here.
    void announce_steps(Offset end);

    /// Blocks until a batch or steps at or after `from` are there, `signal` was called since the
    /// last wait ended, or `timeout_us` has passed. A signal is kept until a wait sees it, so none
    /// is missed between a caller's last look and its wait.
    void wait(InputPosition from, std::optional<std::int64_t> timeout_us);

    void signal();

    /// Forgets every batch, as a crash does, and counts on from `first`.
    void reset(Offset first);

private:
    Mutex mutex_;
    Condition changed_;
    std::deque<InputBatch> batches_;
    Offset next_;
    Offset steps_end_;
    bool signalled_ = false;
};

}  // namespace vouch
