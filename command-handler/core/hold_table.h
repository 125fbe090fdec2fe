#pragma once

#include "events/entries/event.h"
#include "events/money/ids.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <compare>
#include <cstddef>
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
class HoldTable {
public:
    /// The open hold, or null.
    const HoldState* find(const HoldKey& key) const;

    /// Replaces the hold: an open one is kept, a closed one dropped. Returns what was there.
    std::optional<HoldState> put(LedgerId ledger, const HoldState& hold);
    /// Takes `put` back.
    void restore(const HoldKey& key, const std::optional<HoldState>& before);

    /// The hold that expires first, if any expires at all.
    std::optional<Due> next_due() const;

    std::size_t size() const { return holds_.size(); }
    /// In order of (ledger, id); for snapshots and questions, not for the hot path.
    std::vector<std::pair<HoldKey, HoldState>> sorted() const;

private:
    void erase(const HoldKey& key);

    boost::unordered_flat_map<HoldKey, HoldState, HoldKeyHash> holds_;
    std::set<Due> due_;
};

}  // namespace vouch::command_handler
