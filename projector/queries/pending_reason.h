#pragma once

#include "events/money/ids.h"
#include "events/money/number.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::projector {

/// Why something has not come to its end. What an operator does about each: docs/operations.md.
enum class PendingReason : std::uint8_t {
    due,            ///< a hold's end has come, and no record has said so yet
    under_way,      ///< between two shards of which nothing is known to be wrong
    shard_stopped,  ///< one of the two has stopped
    held_back,      ///< one of the two takes no steps of the other
    log_waits,      ///< nothing is written: the disk has no room, or no broker answers
    not_served,     ///< no server answers for the books
};
std::string_view to_text(PendingReason reason);
std::optional<PendingReason> parse_pending_reason(std::string_view word);
/// "due, under_way, …", for whoever gave another word.
std::string pending_reason_words();
/// What is said of a shard that these books do not have.
std::string expected_shard(std::size_t shards);

/// A shard, and what is wrong with it.
struct ShardFinding {
    ShardId shard;
    std::string what;
    friend bool operator==(const ShardFinding&, const ShardFinding&) = default;
};

/// What whoever asks knows of the shards at work: no view says it.
struct ShardsAtWork {
    /// Who decides for them: whoever asks, a process that he cannot ask, or nobody that he knows.
    enum class Served : std::uint8_t { here, elsewhere, not_known };
    Served served = Served::not_known;
    std::optional<std::string> log_waits{};  ///< why nothing is written
    std::vector<ShardFinding> stopped;       ///< they decide nothing
    struct HeldBack {
        ShardId sender;
        ShardId by;
        std::string what;
    };
    std::vector<HeldBack> held_back;
    std::vector<ShardFinding> views_stopped;  ///< what came later is in no answer
};

/// Why something stands still, and what to do about it.
struct WayOn {
    PendingReason reason;
    std::string text;
};
/// Of what left `from` and waits for `to`.
WayOn way_on_between(const ShardsAtWork& at_work, ShardId from, ShardId to);
/// Of a hold that is due.
WayOn way_on_of_due(const ShardsAtWork& at_work, ShardId shard);

}  // namespace vouch::projector
