#pragma once

#include "events/log/kafka/handle.h"

#include <cstdint>
#include <memory>
#include <string>

namespace vouch::kafka {

/// Where a partition begins, and where it ends for those who read what is committed.
struct Extent {
    std::int64_t first = 0;
    std::int64_t stable_end = 0;  ///< the last stable offset: first that is not decided
};

/// Asks the brokers for the bounds of partitions. Any thread.
class Watermarks {
public:
    static Result<std::unique_ptr<Watermarks>> open(std::string_view bootstrap);

    /// Each `retriable` when no broker answers within `timeout_ms`; the extent is two questions.
    Result<Extent> extent(const std::string& topic, std::int32_t partition, int timeout_ms);
    Result<std::int64_t> stable_end(const std::string& topic, std::int32_t partition,
                                    int timeout_ms);
    /// The high watermark: first offset that no replica in sync has, decided or not.
    Result<std::int64_t> high(const std::string& topic, std::int32_t partition, int timeout_ms);

private:
    Watermarks(Handle committed, Handle uncommitted)
        : committed_(std::move(committed)), uncommitted_(std::move(uncommitted)) {}

    Handle committed_;
    Handle uncommitted_;
};

}  // namespace vouch::kafka
