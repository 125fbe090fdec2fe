#pragma once

#include "events/entries/event.h"
#include "events/seal/deployment.h"
#include "reconciler/books.h"
#include "reconciler/derive.h"
#include "reconciler/finding.h"
#include "reconciler/id_rows.h"
#include "reconciler/prepared_record.h"
#include "reconciler/wide_sum.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vouch::reconciler {

/// Folds a shard's events in order, and holds what each claims against docs/rules.md: the second
/// implementation of that page, which shares no code with the one that decides.
///
/// Where claim and rule differ there is a finding, and the claim is taken over: what follows is
/// judged by what the log says, not by what it should have said. One thread.
class ShardFold {
public:
    struct Sinks {
        Findings& findings;
        IdRows& ids;
    };

    /// `content` as it was given to the preparation of the records. Borrows all but the deployment.
    ShardFold(const Deployment& deployment, ShardId shard, const ContentDigest& content,
              const Sinks& sinks, bool keeps_history);

    /// Folds the events of one record, of which the first has number `first_event`. Of a record
    /// that is not `believed` nothing about ids is kept. True when all was as it must be.
    bool fold(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event,
              bool believed);

    /// Nothing is sure any more: a record was broken or is missing.
    void lose_certainty() { ++books_.generation; }

    const Books& books() const { return books_; }
    /// A digest of every change of each account so far, when history is kept: for comparing views.
    std::span<const std::uint64_t> history() const { return history_; }
    std::uint64_t history_start() const {
        return content_.key();
    }  ///< before an account's first change
    static std::uint64_t history_digest(std::uint64_t before, EventNumber event,
                                        const Change& change);

    std::uint64_t accepted() const { return accepted_; }
    std::uint64_t refused() const { return refused_; }

private:
    /// What a change must do to an account.
    struct Leg {
        AccountNumber account;
        std::optional<Side> posts;  ///< `amount` on this side
        Amount amount;
        std::optional<Side> frees;  ///< `freed` leaves what is held on this side
        Amount freed;
        std::optional<Side> holds;  ///< `held` is set aside on this side
        Amount held;
    };
    struct Member {
        CommandId id;
        std::uint64_t content = 0;
        Outcome outcome = Outcome::done;
        CommandId group;
        std::vector<AccountNumber> changed;
    };

    void report(Check check, const std::string& message);

    // shard_fold.cc: the record
    void fold_transfer(const PreparedRecord& record, const PlainTransfer& plain);
    bool take_plain(const PlainTransfer& plain);
    void fold_event(const PreparedEvent& prepared, bool is_first, bool is_last);
    void fold_command(const CommandDecided& decided, std::uint64_t content);
    void fold_expiry(const HoldExpired& expired);
    void end_head();
    void fold_conflict(const ConflictSeen& conflict, std::uint64_t content);

    // fold_changes.cc: claims against the books
    std::optional<Change> follow(const Leg& leg) const;
    void check_changes(std::span<const Change> claimed, std::span<const Leg> legs);
    void check_change(const Change& claimed, const Change& expected);
    void adopt(const Change& claimed);
    void adopt_all(std::span<const Change> claimed);
    void adopt_hold(LedgerId ledger, const HoldState& hold);
    void check_hold(const std::optional<HoldState>& claimed, const HoldState& expected);
    std::vector<Leg> release_legs(const HoldState& hold, Amount freed) const;

    // fold_commands.cc: what became of a command
    bool check_outcome(const CommandDecided& decided, const Derived& derived);
    bool may_depend_on_past(const CommandDecided& decided, const Derived& derived) const;
    void check_parts(const CommandDecided& decided);
    struct AcceptedCommand;
    void fold_accepted(const CommandDecided& decided, const Derived& derived);
    void adopt_accepted(const CommandDecided& decided);
    void adopt_opening(const CommandDecided& decided, const OpenAccount& open);
    AccountNumber number_of(LedgerId ledger, AccountId id) const;
    void keep_outcome(const CommandDecided& decided, std::uint64_t content);
    std::uint32_t asset_number(AccountNumber account);
    void keep_hold_refusal(const CommandDecided& decided);

    // fold_reversals.cc
    void fold_reversal(const CommandDecided& decided);
    void check_reversal_refused(const CommandDecided& decided);
    void check_undoing(const CommandDecided& decided);
    void check_refund(const CommandDecided& decided, const Refund& refund);
    void check_reverse(const CommandDecided& decided, const Reverse& reverse);
    void keep_reversal(const CommandDecided& decided);

    // fold_groups.cc
    void fold_member(const CommandDecided& decided, std::uint64_t content);
    void fold_group(const CommandDecided& decided);
    void check_group_done(const CommandDecided& decided, const Group& group);
    void check_group_failed(const CommandDecided& decided);
    bool is_first_member_derived(const CommandDecided& decided, const Group& group) const;
    std::optional<Outcome> group_refusal(const CommandDecided& decided, const Group& group) const;
    void end_group();

    IdRow row_of(IdRowKind kind, LedgerId ledger, CommandId id) const;
    void keep(const IdRow& row) {
        if (is_believed_) sinks_.ids.add(row);
    }

    bool has_test_clock_;
    const ContentDigest& content_;
    Sinks sinks_;
    Books books_;
    bool keeps_history_;
    std::vector<std::uint64_t> history_;
    std::map<Asset, std::uint32_t> asset_numbers_;
    std::uint64_t accepted_ = 0;
    std::uint64_t refused_ = 0;

    // The record being folded.
    RecordNumber record_;
    Timestamp time_;
    EventNumber event_;
    bool is_believed_ = true;
    bool is_clean_ = true;
    bool in_head_ = true;
    std::size_t commands_ = 0;
    std::vector<Member> members_;  ///< of a group whose own event has not come yet
    Arena arena_;
};

}  // namespace vouch::reconciler
