#pragma once

#include "events/entries/event.h"
#include "events/money/hold.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>

namespace vouch::reconciler {

struct HoldKey {
    LedgerId ledger;
    CommandId id;
    friend auto operator<=>(const HoldKey&, const HoldKey&) = default;
};

struct OpenHold {
    HoldState state;
    std::uint32_t generation = 0;  ///< as Account::generation
};

/// A shard's open holds, by (ledger, id) and by expiry. One thread.
/// Memory: about 300 bytes an open hold.
class OpenHolds {
public:
    const OpenHold* find(const HoldKey& key) const;
    /// Places a hold or replaces what is known of it.
    void put(const HoldKey& key, const OpenHold& hold);
    void erase(const HoldKey& key);

    /// The next that is due at `time`, in the order (expires_at, ledger, id); null when none is.
    const HoldKey* next_due(Timestamp time) const;

    const std::map<HoldKey, OpenHold>& all() const { return holds_; }

private:
    struct Due {
        Timestamp expires_at;
        HoldKey key;
        friend auto operator<=>(const Due&, const Due&) = default;
    };

    std::map<HoldKey, OpenHold> holds_;
    std::set<Due> due_;  // those that expire
};

}  // namespace vouch::reconciler
