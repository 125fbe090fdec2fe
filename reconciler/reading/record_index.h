#pragma once

#include "events/log/log.h"
#include "events/money/number.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace vouch::reconciler {

/// Which record an event is in: 16 bytes for each kStride records, and a short read of the log.
/// One thread.
class RecordIndex {
public:
    static constexpr std::uint64_t kStride = 64;

    void add(RecordNumber position, EventNumber first_event);
    /// Empty when the log cannot be read there.
    std::optional<RecordNumber> find(LogReader& log, ShardId shard, EventNumber event) const;

private:
    struct Mark {
        EventNumber first_event;
        RecordNumber position;
    };
    std::vector<Mark> marks_;
    std::uint64_t count_ = 0;
};

}  // namespace vouch::reconciler
