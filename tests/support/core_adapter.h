#pragma once

#include "tests/support/ledger.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vouch::test {

/// The decision cores of all shards without their handlers: commands go in as a CommandBatch's
/// bytes, events and steps come out as bytes, so that the codec is in the way too. Every record is
/// undone once and applied again from what was written; that must lead to the same state.
class CoreLedger : public Ledger {
public:
    /// Steps that were sent and not taken yet.
    virtual std::size_t steps_under_way() const = 0;
    /// Takes the oldest step of one pair of shards; pairs are counted among those that have any.
    virtual void deliver_of_pair(std::size_t pair) = 0;

    /// Shows every event when its record is written, in the order in which records are.
    virtual void observe(std::function<void(ShardId, const Event&)> observer) = 0;

    /// Per shard and asset, debits are credits, posted and held; what the transit accounts hold is
    /// under way. Checked after every step, too.
    std::vector<std::string> check_books() const override = 0;
};

/// Steps are taken as soon as they are sent, until they are held back.
std::unique_ptr<CoreLedger> make_core_ledger(std::uint32_t shards = 1);

}  // namespace vouch::test
