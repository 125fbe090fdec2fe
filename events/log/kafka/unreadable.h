#pragma once

#include "events/log/kafka/client.h"
#include "events/log/kafka/patience.h"

#include <cstdint>
#include <string>

namespace vouch::kafka {

/// Where messages that cannot be inflated were met.
struct UnreadablePlace {
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
};

/// The first offset behind them, at most `end`, found by doubling and then halving. The reader goes
/// on wherever it is started next. `retriable` when the brokers do not answer one look until the
/// deadline.
Result<std::int64_t> find_end_of_unreadable(PartitionReader& reader, const UnreadablePlace& place,
                                            std::int64_t end, const Patience::Deadline& deadline);

}  // namespace vouch::kafka
