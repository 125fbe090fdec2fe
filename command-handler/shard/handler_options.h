#pragma once

#include "command-handler/shard/accepted_loss.h"
#include "command-handler/shard/mark_schedule.h"
#include "command-handler/shard/moved_input.h"
#include "command-handler/shard/shard_store.h"
#include "events/seal/epoch_keys.h"
#include "events/world/files.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// Commands of one shard that wait for another shard's answer: at this number it takes no more
/// commands, only steps. Looked at before each batch, which may bring it above.
inline constexpr std::size_t kCrossingsMax = 65'536;

/// Bytes of those commands, which stay in memory: at this number likewise. A kilobyte each.
inline constexpr std::size_t kCrossingBytesMax = std::size_t{64} << 20;

/// Members that are told of their commands' transit and wait for the outcomes: at this number a
/// repeat is told of the transit for good. Who was the first to send a command waits always.
inline constexpr std::size_t kWaitersMax = 4 * kCrossingsMax;

/// Where a shard changes over. Tests make these small; the program leaves them alone, and verifiers
/// demand epochs of exactly kEpochEventsMax.
struct HandlerBounds {
    std::uint64_t epoch_events = kEpochEventsMax;
    /// Events after which a running shard writes a new snapshot.
    std::uint64_t snapshot_events = std::uint64_t{1} << 24;
    /// Facts at which a generation of them is handed to the store: three quarters of 2^18 slots.
    std::size_t generation_facts = 190'000;
    std::size_t crossings = kCrossingsMax;
    std::size_t crossing_bytes = kCrossingBytesMax;
    std::size_t waiters = kWaitersMax;
    /// Without anything to do a shard writes a mark so long after its last record.
    std::int64_t mark_after_us = MarkSchedule::kIdle_us;
    /// Steps that were sent and have not come after this are built again from their sender's
    /// records. On topics: longer than somebody's transaction may hold up who reads behind it.
    std::int64_t steps_late_us = 120'000'000;
    /// A pause before records of a sender that could not be read are tried again.
    std::int64_t steps_read_again_us = 1'000'000;
};

struct HandlerOptions {
    std::filesystem::path directory;  ///< shard stores and snapshots, one folder a shard
    Files* files = &system_files();   ///< it lies on; never null
    ShardStores* stores = &rocks_shard_stores();  ///< likewise
    bool snapshots = true;
    /// The operator who accepts what the clock says, though it is implausible beside the newest
    /// record; recorded.
    std::optional<std::string> accept_clock;
    HandlerBounds bounds;
    // Who writes, for the event that starts its term; at most kShortTextMax bytes each.
    std::string writer;   ///< the name of this data directory; empty: it has none
    std::string program;  ///< its version
    std::vector<AcceptedLoss> tail_lost;
    /// Inputs that shards go on reading elsewhere, because an operator said so; recorded likewise.
    std::vector<MovedInput> moved_inputs;
    std::string asked_by;  ///< the operator, 1 to kShortTextMax bytes
};

}  // namespace vouch::command_handler
