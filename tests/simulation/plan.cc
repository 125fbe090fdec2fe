#include "tests/simulation/plan.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "tests/command-handler/mixed_load.h"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>

namespace vouch::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array kRows = {
    FaultKindRow{FaultKind::kill, "kill", "the process is killed, at any switch", true, true, false},
    FaultKindRow{FaultKind::power_loss, "power loss",
                 "the machine stops; what was not synced is lost, torn or there", true, true, false},
    FaultKindRow{FaultKind::pause, "pause", "the process stands still, and goes on", true, true,
                 true},
};

constexpr std::uint64_t kShardsMax = 4;
constexpr seconds kLength{400};
/// The last part, in which no new fault begins.
constexpr seconds kLastFault{380};
constexpr std::uint64_t kBatches = 33;
/// Faults of a kind that the run has: up to so many.
constexpr std::uint64_t kOfAKindMax = 12;
constexpr std::uint64_t kFaultsMin = 12;

class Maker {
public:
    explicit Maker(std::uint64_t seed) : random_(seed), load_(seed, false) { plan_.seed = seed; }

    Plan make() {
        plan_.shards = static_cast<std::uint32_t>(1 + below(kShardsMax));
        plan_.is_on_kafka = below(3) == 0;
        plan_.length = kLength;
        add_commands();
        add_faults();
        return std::move(plan_);
    }

private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    SimulatedTime any_time(SimulatedTime end) {
        return SimulatedTime(static_cast<std::int64_t>(
            below(static_cast<std::uint64_t>(end.count()))));
    }

    /// Batches at once, or over seconds: as the seed says.
    void add_commands() {
        const std::array<SimulatedTime, 4> kSpread = {SimulatedTime(1), milliseconds(10),
                                                      seconds(1), seconds(20)};
        const SimulatedTime spread = kSpread[below(kSpread.size())];
        for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
            const SimulatedTime begin = batch == 0 ? SimulatedTime(0) : any_time(kLastFault);
            const Bytes bytes = load_.batch(batch);
            std::vector<CommandBytes> members;
            if (split_batch(bytes, members))
                throw std::logic_error("a batch of the load is unfit");
            for (const CommandBytes member : members) {
                Arena arena;
                Command command;
                if (decode_command(member, arena, command))
                    throw std::logic_error("a command of the load is unfit");
                PlannedCommand planned{begin + any_time(spread), {}};
                append_to_batch(command, planned.bytes);
                plan_.commands.push_back(std::move(planned));
            }
        }
        std::ranges::stable_sort(plan_.commands, {}, &PlannedCommand::at);
    }

    void add_faults() {
        const auto fits = [&](const FaultKindRow& row) {
            return plan_.is_on_kafka ? row.on_kafka : row.on_files;
        };
        while (plan_.faults.size() < kFaultsMin) {
            const FaultKindRow& row = kRows[below(kRows.size())];
            if (!fits(row)) continue;
            for (std::uint64_t i = 1 + below(kOfAKindMax); i > 0; --i)
                plan_.faults.push_back({any_time(kLastFault), row.kind, random_()});
        }
        std::ranges::stable_sort(plan_.faults, {}, &PlannedFault::at);
    }

    std::mt19937_64 random_;
    MixedLoad load_;
    Plan plan_;
};

}  // namespace

std::span<const FaultKindRow> fault_kinds() { return kRows; }

const FaultKindRow& row_of(FaultKind kind) {
    const auto row = std::ranges::find(kRows, kind, &FaultKindRow::kind);
    VOUCH_ASSERT(row != kRows.end());
    return *row;
}

Plan make_plan(std::uint64_t seed) { return Maker(seed).make(); }

}  // namespace vouch::test
