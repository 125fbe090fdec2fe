#pragma once

#include "events/entries/event.h"
#include "reconciler/rules/fold_changes.h"
#include "reconciler/rules/fold_reversals.h"

#include <cstdint>
#include <optional>

namespace vouch::reconciler {

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
        bool is_exact = true;  ///< false: some of it cannot be known after a broken record
        std::optional<StepKind> step;
    };
    void follow_departure(const CommandInTransit& sent, std::uint64_t content,
                          const Departure& departure);
    Departure departure_of(const CommandInTransit& sent) const;
    static void depart_captured(const CaptureHold& capture, const HoldState& hold, Asset asset,
                                Departure& departure);
    bool check_crosses(const CommandInTransit& sent);
    void check_departure(const CommandInTransit& sent, const Departure& departure);
    void check_reversal_departs(const CommandInTransit& sent, const Departure& departure);
    std::optional<HoldState> hold_after(const CommandInTransit& sent, const Departure& departure,
                                        AccountNumber transit) const;
    void keep_in_transit(const CommandInTransit& sent, std::uint64_t content);
    AccountNumber given_back_over(const CommandInTransit& sent) const;

    FoldContext& context_;
    ChangeFold& changes_;
    ReversalFold& reversals_;
};

}  // namespace vouch::reconciler
