#pragma once

#include "events/log/log.h"
#include "events/log/log_witness.h"
#include "events/result.h"

#include <optional>

namespace vouch {

/// Who has seen more of a log than can be read. A log that shows_late is given the time that it
/// needs, for all shards together. Borrows both.
class SeenBeyond {
public:
    SeenBeyond(LogReader& log, LogWitnesses& witnesses)
        : log_(log), witnesses_(witnesses), looks_left_(log.shows_late() ? kShowLooks : 1) {}

    /// Empty where the shard's end is where everybody has seen it or later. A fault is the log's.
    Result<std::optional<LogWitness>> find(ShardId shard);

private:
    LogReader& log_;
    LogWitnesses& witnesses_;
    int looks_left_;
};

}  // namespace vouch
