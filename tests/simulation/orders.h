#pragma once

#include "events/money/ids.h"
#include "events/money/outcome.h"
#include "tests/simulation/plan.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::test {

/// What a client was told of a command.
struct Told {
    Outcome outcome = Outcome::malformed;
    ShardId shard;
    RecordNumber record;
    friend bool operator==(const Told&, const Told&) = default;
};

/// What clients want done and what they were told, whichever process told them: it outlives all of
/// them. A client sends what is due until it is told.
class Orders {
public:
    struct Order {
        SimulatedTime due{};
        Bytes bytes;
        LedgerId ledger;
        CommandId id;
        ShardId home;
        std::string_view kind;
        std::size_t first = 0;  ///< the first order of the same content
        std::optional<Told> told;
    };

    explicit Orders(const Plan& plan);

    const std::vector<Order>& all() const { return orders_; }
    /// Indexes of those that are due and not told, in order.
    std::vector<std::size_t> due(SimulatedTime now) const;
    /// When the next one becomes due; empty when all are.
    std::optional<SimulatedTime> next_due(SimulatedTime now) const;
    bool are_told() const { return untold_ == 0; }
    std::size_t told() const { return orders_.size() - untold_; }

    /// What is wrong with it; empty when it may be so.
    std::string tell(std::size_t order, const Told& told);
    std::string text(std::size_t order) const;

private:
    std::vector<Order> orders_;  // in the order of their times
    std::size_t untold_ = 0;
    std::size_t first_untold_ = 0;
    std::map<std::size_t, Told> first_told_;  // by the first order of a content
};

}  // namespace vouch::test
