#pragma once

#include "reconciler/ids/id_rows.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/views/view_check.h"

#include <optional>
#include <span>

namespace vouch::reconciler {

/// The rows that records lead to in a view, beside those of accounts' histories, ids and the
/// records themselves: derived here from docs/rules.md and what events claim, and kept as digests.
/// One thread.
class ExpectedRows {
public:
    explicit ExpectedRows(IdRows& rows) : rows_(rows) {}

    /// The record's events, of which the first has this number.
    void add(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event);

private:
    using Leader = std::optional<ShardId>;

    void expect(const ViewRow& row);
    void add_states(LedgerId ledger, const std::optional<HoldState>& hold,
                    const std::optional<EntryState>& entry, const Leader& leader);
    void add_context(const Command& command);
    void add_command(const CommandDecided& decided);
    void add_opening(const CommandDecided& decided, const OpenAccount& open);

    void add(const CommandDecided& decided);
    void add(const CommandInTransit& sent);
    void add(const CommandAnswered& answered);
    void add(const ConflictSeen& conflict);
    void add(const HoldExpired& expired);
    void add(const TransitOpened& opened);
    /// Any other event has no row of its own.
    template <class Other>
    void add(const Other&) {}

    IdRows& rows_;
    // The event at hand.
    RecordNumber record_;
    Timestamp time_;
    EventNumber event_;
};

}  // namespace vouch::reconciler
