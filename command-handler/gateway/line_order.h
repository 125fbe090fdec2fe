#pragma once

#include "command-handler/gateway/ordered_outcomes.h"
#include "command-handler/intake/routing.h"
#include "events/entries/command.h"
#include "events/money/keyed_hash.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace vouch::command_handler {

/// The order of a stream's lines where several shards decide them. A line waits for every earlier
/// one that shares an account, hold or entry with it and is decided on another shard; the accounts
/// of the holds and entries that they name are shared too. One that closes an account waits for
/// those of its own shard as well, whose money may come back. One thread.
class LineOrder {
public:
    /// Accounts, holds and entries that are remembered with the shard of their last line.
    static constexpr std::size_t kTouchedMax = 262'144;

    /// `outcomes`, which outlives this, says which lines have theirs.
    LineOrder(std::uint32_t shard_count, const OrderedOutcomes& outcomes)
        : shard_count_(shard_count), outcomes_(outcomes) {}

    /// Whether earlier lines must have their outcome first. `behind` as StreamDirectory::behind.
    bool must_wait(const Command& command, ShardId shard, std::span<const AccountId> behind) const;
    /// The line of that position is sent with this command.
    void add(const Command& command, ShardId shard, std::uint64_t position,
             std::span<const AccountId> behind);
    /// Nothing is in flight.
    void clear() { touched_.clear(); }

private:
    /// The last line that touched an id.
    struct TouchedBy {
        ShardId shard;
        std::uint64_t position = 0;
        /// Earlier ones, of the same shard, had no outcome then: this one may have its own first.
        bool is_behind_open = false;
    };
    struct TouchedHash {
        std::size_t operator()(const Touched& touched) const noexcept {
            return keyed_hash(HashKey::of_process(), touched.ledger.value(), touched.high,
                              touched.low);
        }
    };

    /// Whether a line up to this one may still be without outcome; exact but for several of them.
    bool is_open(const TouchedBy& touched) const;

    std::uint32_t shard_count_;
    const OrderedOutcomes& outcomes_;
    boost::unordered_flat_map<Touched, TouchedBy, TouchedHash> touched_;
};

}  // namespace vouch::command_handler
