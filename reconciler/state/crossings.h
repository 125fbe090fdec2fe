#pragma once

#include "events/entries/event.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/transit_key.h"
#include "events/money/wide_sum.h"
#include "reconciler/state/open_holds.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace vouch::reconciler {

/// The transit accounts of a key, oldest first, and what the steps over them add up to: their
/// balance once more, from steps alone.
struct ReplayedTransit {
    std::vector<AccountNumber> accounts;
    WideSum sent;      ///< posted by steps; where it is followed: taken
    WideSum returned;  ///< of that, what came back; where it is followed: always nothing
    WideSum held;      ///< set aside by steps
    WideSum freed;     ///< of that, what was captured, released, or freed by a refusal

    /// What is new goes over the newest; the others keep what is under way on them.
    AccountNumber newest() const { return accounts.back(); }
    /// Stands for all of them where entries tell what they passed through.
    AccountNumber first() const { return accounts.front(); }
};

/// A command that waits for another shard.
struct ReplayedCrossing {
    EventNumber event;  ///< of its CommandInTransit
    bool is_event_sure = true;
    CommandBody body;   ///< one that crosses, which borrows nothing
    std::uint64_t content = 0;
    ShardId to;
    AccountNumber payer;
    AccountNumber transit;
    Amount amount;
    bool may_take_less = false;
    bool names_payee = false;          ///< a capture, on whose payee nothing was held
    bool is_known = true;              ///< false after a broken record
    bool is_unanswered_debit = false;  ///< `amount` may come back to the payer
    /// The hold that it places or captures, which its answer may still change; zero: none.
    CommandId hold;
};

/// What a shard knows of other shards. One thread.
/// Memory: about 300 bytes a command in transit (400 when it is about a hold), 120 a transit
/// account, 300 an open followed hold.
class Crossings {
public:
    using Key = HoldKey;  ///< (ledger, id) of a command

    ReplayedTransit* find_transit(const TransitKey& key);
    const ReplayedTransit* find_transit(const TransitKey& key) const;
    void open_transit(const TransitKey& key, AccountNumber account);
    const std::map<TransitKey, ReplayedTransit>& transits() const { return transits_; }

    ReplayedCrossing* find(const Key& key);
    void put(const Key& key, const ReplayedCrossing& crossing);
    /// Its answer has come.
    void erase(const Key& key);
    const std::map<Key, ReplayedCrossing>& all() const { return crossings_; }

    /// How a hold ended, for as long as an answer may still change that; null when none may.
    const HoldState* ended_hold(const Key& hold) const;
    void hold_ended(const Key& hold, const HoldState& state);

    /// What could still come back to an account.
    WideSum unanswered(AccountNumber account) const;
    bool has_unanswered() const { return !unanswered_.empty(); }

    /// Holds of another shard whose payee is here.
    OpenHolds& followed(ShardId from) { return followed_[from]; }
    const OpenHold* find_followed(ShardId from, const Key& key) const;
    const std::map<ShardId, OpenHolds>& all_followed() const { return followed_; }

private:
    std::map<TransitKey, ReplayedTransit> transits_;
    std::map<ShardId, OpenHolds> followed_;
    std::map<Key, ReplayedCrossing> crossings_;
    /// Holds that crossings place or capture: how many do, and how it ended.
    struct Awaited {
        std::uint64_t count = 0;
        std::optional<HoldState> ended;
    };
    std::map<Key, Awaited> awaited_holds_;
    /// Sums and how many crossings they are of, by payer.
    struct Unanswered {
        WideSum sum;
        std::uint64_t count = 0;
    };
    std::map<AccountNumber, Unanswered> unanswered_;
};

}  // namespace vouch::reconciler
