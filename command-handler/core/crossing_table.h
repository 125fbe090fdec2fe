#pragma once

#include "command-handler/core/account_table.h"
#include "command-handler/core/hold_table.h"
#include "events/entries/event.h"
#include "events/money/ids.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// A command is found as a hold is: by ledger and id.
using CrossingKey = HoldKey;

/// A command of this shard that waits for another shard's answer: what its outcome needs to know.
struct Crossing {
    ShardId to;
    EventNumber event;  ///< of its CommandInTransit
    /// On its way, or held; zero for a release.
    Amount amount;
    /// Whether `amount` may come back to `payer` by way of `transit`; else neither means anything.
    bool can_return = false;
    AccountNumber payer;
    AccountNumber transit;
    /// A capture that names its payee, on which nothing was held.
    bool names_payee = false;
    /// The command, as a message.
    std::vector<std::byte> command;
};

/// The commands of a shard that are in transit, and what could come back of them. One thread.
///
/// What is taken out stays where it was until it is freed, so that it can be put back. Places are
/// used again with their memory, if that is little.
class CrossingTable {
public:
    using Place = std::uint32_t;

    /// Counts in each payer's row what could come back to it. The accounts outlive it.
    explicit CrossingTable(AccountTable& accounts) : accounts_(accounts) {}

    /// Null when no such command is in transit.
    const Crossing* find(const CrossingKey& key) const;
    const Crossing& at(Place place) const { return slots_[place].crossing; }

    /// Adds what the event began; the key must be new.
    Place add(const CommandInTransit& event, EventNumber number);
    Place add(const CrossingKey& key, Crossing crossing);
    /// Empty when there is none.
    std::optional<Place> take(const CrossingKey& key);
    void put_back(Place place);
    /// What was taken at `place` will not be put back.
    void free(Place place);

    /// What other shards have not answered yet and may send back to the account.
    Amount unanswered(AccountNumber payer) const;

    std::size_t size() const { return places_.size(); }
    /// Behind the last place that is or was in use. A crossing keeps its place.
    Place places_end() const { return static_cast<Place>(slots_.size()); }
    /// Null when nothing is in transit at the place.
    const CrossingKey* key_at(Place place) const;
    /// Of the commands of all that are in transit.
    std::size_t command_bytes() const { return command_bytes_; }
    /// Memory for a command that a free place keeps, at most.
    static constexpr std::size_t kKeptBytesMax = 1024;
    /// In order of (ledger, id); for questions. Valid until the next change.
    std::vector<std::pair<CrossingKey, const Crossing*>> sorted() const;

private:
    struct Slot {
        CrossingKey key;
        Crossing crossing;
    };

    Place spare_place();
    void list(Place place);

    AccountTable& accounts_;
    std::vector<Slot> slots_;
    std::vector<Place> spare_;
    boost::unordered_flat_map<CrossingKey, Place, HoldKeyHash> places_;
    std::size_t command_bytes_ = 0;
    boost::unordered_flat_map<std::uint32_t, Amount> unanswered_;  // by payer; none is zero
};

}  // namespace vouch::command_handler
