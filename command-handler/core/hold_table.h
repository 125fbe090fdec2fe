#pragma once

#include "events/entries/event.h"
#include "events/money/ids.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <vector>

namespace vouch::command_handler {

struct HoldKey {
    LedgerId ledger;
    CommandId id;
    friend auto operator<=>(const HoldKey&, const HoldKey&) = default;
};

struct HoldKeyHash {
    std::size_t operator()(const HoldKey& key) const noexcept {
        return keyed_hash(HashKey::of_process(), key.ledger, key.id);
    }
};

/// A hold that comes to its time, in the order in which holds expire.
struct Due {
    Timestamp expires_at;
    HoldKey key;
    friend auto operator<=>(const Due&, const Due&) = default;
};

/// The open holds of a shard. One thread.
///
/// A hold keeps its place while it is open, and comes back to it when changes are undone, newest
/// first. So whoever goes through the places piece by piece misses none but those that are changed
/// meanwhile.
class HoldTable {
public:
    using Place = std::uint32_t;
    struct Placed {
        LedgerId ledger;
        HoldState hold;
    };

    /// The open hold, or null.
    const HoldState* find(const HoldKey& key) const;

    /// Replaces the hold: an open one is kept, a closed one dropped. Returns what was there.
    std::optional<HoldState> put(LedgerId ledger, const HoldState& hold);
    /// Takes `put` back.
    void restore(const HoldKey& key, const std::optional<HoldState>& before);

    /// The hold that expires first, if any expires at all.
    std::optional<Due> next_due() const;

    std::size_t size() const { return places_.size(); }
    /// Behind the last place that is or was in use.
    Place places_end() const { return static_cast<Place>(slots_.size()); }
    /// Null when no hold is there.
    const Placed* at(Place place) const;
    /// In order of (ledger, id); for questions, not for the hot path.
    std::vector<std::pair<HoldKey, HoldState>> sorted() const;

private:
    void add(const HoldKey& key, const HoldState& hold);
    void erase(const HoldKey& key);

    std::deque<Placed> slots_;  // those of spare places are not open
    std::vector<Place> spare_;  // freed last, used first
    boost::unordered_flat_map<HoldKey, Place, HoldKeyHash> places_;
    std::set<Due> due_;
};

}  // namespace vouch::command_handler
