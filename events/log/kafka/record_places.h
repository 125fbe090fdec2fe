#pragma once

#include "events/log/kafka/client.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <map>
#include <optional>

namespace vouch::kafka {

/// Where a record of the chain lies on its topic.
struct RecordPlace {
    RecordNumber record;
    std::int64_t offset = 0;
};

/// Where records of a shard's chain are known to lie, sparsely. Offsets have holes (transactions
/// leave marks, aborted ones leave more), so a number does not say where its record lies; and only
/// what was followed from record to record is remembered here. Any thread.
class RecordPlaces {
public:
    void learn(RecordNumber record, std::int64_t offset);
    /// The nearest one that is not behind the record, and that the brokers show.
    std::optional<RecordPlace> nearest(RecordNumber record, const Extent& bounds);

    /// The chain was followed up to here, so that all before is shown.
    void follow(const RecordPlace& place);
    std::optional<RecordPlace> followed();

private:
    void forget_half();

    /// Of so many records one offset is remembered, until there are kOffsetsMax; then of twice as
    /// many.
    static constexpr std::uint64_t kOffsetSpacingMin = 16;
    static constexpr std::size_t kOffsetsMax = std::size_t{1} << 16;

    Mutex mutex_;  ///< guards what follows
    std::optional<RecordPlace> followed_;
    std::map<std::uint64_t, std::int64_t> offsets_;  ///< by record
    std::uint64_t offset_spacing_ = kOffsetSpacingMin;
};

}  // namespace vouch::kafka
