#pragma once

#include "events/log/log.h"
#include "events/log/verified_reader.h"
#include "events/result.h"
#include "events/world/clock.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace vouch::command_handler {

/// What a shard holds back of another one's steps, so that everybody else's go on. None of it is
/// consumed: the next start is shown it again. One thread.
struct StepSender {
    /// Batches that are built again from its records: from `next` up to `until`.
    struct Rebuild {
        StepBatchNumber next;
        StepBatchNumber until;
    };

    /// Batches that wait in memory for their record to be known, and bytes of them; beyond that the
    /// oldest is refused. Whoever can write there puts back what was never committed, over and
    /// over.
    static constexpr std::size_t kAwaitingMax = 64;
    static constexpr std::size_t kAwaitingBytesMax = std::size_t{8} << 20;

    std::unique_ptr<VerifiedReader> reader;  ///< of its records
    Offset next;  ///< its batches before this were looked at, and are not when they are read again

    /// All of one record: the one after those that are known.
    std::deque<StepInput> awaiting;
    std::size_t awaiting_bytes = 0;
    RecordNumber awaited;

    /// From here on its batches stay in the log, and are read again when what follows is over.
    std::optional<Offset> set_aside_from;
    std::optional<Rebuild> rebuild;
    /// A disk that fails may pass: its records are read so many times before they are given up.
    static constexpr std::uint32_t kReadsMax = 10;
    std::uint32_t failed_reads = 0;  ///< in a row
    std::optional<SteadyTime> read_again_at;
    std::optional<Fault> fault;     ///< its records cannot be read: until the next start
    std::uint64_t passed_over = 0;  ///< batches, since the fault

    /// Its records could not be read: set aside, and nothing is built again.
    bool is_held_back() const { return set_aside_from && !rebuild; }
    bool is_overfull() const {
        return awaiting.size() > kAwaitingMax || awaiting_bytes > kAwaitingBytesMax;
    }
    void await(const StepInput& batch, RecordNumber record) {
        awaited = record;
        awaiting_bytes += batch.payload.size();
        awaiting.push_back(batch);
    }
    StepInput take_awaiting() {
        StepInput batch = std::move(awaiting.front());
        awaiting.pop_front();
        awaiting_bytes -= batch.payload.size();
        return batch;
    }
    void set_aside(Offset from) {
        set_aside_from = first_held(from);
        awaiting.clear();
        awaiting_bytes = 0;
    }
    /// Where to read on.
    Offset resume() {
        next = *std::exchange(set_aside_from, std::nullopt);
        rebuild.reset();
        return next;
    }
    /// The first offset that is not consumed because of it; or `otherwise`, when that is lower.
    Offset first_held(Offset otherwise) const {
        if (!awaiting.empty()) otherwise = std::min(otherwise, awaiting.front().offset);
        return set_aside_from ? std::min(otherwise, *set_aside_from) : otherwise;
    }
};

}  // namespace vouch::command_handler
