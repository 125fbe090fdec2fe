#pragma once

#include "events/log/log.h"
#include "events/money/ids.h"
#include "tests/support/memory_coordinator.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// What may go wrong in a simulated deployment; a row of fault_kinds() each.
enum class FaultKind : std::uint8_t {
    kill,
    power_loss,
    power_losses,
    pause,
    clock_step,
    clock_leap,
    slow_disk,
    full_disk,
    failing_change,
    failing_read,
    bit_rot,
    old_segment,
    old_log,
    lost_segment,
    rotten_end,
    misdirected_write,
    rot_beside,
    old_beside,
    old_directory,
    lost_views,
    lost_stores,
    brokers_away,
    brokers_unsteady,
    commit_not_answered,
    commit_not_done,
    commit_ended_twice,
    session_expired,
    member_stalled,
    epoch_bumped,
    leader_lost,
    marks_held,
    strange_message,
    steps_lost,
    steps_twice,
    steps_late,
    inputs_trimmed,
    inputs_lost,
    copied_directory,
};

inline constexpr std::size_t kFaultKinds = 38;

/// What a process may end by while a fault lasts and soon after: what the docs say of it, no more.
struct Stops {
    bool fails = false;    ///< disk or brokers do not give what is asked
    bool corrupt = false;  ///< bytes are not what was written
    bool fenced = false;   ///< it lost its shards
    bool at_start = false;  ///< only who is not at work yet
    bool all_its_life = false;  ///< a shard or view that met it stands still until the next start
    bool elsewhere = false;  ///< on the other machine, too
};

struct FaultKindRow {
    FaultKind kind;
    std::string_view name;
    std::string_view what;
    enum class On : std::uint8_t { both, files, kafka } on;
    std::chrono::milliseconds lasts_max;  ///< 0: a moment
    Stops stops;
};

std::span<const FaultKindRow> fault_kinds();
const FaultKindRow& row_of(FaultKind kind);

/// Of the run's beginning.
using SimulatedTime = std::chrono::microseconds;

struct PlannedCommand {
    SimulatedTime at{};
    Bytes bytes;  ///< a batch of this command alone
};

struct PlannedFault {
    SimulatedTime at{};
    FaultKind kind = FaultKind::kill;
    SimulatedTime lasts{};
    std::uint64_t draw = 0;  ///< what its details are made of
};

/// All that a run is made of: data, so that any part of it can be left out. What no entry of it
/// says, as the order of fibres, the seed decides.
struct Plan {
    std::uint64_t seed = 0;
    bool is_on_kafka = false;
    TransactionProtocol protocol = TransactionProtocol::verified;  ///< of its brokers
    std::uint32_t shards = 1;
    bool has_small_bounds = false;  ///< snapshots and generations of facts after a few commands
    bool has_large_groups = false;  ///< of which some tens fill a record
    SimulatedTime length{};                ///< until all faults are healed
    std::vector<PlannedCommand> commands;  ///< in the order of their times
    std::vector<PlannedFault> faults;      ///< likewise
};

/// The seed draws first which kinds of fault the run has and how often, then when each happens.
Plan make_plan(std::uint64_t seed);

}  // namespace vouch::test
