#pragma once

#include "events/entries/event.h"
#include "reconciler/reading/prepared_record.h"
#include "reconciler/rules/fold_context.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vouch::reconciler {

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

/// Claimed rows of accounts and holds: held against the books, and taken over into them.
class ChangeFold {
public:
    ChangeFold(FoldContext& context, bool keeps_history)
        : context_(context), keeps_history_(keeps_history) {}

    void begin_event() { change_ = 0; }

    /// The account's row after `leg`; empty when its sums do not fit.
    std::optional<Change> follow(const Leg& leg) const;
    void check_changes(std::span<const Change> claimed, std::span<const Leg> legs);
    void check_change(const Change& claimed, const Change& expected);
    void check_hold(const std::optional<HoldState>& claimed, const HoldState& expected);
    std::vector<Leg> release_legs(const HoldState& hold, Amount freed) const;

    void adopt(const Change& claimed);
    void adopt_all(std::span<const Change> claimed);
    void adopt_hold(LedgerId ledger, const HoldState& hold);
    void adopt_followed_hold(ShardId from, LedgerId ledger, const HoldState& hold);
    /// Puts a new account where `claimed` says, and takes that over.
    void open(const Account& account, const Change& claimed);
    /// Takes a transfer over when everything that it claims follows; false, and nothing is changed,
    /// otherwise.
    bool take_plain(const PlainTransfer& plain);

    /// A digest of every change of each account so far, when history is kept: for comparing views.
    std::span<const std::uint64_t> history() const { return history_; }
    /// Before an account's first change.
    static constexpr std::uint64_t history_start() { return 0; }
    /// `index`: which of the event's changes.
    static std::uint64_t history_digest(std::uint64_t before, EventNumber event,
                                        std::uint16_t index, const Change& change);

private:
    FoldContext& context_;
    bool keeps_history_;
    std::vector<std::uint64_t> history_;
    std::uint16_t change_ = 0;  ///< of the event's changes, the one that is adopted next
};

}  // namespace vouch::reconciler
