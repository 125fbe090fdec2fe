#pragma once

#include "events/entries/command.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/seal/deployment.h"

#include <compare>
#include <cstdint>

namespace vouch::command_handler {

/// What is known of an id: which kinds of fact a shard keeps for ever.
enum class FactKind : std::uint8_t {
    command = 1,         ///< the event with the command: with its outcome, or of its transit
    closed_hold = 2,     ///< the event that closed the hold
    entry_state = 3,     ///< the newest event that reversed or refunded the entry
    followed_entry = 4,  ///< the event of the step that made an entry of another shard's command
    refunded = 5,        ///< the newest event that changed what is refunded of one of its postings
    answered = 6,        ///< the event with the outcome of a command that was in transit
};
inline constexpr FactKind kLastFactKind = FactKind::answered;

struct FactKey {
    FactKind kind = FactKind::command;
    LedgerId ledger;
    CommandId id;
    std::uint32_t posting = 0;  ///< of `refunded` alone; below kPostingsMax
    /// Of `entry_state` and `refunded`: the shard that led an entry which was followed here, plus
    /// 1; 0: this shard.
    std::uint16_t leader = 0;
    friend auto operator<=>(const FactKey&, const FactKey&) = default;
};

/// Where an event stands: its record, its number, and its bytes in the record's body.
struct Locator {
    RecordNumber record;
    EventNumber event;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    friend bool operator==(const Locator&, const Locator&) = default;
};

/// A fact to be kept.
struct FactEntry {
    FactKey key;
    Locator locator;
};

static_assert(kPostingsMax < 1U << 12 && kShardsMax < 1U << 12,
              "both have their place in the hash");

/// The same hash serves the filter and the table of recent facts.
inline std::uint64_t fact_hash(const FactKey& key,
                               const HashKey& hash_key = HashKey::of_process()) {
    const std::uint64_t kind = std::uint64_t{key.leader} << 52 | std::uint64_t{key.posting} << 40 |
                               std::uint64_t{key.ledger.value()} << 8 |
                               static_cast<std::uint64_t>(key.kind);
    return keyed_hash(hash_key, kind, key.id.high(), key.id.low());
}

}  // namespace vouch::command_handler
