#pragma once

#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/plausible_clock.h"
#include "command-handler/shard/shard_environment.h"
#include "events/result.h"

#include <atomic>
#include <cstdint>

namespace vouch::command_handler {

/// The time of a shard's records: the clock's as far as it is plausible, and never before the
/// newest record's. With a test clock it stands at that one. One thread.
class RecordClock {
public:
    /// Both outlive it.
    RecordClock(const ShardEnvironment& with, const ChainHead& head)
        : with_(with), head_(head), clock_(with.clock) {}

    /// At a start, before all else: whether the clock is to be believed. True when it is only
    /// because an operator accepts it; `configuration` when nobody does.
    Result<bool> believe();
    /// Once the term's first record is durable: else a clock that was accepted there would be
    /// believed by the next start although nobody is recorded to have accepted it.
    void keep_believed();

    Timestamp now();
    /// The machine's own counting, which nobody sets.
    std::int64_t machine_us() const { return clock_.machine_us(); }

    /// Tells people when the clock leaps, is back, or is behind.
    void warn();
    /// As was told last. Any thread.
    bool has_leapt() const { return warned_of_leap_.load(std::memory_order_relaxed); }
    /// Keeps what the next start holds its clock against.
    void keep();

private:
    const ShardEnvironment& with_;
    const ChainHead& head_;
    PlausibleClock clock_;
    ClockLook kept_;
    std::atomic<bool> warned_of_leap_{false};
    bool warned_of_lag_ = false;
};

}  // namespace vouch::command_handler
