#pragma once

#include "events/entries/event.h"
#include "events/seal/deployment.h"
#include "reconciler/ids/id_rows.h"
#include "reconciler/ids/pair_check.h"
#include "reconciler/reading/content_digest.h"
#include "reconciler/rules/step_audit.h"
#include "reconciler/state/replayed_books.h"
#include "reconciler/verdict/finding.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace vouch::reconciler {

/// Where a fold's findings and rows go. Borrowed.
struct FoldSinks {
    Findings& findings;
    IdRows& ids;
    PairRows& pairs;
    /// Ids of all shards' commands; null when there is one shard.
    IdRows* all_ids = nullptr;
};

/// What the folds of one shard share: the books, the steps between shards, and the event at hand.
/// One thread.
struct FoldContext {
    FoldContext(const Deployment& deployment, ShardId shard, const ContentDigest& contents,
                const FoldSinks& all_sinks);
    FoldContext(const FoldContext&) = delete;
    FoldContext& operator=(const FoldContext&) = delete;

    /// A finding at the event at hand.
    void report(Check check, const std::string& message);
    void check_decides_here(const Command& command);

    /// Here, because nearly every event has one: as a call it made replays a tenth slower.
    IdRow row_of(IdRowKind kind, LedgerId ledger, CommandId id) const {
        IdRow row;
        row.id_high = id.high();
        row.id_low = id.low();
        row.event = event.value();
        row.ledger = ledger.value();
        row.kind = kind;
        return row;
    }
    template <class Said>
    IdRow row_of(IdRowKind kind, LedgerId ledger, CommandId id, const Said& said) const {
        IdRow row = row_of(kind, ledger, id);
        row.say(kind, said);
        return row;
    }
    void keep(const IdRow& row) {
        if (is_believed) sinks.ids.add(row);
    }
    template <class Said>
    void keep(IdRowKind kind, LedgerId ledger, CommandId id, const Said& said) {
        keep(row_of(kind, ledger, id, said));
    }
    /// A command of this shard got its outcome, or is on its way: no other shard may know its id.
    void keep_seen(LedgerId ledger, CommandId id);
    void keep_seen(const Command& command);

    /// The sums refunded that the event claims to have changed.
    void keep_sums(LedgerId ledger, CommandId id, const EntryState& entry);
    /// One row a posting, in their order.
    void keep_postings(IdRowKind kind, LedgerId ledger, CommandId id,
                       std::span<const Change> changes);

    AccountNumber number_of(LedgerId ledger, AccountId id) const;
    /// Where what the payer pays to the other shard goes; null when there is none.
    ReplayedTransit* transit_of(LedgerId ledger, ShardId to, AccountNumber payer);

    const bool has_test_clock;
    const ContentDigest& content;
    const FoldSinks sinks;
    ReplayedBooks books;
    StepAudit steps;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;

    // The record being folded.
    RecordNumber record;
    Timestamp time;
    EventNumber event;
    bool is_believed = true;
    bool is_clean = true;
    std::size_t commands = 0;  ///< of the record, so far

private:
    std::uint32_t asset_number(AccountNumber account);

    std::map<Asset, std::uint32_t> asset_numbers_;
};

}  // namespace vouch::reconciler
