#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/result.h"
#include "events/seal/record.h"
#include "projector/views/row_sink.h"

namespace vouch::projector {

/// Turns records into rows. What a row says comes from one event alone, so nothing is read, and
/// the same records give the same rows however they are cut into writes. One thread.
class Materialiser {
public:
    /// Adds the rows of a record whose header, link and MAC the caller has checked. `corrupt`, with
    /// shard, record and event, when its body is not `event_count` events: the rows added so far
    /// are then to be dropped.
    Status add(const RecordView& record, RowSink& sink);

private:
    void add_event(const RecordHeader& header, EventNumber number, const Event& event,
                   RowSink& sink);
    void add_decided(const RecordHeader& header, EventNumber number, const CommandDecided& decided,
                     RowSink& sink);
    void add_in_transit(EventNumber number, const CommandInTransit& sent, RowSink& sink);
    void add_transit_opened(const RecordHeader& header, EventNumber number,
                            const TransitOpened& opened, RowSink& sink);
    void add_states(EventNumber number, LedgerId ledger, const std::optional<HoldState>& hold,
                    const std::optional<EntryState>& entry, Leader leader, RowSink& sink);
    void add_context(EventNumber number, const Command& command, RowSink& sink);
    void add_account_rows(const RecordHeader& header, EventNumber number,
                          const CommandDecided& decided, RowSink& sink);
    void add_failed_members(EventNumber number, const CommandDecided& decided, RowSink& sink);
    void add_history(EventNumber number, std::span<const Change> changes, RowSink& sink);

    Arena arena_;
    Event event_;  // borrows from it
    Bytes value_;  // scratch of one row
};

}  // namespace vouch::projector
