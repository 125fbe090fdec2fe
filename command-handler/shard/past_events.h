#pragma once

#include "command-handler/shard/locator.h"
#include "command-handler/shard/open_record.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/log/verified_reader.h"
#include "events/result.h"

#include <deque>

namespace vouch::command_handler {

/// Reads a shard's events back: from the records that are not durable yet, or from the log,
/// verified. The shard's thread.
class PastEvents {
public:
    /// `log` outlives it, and gives what is durable.
    explicit PastEvents(VerifiedReader& log) : log_(log) {}

    /// The record's events can be read though it is not in the log yet; oldest first.
    void begin_record(const OpenRecord& record) { open_.push_back(&record); }
    /// The newest record is taken back, or was empty.
    void drop_newest_record() { open_.pop_back(); }
    /// The oldest record is durable: `record`.
    void drop_oldest_record(const OpenRecord& record);

    /// The event borrows from `arena`.
    Result<Event> read(const Locator& locator, Arena& arena);

private:
    VerifiedReader& log_;
    std::deque<const OpenRecord*> open_;
    Bytes bytes_;
};

}  // namespace vouch::command_handler
