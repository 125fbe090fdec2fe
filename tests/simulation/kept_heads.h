#pragma once

#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/reading/kept_records.h"
#include "reconciler/replay/replay.h"
#include "tests/simulation/log_place.h"
#include "tests/simulation/machine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch::test {

// Who knows how far the log in a machine's files went.

/// Each shard's newest record; fewer where one cannot be read, or has none.
std::vector<reconciler::KeptRecord> heads_of(LogPlace& place, Machine& machine,
                                             std::uint32_t shards);
bool is_older(const std::vector<reconciler::KeptRecord>& heads,
              const std::vector<reconciler::KeptRecord>& than);

/// Whether the machine's kept ends know of each durable record: of what is younger than a second
/// nobody may have kept anything.
bool is_witnessed(LogPlace& place, Machine& machine, const EpochKeys& keys, std::uint32_t shards);

reconciler::ReplayOptions replay_options(Machine& machine, const EpochKeys& keys);
/// What replay says of old books that do not hold what was kept elsewhere; empty when it tells.
std::optional<std::string> find_untold(LogPlace& place, Machine& old,
                                       const Deployment& deployment, const EpochKeys& keys,
                                       const std::vector<reconciler::KeptRecord>& kept);

}  // namespace vouch::test
