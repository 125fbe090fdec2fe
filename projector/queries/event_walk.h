#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/result.h"
#include "projector/queries/recorded_at.h"
#include "projector/views/view_rows.h"
#include "projector/views/view_store.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace vouch::projector {

/// Walks a shard's events in order, from the blocks that the view keeps. The reader that made it
/// outlives it. One thread.
class EventWalk {
public:
    EventWalk(ShardId shard, std::unique_ptr<RowCursor> cursor);

    /// The next call of `next` gives this event, or ends when there is none from it on.
    Status seek(EventNumber event);
    /// False at the end.
    Result<bool> next();

    /// Of the event that `next` gave, until it is called again.
    const Event& event() const { return event_; }
    ByteView event_bytes() const { return spans_[index_ - 1]; }
    RecordedAt recorded() const;

private:
    Result<bool> load_block();

    ShardId shard_;
    std::unique_ptr<RowCursor> cursor_;
    Bytes block_;  // value of the row at the cursor
    EventBlockHeader header_;
    EventNumber first_;            // of the block
    std::vector<ByteView> spans_;  // its events' bytes; empty before the first block
    std::size_t index_ = 0;        // of the next event in spans_
    Arena arena_;
    Event event_;
};

}  // namespace vouch::projector
