#include "tests/simulation/plan.h"

#include "events/check.h"
#include "tests/simulation/planned_load.h"
#include "tests/simulation/sequences.h"

#include <algorithm>
#include <array>
#include <random>

namespace vouch::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

using Row = FaultKindRow;
using On = FaultKindRow::On;
using Kind = FaultKind;

// What a process ends by: docs/cli.md "When the books stop", docs/kafka.md "What to expect of
// faults".
constexpr Stops kNone;
constexpr Stops kDiskFails{.fails = true, .all_its_life = true};
constexpr Stops kNoRoom{.fails = true, .at_start = true};
constexpr Stops kRot{.fails = true, .corrupt = true, .all_its_life = true};
constexpr Stops kPlaceLost{.fails = true, .fenced = true};
constexpr Stops kTwins{.fenced = true, .elsewhere = true};
constexpr Stops kNoLeader{.fails = true, .at_start = true, .elsewhere = true};
constexpr Stops kBrokersFail{.fails = true, .fenced = true, .elsewhere = true};

constexpr std::array kRows = {
    Row{Kind::kill, "kill", "the process is killed, at any switch", On::both, {}, kNone},
    Row{Kind::power_loss, "power loss", "what was not synced is lost, torn or there", On::both, {},
        kNone},
    Row{Kind::power_losses, "power losses", "and again while the next lives start", On::both, {},
        kNone},
    Row{Kind::pause, "pause", "the process stands still", On::both, seconds(20), kPlaceLost},
    Row{Kind::clock_step, "clock step", "the clock is wrong by seconds for a while", On::both,
        seconds(60), kNone},
    Row{Kind::clock_leap, "clock leap", "the clock is wrong by days for a while", On::both,
        seconds(60), kNone},
    Row{Kind::slow_disk, "slow disk", "each sync takes long", On::both, seconds(20), kNone},
    Row{Kind::full_disk, "full disk", "there is no more room on the disk", On::both, seconds(20),
        kNoRoom},
    Row{Kind::failing_change, "failing change", "a write, sync or change of a name fails", On::both,
        seconds(20), kDiskFails},
    Row{Kind::failing_read, "failing read", "a read from the disk fails", On::both, seconds(20),
        kDiskFails},
    Row{Kind::bit_rot, "bit rot", "a bit of the log is another one, until it is put back",
        On::files, seconds(60), kRot},
    Row{Kind::old_segment, "old segment", "the log's newest file is put back as it was",
        On::files, seconds(100), kNone},
    Row{Kind::old_log, "old log", "the log's files are put back as they were", On::files,
        seconds(100), kNone},
    Row{Kind::lost_segment, "lost segment", "the log's newest file is gone", On::files, {}, kNone},
    Row{Kind::rotten_end, "rotten end", "a bit of the log's last write is another one", On::files,
        {}, kNone},
    Row{Kind::misdirected_write, "misdirected write",
        "a block of the log stands where another one was", On::files, {}, kNone},
    Row{Kind::rot_beside, "rot beside", "a bit of a snapshot or of the kept ends is another one",
        On::both, {}, kNone},
    Row{Kind::old_beside, "old beside", "a snapshot or the kept ends are put back as they were",
        On::both, seconds(100), kNone},
    Row{Kind::old_directory, "old directory",
        "all is as it was: told by who keeps a head elsewhere", On::files, seconds(100), kNone},
    Row{Kind::lost_views, "lost views", "the views' directory is gone, the process killed",
        On::both, {}, kNone},
    Row{Kind::lost_stores, "lost stores", "the shards' stores are gone, the process killed",
        On::both, {}, kNone},
    Row{Kind::brokers_away, "brokers away", "no broker answers, at times for longer than a minute",
        On::kafka, seconds(100), kBrokersFail},
    Row{Kind::brokers_unsteady, "brokers unsteady", "requests are slow, lost, late or repeated",
        On::kafka, seconds(60), kBrokersFail},
    Row{Kind::commit_not_answered, "commit not answered", "and done", On::kafka, {}, kNone},
    Row{Kind::commit_not_done, "commit not done", "and not answered", On::kafka, {}, kNone},
    Row{Kind::commit_ended_twice, "commit ended twice", "the client sent its end again", On::kafka,
        {}, kNone},
    Row{Kind::session_expired, "session expired", "the group hears of a member no more", On::kafka,
        {}, kPlaceLost},
    Row{Kind::member_stalled, "member stalled", "its next poll ends late", On::kafka, seconds(10),
        kPlaceLost},
    Row{Kind::epoch_bumped, "epoch bumped", "the coordinator ends a transaction", On::kafka, {},
        kNone},
    Row{Kind::leader_lost, "leader lost", "a partition has no leader", On::kafka, seconds(30),
        kNoLeader},
    Row{Kind::marks_held, "marks held", "what is committed is shown late", On::kafka, seconds(20),
        kNone},
    Row{Kind::strange_message, "strange message",
        "any bytes, or what stood or was aborted somewhere, or nearly that", On::kafka, {}, kNone},
    Row{Kind::steps_lost, "steps lost", "the next batch of steps is not shown", On::kafka, {},
        kNone},
    Row{Kind::steps_twice, "steps twice", "the next batch of steps comes again", On::kafka,
        seconds(60), kNone},
    Row{Kind::steps_late, "steps late", "the next batch of steps comes behind others", On::kafka,
        seconds(60), kNone},
    Row{Kind::inputs_trimmed, "inputs trimmed", "what was consumed is gone", On::kafka, {}, kNone},
    Row{Kind::inputs_lost, "inputs lost", "what was not consumed is gone, the process killed",
        On::kafka, {}, kNone},
    Row{Kind::copied_directory, "copied directory", "two processes have the same name", On::kafka,
        seconds(60), kTwins},
};

static_assert(kRows.size() == kFaultKinds);

constexpr std::array kProtocols = {TransactionProtocol::unverified, TransactionProtocol::verified,
                                   TransactionProtocol::bumped};
constexpr std::uint64_t kShardsMax = 4;
constexpr seconds kLength{400};
/// The last part, in which no new fault begins.
constexpr seconds kLastFault{380};
/// Of four kinds; others each time.
constexpr std::uint64_t kSequences = 6;
constexpr std::uint64_t kSequenceNumbers = 1'000;
/// Faults of a kind that the run has: up to so many.
constexpr std::uint64_t kOfAKindMax = 12;
constexpr std::uint64_t kFaultsMin = 14;

class Maker {
public:
    explicit Maker(std::uint64_t seed) : random_(seed) { plan_.seed = seed; }

    Plan make() {
        plan_.shards = static_cast<std::uint32_t>(1 + below(kShardsMax));
        plan_.is_on_kafka = below(3) == 0;
        plan_.protocol = kProtocols[below(kProtocols.size())];
        plan_.has_small_bounds = below(2) == 0;
        plan_.length = kLength;
        plan_.has_large_groups = below(4) == 0;
        plan_.commands = plan_load(plan_, kLastFault);
        add_sequences();
        add_faults();
        return std::move(plan_);
    }

private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    SimulatedTime any_time(SimulatedTime end) {
        if (end.count() == 0) return end;
        return SimulatedTime(static_cast<std::int64_t>(
            below(static_cast<std::uint64_t>(end.count()))));
    }

    void add_sequences() {
        for (std::uint64_t i = 0; i < kSequences; ++i) {
            SimulatedTime at = seconds(1) + any_time(kLastFault);
            for (Bytes& bytes : make_sequence(below(kSequenceNumbers), plan_.shards)) {
                plan_.commands.push_back({at, std::move(bytes)});
                at += any_time(milliseconds(200));
            }
        }
        std::ranges::stable_sort(plan_.commands, {}, &PlannedCommand::at);
    }

    void add_faults() {
        const auto fits = [&](const FaultKindRow& row) {
            return row.on == On::both || (row.on == On::kafka) == plan_.is_on_kafka;
        };
        while (plan_.faults.size() < kFaultsMin) {
            const FaultKindRow& row = kRows[below(kRows.size())];
            if (!fits(row)) continue;
            for (std::uint64_t i = 1 + below(kOfAKindMax); i > 0; --i)
                plan_.faults.push_back(
                    {any_time(kLastFault), row.kind, any_time(row.lasts_max), random_()});
        }
        std::ranges::stable_sort(plan_.faults, {}, &PlannedFault::at);
    }

    std::mt19937_64 random_;
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
