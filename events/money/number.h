#pragma once

#include "events/money/keyed_hash.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace vouch {

/// A number that is not interchangeable with other numbers: explicit in, `.value()` out, ordered,
/// hashable (keyed), and with `next()` as its only arithmetic (an offset plus an offset means
/// nothing).
template <class Tag, class Rep>
class Number {
public:
    using rep = Rep;

    constexpr Number() = default;
    constexpr explicit Number(Rep value) : value_(value) {}

    constexpr Rep value() const { return value_; }
    constexpr Number next() const { return Number(static_cast<Rep>(value_ + 1)); }

    friend constexpr auto operator<=>(Number, Number) = default;

private:
    Rep value_{};
};

/// A separate set of books in a deployment (tenant, test books); 0 by default.
using LedgerId = Number<struct LedgerTag, std::uint32_t>;
/// A partition of accounts with one writer: 0 to shards - 1.
using ShardId = Number<struct ShardTag, std::uint32_t>;
/// Position of a record in its shard: 0, 1, 2… without gaps.
using RecordNumber = Number<struct RecordNumberTag, std::uint64_t>;
/// Position of an event in its shard: 0, 1, 2… without gaps, across records.
using EventNumber = Number<struct EventNumberTag, std::uint64_t>;
/// Dense number of an account in its shard, given at opening: 0, 1, 2….
using AccountNumber = Number<struct AccountNumberTag, std::uint32_t>;
/// How many changes an account has seen; its opening is version 1.
using Version = Number<struct VersionTag, std::uint64_t>;
/// A writer's turn on a shard; a higher term fences every lower one.
using Term = Number<struct TermTag, std::uint64_t>;
/// A key's period, counted from 0 per shard.
using Epoch = Number<struct EpochTag, std::uint64_t>;
/// Position in a shard's input (commands or steps); may have gaps.
using Offset = Number<struct OffsetTag, std::uint64_t>;
/// Position of a batch of steps among those from one shard to another: 0, 1, 2… without gaps.
using StepBatchNumber = Number<struct StepBatchNumberTag, std::uint64_t>;
/// Microseconds since 1970-01-01T00:00:00Z. Always a record's time, never a clock's reading.
using Timestamp = Number<struct TimestampTag, std::int64_t>;

}  // namespace vouch

template <class Tag, class Rep>
struct std::hash<vouch::Number<Tag, Rep>> {
    std::size_t operator()(vouch::Number<Tag, Rep> n) const noexcept {
        return static_cast<std::size_t>(
            vouch::keyed_hash(vouch::HashKey::of_process(), n.value()));
    }
};
