#pragma once

#include "events/entries/event.h"
#include "events/money/wide_sum.h"
#include "events/seal/deployment.h"
#include "reconciler/books.h"
#include "reconciler/derive.h"
#include "reconciler/finding.h"
#include "reconciler/id_rows.h"
#include "reconciler/prepared_record.h"
#include "reconciler/step_audit.h"

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
        PairRows& pairs;
        /// Ids of all shards' commands; null when there is one shard.
        IdRows* all_ids = nullptr;
    };

    /// `content` as it was given to the preparation of the records. Borrows all but the deployment.
    ShardFold(const Deployment& deployment, ShardId shard, const ContentDigest& content,
              const Sinks& sinks, bool keeps_history);

    /// Folds the events of one record, of which the first has number `first_event`. Of a record
    /// that is not `believed` nothing about ids is kept. True when all was as it must be.
    bool fold(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event,
              bool believed);

    /// Nothing is sure any more: a record was broken or is missing.
    void lose_certainty() {
        ++books_.generation;
        steps_.lose_certainty();
    }
    /// Behind the last record.
    void finish() { steps_.finish(); }

    const Books& books() const { return books_; }
    /// A digest of every change of each account so far, when history is kept: for comparing views.
    std::span<const std::uint64_t> history() const { return history_; }
    /// Before an account's first change.
    static constexpr std::uint64_t history_start() { return 0; }
    /// `index`: which of the event's changes.
    static std::uint64_t history_digest(std::uint64_t before, EventNumber event,
                                        std::uint16_t index, const Change& change);

    std::uint64_t accepted() const { return accepted_; }
    std::uint64_t refused() const { return refused_; }
    /// Inputs that were recorded as unreadable because the process had died on them.
    std::uint64_t isolated() const { return isolated_; }
    const std::optional<Offset>& isolated_last() const { return isolated_last_; }

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

    /// Kinds of events in the order in which a record has them.
    enum class Phase : std::uint8_t { term, acts, expiries, steps, commands, sent, seal };

    void report(Check check, const std::string& message);

    // shard_fold.cc: the record
    void enter(Phase phase);
    void begin_command(const CommandDecided* decided);
    void fold_transfer(const PreparedRecord& record, const PlainTransfer& plain);
    bool take_plain(const PlainTransfer& plain);
    void fold_event(const PreparedEvent& prepared, bool is_first, bool is_last);
    void fold_command(const CommandDecided& decided, std::uint64_t content);
    void fold_expiry(const HoldExpired& expired);
    void fold_unreadable(const Unreadable& unreadable);
    void fold_mark(bool is_first);
    void end_head();
    void fold_reference(IdRowKind kind, const Command& command, EventNumber first,
                        std::uint64_t content);
    void fold_forwarded(const CommandForwarded& forwarded);
    void send_expiry(const HoldExpired& expired, std::optional<Amount> freed);
    void check_sent_order(const StepsSent& sent);
    void check_decides_here(const Command& command);

    // fold_changes.cc: claims against the books
    std::optional<Change> follow(const Leg& leg) const;
    void check_changes(std::span<const Change> claimed, std::span<const Leg> legs);
    void check_change(const Change& claimed, const Change& expected);
    void adopt(const Change& claimed);
    void adopt_all(std::span<const Change> claimed);
    void adopt_hold(LedgerId ledger, const HoldState& hold);
    void adopt_followed_hold(ShardId from, LedgerId ledger, const HoldState& hold);
    void check_hold(const std::optional<HoldState>& claimed, const HoldState& expected);
    std::vector<Leg> release_legs(const HoldState& hold, Amount freed) const;

    // fold_commands.cc: what became of a command
    bool check_outcome(const CommandDecided& decided, const Derived& derived);
    bool may_depend_on_past(const CommandDecided& decided, const Derived& derived) const;
    void check_parts(const CommandDecided& decided);
    static Outcome acceptance(const CommandBody& body);
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
    void check_account_refused(const CommandDecided& decided);
    bool is_justified_of(const CommandDecided& decided, const Account& account) const;
    void keep_refusal_facts(const CommandDecided& decided);
    void check_undoing(const CommandDecided& decided);
    void check_refund(const CommandDecided& decided, const Refund& refund);
    void check_reverse(const CommandDecided& decided, const Reverse& reverse);
    void keep_reversal(const CommandDecided& decided);
    static RefundedPair pair_of(const Refund& refund);

    // fold_crossings.cc: commands that cross, and what became of them
    /// What a crossing is, beyond its event; all that can be known of it.
    struct Departure {
        AccountNumber payer;
        Amount amount;
        Amount freed;          ///< of a hold toward the other shard
        /// The transit account that such a hold is on.
        std::optional<AccountNumber> waiting;
        bool is_exact = true;  ///< false: some of it cannot be known after a broken record
        std::optional<StepKind> step;
    };
    void fold_in_transit(const CommandInTransit& sent, std::uint64_t content);
    void follow_departure(const CommandInTransit& sent, std::uint64_t content,
                          const Departure& departure);
    Transit* transit_of(LedgerId ledger, ShardId to, AccountNumber payer);
    Departure departure_of(const CommandInTransit& sent) const;
    bool check_crosses(const CommandInTransit& sent);
    void check_departure(const CommandInTransit& sent, const Departure& departure);
    void check_reversal_departs(const CommandInTransit& sent, const Departure& departure);
    std::optional<HoldState> hold_after(const CommandInTransit& sent, const Departure& departure,
                                        AccountNumber transit) const;
    void keep_in_transit(const CommandInTransit& sent, std::uint64_t content);
    AccountNumber given_back_over(const CommandInTransit& sent) const;

    // fold_answers.cc
    void fold_answered(const CommandAnswered& answered);
    /// What an answer changes.
    struct Return {
        std::vector<Leg> legs;
        std::optional<HoldState> hold;
        Amount taken;     ///< as the answer says
        Amount returned;  ///< posted
        Amount freed;     ///< of what was held
    };
    Return return_of(const CommandAnswered& answered, const Crossing& crossing) const;
    Return return_of_capture(const Crossing& crossing, const CaptureHold& capture,
                             const OpenHold* open) const;
    Return return_of_refused_capture(const Crossing& crossing, const HoldKey& key) const;
    std::optional<HoldState> hold_under_way(const HoldKey& key) const;
    void check_answer(const CommandAnswered& answered, const Crossing& crossing);
    void check_answer_parts(const CommandAnswered& answered, const CommandBody& body);
    void check_return(const CommandAnswered& answered, const Crossing& crossing,
                      const Return& expected);
    void take_answer(const CommandAnswered& answered, const Crossing& crossing,
                     const Return& expected);
    void keep_answered(const CommandAnswered& answered, const Crossing* crossing);

    // fold_followed.cc: what other shards' steps led to
    void fold_transit_opened(const TransitOpened& opened);
    void check_transit_used(std::span<const Change> changes);
    void fold_followed(const StepFollowed& followed);
    void check_followed(const StepFollowed& followed, ShardId from);
    void check_followed_credit(const StepFollowed& followed, ShardId from, Amount taken);
    void check_followed_hold(const StepFollowed& followed, ShardId from);
    void take_followed(const StepFollowed& followed, ShardId from);
    void keep_followed(const StepFollowed& followed, ShardId from);
    AccountNumber came_over(LedgerId ledger, AccountNumber number) const;
    void keep_credited(const StepFollowed& followed);

    // fold_groups.cc
    void fold_member(const CommandDecided& decided, std::uint64_t content);
    void fold_group(const CommandDecided& decided);
    void check_group_done(const CommandDecided& decided, const Group& group);
    void check_group_failed(const CommandDecided& decided);
    bool is_first_member_derived(const CommandDecided& decided, const Group& group) const;
    std::optional<Outcome> group_refusal(const CommandDecided& decided, const Group& group) const;
    void end_group();

    /// A command of this shard got its outcome, or is on its way: no other shard may know its id.
    void keep_seen(const Command& command);
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
    std::uint64_t isolated_ = 0;
    std::optional<Offset> isolated_last_;

    // The record being folded.
    RecordNumber record_;
    Timestamp time_;
    EventNumber event_;
    std::uint16_t change_ = 0;  ///< of its changes, the one that is adopted next
    Offset next_command_;  ///< of its header
    bool is_believed_ = true;
    bool is_clean_ = true;
    bool in_head_ = true;
    Phase phase_ = Phase::term;
    std::optional<AccountNumber> opened_transit_;  ///< by the event before
    std::optional<std::pair<ShardId, StepBatchNumber>> last_sent_;
    StepAudit steps_;
    std::size_t commands_ = 0;
    std::vector<Member> members_;  ///< of a group whose own event has not come yet
    Arena arena_;
};

}  // namespace vouch::reconciler
