#pragma once

#include "events/alternative.h"
#include "events/entries/command.h"
#include "events/entries/event.h"
#include "reconciler/rules/fold_changes.h"
#include "reconciler/rules/fold_reversals.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace vouch::reconciler {

/// Kinds of commands that never cross; that one of them did is reported.
template <class Body>
inline constexpr bool kNeverCrosses =
    ChangesItsAccount<Body> || kIsOneOf<Body, PostEntry, ExtendHold, Group, SetClock>;

/// Commands that cross to another shard.
class CrossingFold {
public:
    CrossingFold(FoldContext& context, ChangeFold& changes, ReversalFold& reversals)
        : context_(context), changes_(changes), reversals_(reversals) {}

    void fold_in_transit(const CommandInTransit& sent, std::uint64_t content);

private:
    /// What a crossing is, beyond its event; all that can be known of it.
    struct Departure {
        AccountNumber payer;
        Amount amount;
        Amount freed;  ///< of a hold toward the other shard
        /// The transit account that such a hold is on.
        std::optional<AccountNumber> waiting;
        IdMade made = IdMade::nothing;  ///< what later commands can name it by
        CommandId taken;                ///< the hold that it takes from
        bool is_debit = true;           ///< `amount` leaves, and comes back when that is refused
        bool may_take_less = false;
        bool names_payee = false;  ///< a capture, on whose payee nothing was held
        bool is_exact = true;      ///< false: some of it cannot be known after a broken record
        std::optional<StepKind> step;
    };
    /// What it must do to accounts, and the state in which it must leave its hold.
    struct Doing {
        std::vector<Leg> legs;
        std::optional<HoldState> hold;
    };
    Doing doing_of(const CommandInTransit& sent, const Departure& departure,
                   AccountNumber transit) const;
    void follow_departure(const CommandInTransit& sent, std::uint64_t content,
                          const Departure& departure);
    Departure departure_of(const CommandInTransit& sent) const;
    static void depart_captured(const CaptureHold& capture, const HoldState& hold, Asset asset,
                                Departure& departure);
    bool check_crosses(const CommandInTransit& sent);
    void check_departure(const CommandInTransit& sent, const Departure& departure);
    void check_reversal_departs(const CommandInTransit& sent, const Departure& departure);
    void keep_in_transit(const CommandInTransit& sent, std::uint64_t content,
                         const Departure& departure);
    AccountNumber given_back_over(const CommandInTransit& sent) const;

    FoldContext& context_;
    ChangeFold& changes_;
    ReversalFold& reversals_;
};

}  // namespace vouch::reconciler
