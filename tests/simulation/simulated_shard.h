#pragma once

#include "events/entries/command.h"
#include "events/money/outcome.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/command-handler/memory_shard_stores.h"
#include "tests/command-handler/mixed_load.h"
#include "tests/projector/memory_view_stores.h"
#include "tests/simulation/fibre_scheduler.h"
#include "tests/simulation/log_place.h"
#include "tests/support/memory_files.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// One shard of a deployment under a seed: gateway, handler, log, views and a client, on fibres.
/// Files and stores are in memory, and lose what was not synced. Every process sends the whole load
/// from the start.
class SimulatedShard {
public:
    /// `place` outlives it.
    SimulatedShard(std::uint64_t seed, LogPlace& place);

    /// A process that is killed after so many switches: the machine loses its power. False when it
    /// was done before.
    bool live_and_die(std::uint64_t steps);
    /// A process that answers the whole load and ends.
    void live();

    std::uint64_t trace() const { return world_.trace(); }
    std::uint64_t steps() const { return world_.steps(); }
    std::size_t told() const { return told_.size(); }
    /// What must not be: an answer that was lost or is another than before, a log that does not
    /// verify, a finding of the reconciler. Empty when all is well.
    std::vector<std::string> faults();

    static constexpr std::uint64_t kBatches = 24;

private:
    struct Told {
        Outcome outcome = Outcome::malformed;
        RecordNumber record;
        friend bool operator==(const Told&, const Told&) = default;
    };
    /// Batch and member.
    using Place = std::pair<std::uint64_t, std::size_t>;
    class Client;
    class TracedLog;

    void run_process();
    void take(Place place, const Told& told);

    const std::uint64_t seed_;
    LogPlace& place_;
    FibreScheduler world_;
    MixedLoad load_;
    MemoryFiles disk_;
    MemoryShardStores shard_stores_{disk_};
    MemoryViewStores view_stores_{disk_};
    std::optional<Deployment> deployment_;
    std::optional<EpochKeys> keys_;
    std::map<Place, Told> told_;
    std::vector<std::string> faults_;
};

}  // namespace vouch::test
