#pragma once

#include "events/money/number.h"
#include "events/seal/mac.h"

#include <cstdint>

namespace vouch::command_handler {

/// Where a shard's chain of records stands: what the next record continues.
struct ChainHead {
    RecordNumber next_record;
    EventNumber next_event;
    Digest last_digest{};  ///< the genesis digest before the first record
    Timestamp last_time;
    /// Records up to this time may be later than the clock: an operator has accepted that.
    Timestamp clock_accepted;
    Term term;  ///< the writer's
    Epoch epoch;
    EventNumber epoch_first_event;
    Timestamp epoch_first_time;  ///< of the open epoch's first record, once it has one
    bool epoch_has_record = false;
    Offset next_command;
    Offset next_step;
};

}  // namespace vouch::command_handler
