#pragma once

#include "events/log/log.h"
#include "events/log/verified_reader.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace vouch::command_handler {

/// What a shard holds back of another one's steps, so that everybody else's go on. None of it is
/// consumed: the next start reads it again. One thread.
struct StepSender {
    /// Batches that wait in memory for their record to be known, and bytes of them; beyond that the
    /// oldest is refused. Whoever can write there puts back what was never committed, over and over.
    static constexpr std::size_t kAwaitingMax = 64;
    static constexpr std::size_t kAwaitingBytesMax = std::size_t{8} << 20;

    std::unique_ptr<VerifiedReader> reader;  ///< of its records

    /// All of one record: the one after those that are known.
    std::deque<StepInput> awaiting;
    std::size_t awaiting_bytes = 0;
    RecordNumber awaited;

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
    /// The first offset that is not consumed because of it, or `otherwise` if that is lower.
    Offset first_held(Offset otherwise) const {
        return awaiting.empty() ? otherwise : std::min(otherwise, awaiting.front().offset);
    }
};

}  // namespace vouch::command_handler
