#include "tests/simulation/simulated_deployment.h"

#include "events/world/notice.h"
#include "events/world/random.h"
#include "events/world/thread.h"
#include "projector/views/projector.h"
#include "reconciler/replay/replay.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/simulation/disk_changes.h"
#include "tests/simulation/fault_effects.h"
#include "tests/simulation/kafka_place.h"
#include "tests/simulation/kept_heads.h"
#include "tests/simulation/lost_inputs.h"
#include "tests/simulation/simulated_process.h"
#include "tools/vouch/view_rows_reader.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <utility>

namespace vouch::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// A process dies within so many switches of the fault that kills it.
constexpr std::uint64_t kKillWithin = 400;
/// After a fault that may stop a process: the longest that somebody waits, and more.
constexpr seconds kAftermath{90};
/// After a fault that delays answers: all goes its way again.
constexpr seconds kDelayed{30};
/// A life that dies young is not at work yet, or has just begun.
constexpr std::uint64_t kStartSteps = 300;
constexpr std::uint64_t kYoungDeathsMax = 3;
constexpr milliseconds kRestartMax{3'000};
constexpr int kLivesToRestMax = 2;
/// After the last fault has healed.
constexpr minutes kConvergence{5};
constexpr milliseconds kWatch{500};
/// Replays while the run goes on; one more is at its end.
constexpr std::size_t kHealsReplayedMax = 2;

constexpr std::string_view kReplay = "replay is clean, and every row of a view is the log's";

class SimulatedDeployment {
public:
    SimulatedDeployment(const Plan& plan, bool tells_story)
        : plan_(plan), tells_story_(tells_story), world_(plan.seed), orders_(plan) {
        told_by = this;
        send_notices_to([](const Notice& notice) { told_by->tell("said: " + line_of(notice)); });
    }
    ~SimulatedDeployment() {
        send_notices_to(nullptr);
        told_by = nullptr;
    }
    SimulatedDeployment(const SimulatedDeployment&) = delete;

    SimulationResult run() {
        try {
            world_.run("world", [&] { live(); });
        } catch (const std::exception& error) {
            violate("the simulation runs", error.what());
        }
        result_.trace = world_.trace();
        result_.time = world_.elapsed();
        result_.told = orders_.told();
        result_.accepted = static_cast<std::size_t>(
            std::ranges::count_if(orders_.all(), [](const Orders::Order& order) {
                return order.told && is_accepted(order.told->outcome);
            }));
        if (questions_) result_.questions = questions_->asked();
        return std::move(result_);
    }

private:
    struct AllowedStops {
        Stops what;
        SimulatedTime until;
        FibreScheduler::ProcessId process;  ///< that met it
    };
    /// A machine with the process that is at work on it, if one is.
    struct Station {
        Station(FibreScheduler& world, std::string name) : machine(world, std::move(name)) {}
        Machine machine;
        FibreScheduler::ProcessId process = 0;
        bool loses_power = false;
        bool had_wrong_clock = false;
        bool has_come_to_rest = false;
        std::vector<AllowedStops> allowed;
        std::uint64_t dies_young = 0;  ///< so many of the next lives do
        std::vector<FaultKind> deadly;  ///< what its process is to die of
        std::optional<std::uint64_t> loses_inputs{};  ///< once it is dead: which, by a draw
        std::optional<DiskChange> change;             ///< likewise
        /// Files as they were before that; empty while nothing is changed.
        std::optional<MemoryFiles::Image> before_change;
        bool is_changed() const { return before_change.has_value(); }
    };

    struct LastingFault {
        const FaultKindRow* row;
        Station* at;
        BegunFault begun;
    };

    void live() {
        create();
        std::vector<Thread> operators;
        for (const auto& station : stations_)
            operators.emplace_back("operator", [this, &at = *station] { operate(at); });
        meet_faults();
        converge();
        for (Thread& each : operators) each.join();
        if (orders_.are_told()) check_books();
    }

    void create() {
        const NewDeployment made = make_deployment(plan_.shards, false, world_.clock().now());
        deployment_ = made.deployment;
        keys_.emplace(make_test_keys(*deployment_));
        stations_.push_back(std::make_unique<Station>(world_, "a"));
        if (plan_.is_on_kafka) {
            // The second one waits for the first to be gone, and takes over.
            stations_.push_back(std::make_unique<Station>(world_, "b"));
            auto kafka =
                std::make_unique<KafkaPlace>(plan_.shards, plan_.protocol, plan_.seed);
            kafka_ = kafka.get();
            place_ = std::move(kafka);
        } else {
            place_ = std::make_unique<EmbeddedPlace>(plan_.shards, plan_.has_large_groups);
        }
        place_->create(made, *keys_);
        auditor_.emplace(*deployment_, *keys_, orders_, world_,
                         [this](std::string_view invariant, std::string what) {
                             violate(invariant, std::move(what));
                         });
        questions_.emplace(*auditor_);
    }

    /// Starts a process whenever there is none, until all is done.
    void operate(Station& at) {
        ProcessSurroundings with{world_, at.machine, *place_,    plan_,        *deployment_,
                                 *keys_, orders_,    *auditor_,  *questions_};
        with.is_disturbed = [&] { return world_.elapsed() <= disturbed_until_; };
        with.stood_alone = [&] { ++result_.stops_alone; };
        if (tells_story_) with.tell = [&](const std::string& what) { tell(at, what); };
        // What falls due while a process ends is the next one's.
        int lives_to_rest = kLivesToRestMax;
        while (!is_over_) {
            tell(at, "starts");
            at.machine.is_at_work = at.machine.has_opened_log = false;
            at.process = world_.start_process(
                at.machine.name, [&] { run_simulated_process(with); },
                [&] { at.machine.stop(); });
            if (at.dies_young > 0 && !is_healed_) {
                --at.dies_young;
                at.loses_power = true;
                world_.kill(at.process, random_number() % kStartSteps);
            }
            const FibreScheduler::Ending ending = world_.await(at.process);
            if (!ending.is_killed && ending.failure.empty()) {
                at.has_come_to_rest = auditor_->is_at_rest() || --lives_to_rest == 0;
                tell(at, at.has_come_to_rest ? "is done" : "ends with something under way");
                if (at.has_come_to_rest) return;
                continue;
            }
            end_process(at, ending);
            if (at.change && !at.is_changed()) change_disk(at);
            with.moved_inputs = moves_asked_for(ending.failure);
            with.accept_clock.reset();
            if (asks_operator(at, ending.failure) && at.machine.clock.set_by_us == 0)
                with.accept_clock = "operator";
            sleep_for(milliseconds(random_number() % kRestartMax.count()));
        }
    }

    /// Which a start tells, before a record is written, or which loses nothing. What it tells of is
    /// put back.
    void change_disk(Station& at) {
        const bool is_told = !at.change->takes_records() ||
                             is_witnessed(*place_, at.machine, *keys_, plan_.shards);
        // A bit that is another one for a while must not be put back later as it is now.
        const bool is_rotten = std::ranges::any_of(ends_, [&](const auto& each) {
            return each.second.at == &at && each.second.row->kind == FaultKind::bit_rot;
        });
        if (is_healed_ || !is_told || is_rotten) {
            at.change.reset();
            return;
        }
        MemoryFiles::Image before = at.machine.disk.image(".");
        if (!at.change->make(at.machine.disk)) {
            at.change.reset();
            return;
        }
        at.before_change = std::move(before);
        at.machine.has_opened_log = false;
        tell(at, "has its files changed by " + std::string(row_of(at.change->kind()).name));
        result_.faults.take_place(at.change->kind());
        // Nothing proves what is kept of the clock: it can only make a start ask.
        at.had_wrong_clock |= is_beside(at.change->kind());
    }
    void undo_change(Station& at) {
        if (!at.is_changed()) return;
        if (at.machine.has_opened_log)
            at.change->undo(at.machine.disk);
        else
            at.machine.disk.put_back(".", *at.before_change);
        tell(at, "has its files back");
        at.change.reset();
        at.before_change.reset();
    }
    /// Whoever comes next finds that what it would read next is gone.
    void lose_inputs_of(Station& at) {
        const std::optional<std::uint64_t> draw = std::exchange(at.loses_inputs, std::nullopt);
        const bool is_read = std::ranges::any_of(stations_, [&](const auto& each) {
            return each.get() != &at && world_.is_alive(each->process) &&
                   each->machine.is_at_work;
        });
        if (!draw || is_read || is_healed_) return;
        const std::int64_t lost =
            lose_inputs(*kafka_, static_cast<std::uint32_t>(*draw % plan_.shards));
        if (lost == 0) return;
        tell(std::to_string(lost) + " messages are lost that nobody has consumed");
        result_.faults.take_place(FaultKind::inputs_lost);
        are_inputs_lost_ = true;
    }

    void end_process(Station& at, const FibreScheduler::Ending& ending) {
        ++deaths_;
        tell(at, ending.is_killed ? "is dead" : "stops: " + ending.failure);
        for (const FaultKind kind : std::exchange(at.deadly, {})) {
            if (ending.is_killed) result_.faults.take_place(kind);
        }
        if (!ending.is_killed) {
            ++result_.stops;
            if (!may_stop(at, ending.failure))
                violate("nothing stops without a fault", ending.failure);
        }
        if (std::exchange(at.loses_power, false))
            at.machine.start_again(1 + plan_.seed + world_.steps());
        else
            at.machine.end_process();
        undo_change(at);
        if (kafka_ != nullptr) lose_inputs_of(at);
    }

    /// A start with a clock that is wrong, or after one that was believed, here or by who wrote the
    /// newest record.
    bool is_clocks_fault(const Station& at, const std::string& failure) {
        return !at.machine.is_at_work && failure.find("clock") != std::string::npos &&
               (at.had_wrong_clock || auditor_->newest_time() > world_.clock().now());
    }
    /// A person looks at the clock and accepts it; a few seconds are over by themselves.
    bool asks_operator(const Station& at, const std::string& failure) {
        return is_clocks_fault(at, failure) && failure.find("--accept-clock") != std::string::npos;
    }
    bool may_stop(const Station& at, const std::string& failure) {
        const bool fails =
            is_of(FaultCode::storage, failure) || is_of(FaultCode::retriable, failure);
        const bool is_corrupt = is_of(FaultCode::corrupt, failure);
        const bool is_fenced = is_of(FaultCode::fenced, failure);
        if (is_corrupt && are_inputs_lost_ && !moves_asked_for(failure).empty()) return true;
        // A person's move that another start has made, or behind which more was lost since.
        if (is_of(FaultCode::configuration, failure) && are_inputs_lost_ &&
            failure.find("does not fit") != failure.npos)
            return true;
        if (at.is_changed() && is_corrupt && !is_beside(at.change->kind())) return true;
        // Of two processes one waits for the other to be gone, and gives up.
        if (is_fenced && !at.machine.is_at_work && plan_.is_on_kafka) return true;
        return is_clocks_fault(at, failure) ||
               std::ranges::any_of(at.allowed, [&](const AllowedStops& each) {
                   const bool meets_it = each.what.all_its_life && each.process == at.process;
                   return (meets_it || world_.elapsed() <= each.until) &&
                          !(each.what.at_start && at.machine.is_at_work) &&
                          ((fails && each.what.fails) || (is_corrupt && each.what.corrupt) ||
                           (is_fenced && each.what.fenced));
               });
    }
    static bool is_of(FaultCode code, const std::string& failure) {
        return failure.starts_with(std::string(word_of(code)) + ": ");
    }
    /// What the fault may stop, there and elsewhere.
    void allow_stops(Station& there, const PlannedFault& fault) {
        const Stops what = row_of(fault.kind).stops;
        for (const auto& each : stations_) {
            if (each.get() == &there || what.elsewhere)
                each->allowed.push_back(
                    {what, fault.at + fault.lasts + kAftermath, each->process});
        }
        there.had_wrong_clock |=
            fault.kind == FaultKind::clock_step || fault.kind == FaultKind::clock_leap;
    }

    /// One after the other, while those that last go on.
    void meet_faults() {
        for (const PlannedFault& fault : plan_.faults) {
            end_faults(fault.at);
            sleep_until(fault.at);
            meet(fault);
        }
        end_faults(plan_.length);
        sleep_until(plan_.length);
        while (!ends_.empty()) end_first_fault();
        for (const auto& [kind, took_place] : std::exchange(moments_, {})) {
            if (took_place()) result_.faults.take_place(kind);
        }
    }

    /// Those whose time has come until then.
    void end_faults(SimulatedTime until) {
        while (!ends_.empty() && ends_.begin()->first <= until) {
            sleep_until(ends_.begin()->first);
            end_first_fault();
            check_healed();
        }
    }

    /// Unless another one of its kind lasts there, which it would end too.
    void end_first_fault() {
        const LastingFault ended = ends_.extract(ends_.begin()).mapped();
        if (ended.begun.took_place && ended.begun.took_place())
            result_.faults.take_place(ended.row->kind);
        const bool goes_on = is_one_for_all(ended.row->kind) &&
                             std::ranges::any_of(ends_, [&](const auto& each) {
                                 return each.second.row == ended.row &&
                                        (each.second.at == ended.at ||
                                         ended.row->on == FaultKindRow::On::kafka);
                             });
        if (goes_on) return;
        tell(*ended.at, "is over with " + std::string(ended.row->name));
        ended.begun.end();
    }
    /// Clocks add up, and each bit and partition is put back by itself.
    static bool is_one_for_all(FaultKind kind) {
        return kind == FaultKind::pause || kind == FaultKind::slow_disk ||
               kind == FaultKind::full_disk || kind == FaultKind::failing_change ||
               kind == FaultKind::failing_read || kind == FaultKind::brokers_away ||
               kind == FaultKind::brokers_unsteady || kind == FaultKind::marks_held;
    }

    /// What a machine keeps of its clock, a file beside each shard's store, is as sure as its disk.
    static bool can_lose_files(FaultKind kind) {
        return row_of(kind).on != FaultKindRow::On::kafka && is_delaying(kind) &&
               kind != FaultKind::pause && kind != FaultKind::slow_disk;
    }

    void meet(const PlannedFault& fault) {
        const FaultKindRow& row = row_of(fault.kind);
        Station& at = *stations_[fault.draw % stations_.size()];
        if (!world_.is_alive(at.process)) return;
        result_.faults.meet(fault.kind);
        if (can_lose_files(fault.kind)) at.machine.clock.believed.may_lose_it();
        if (is_delaying(fault.kind))
            disturbed_until_ = std::max(disturbed_until_, fault.at + fault.lasts + kDelayed);
        tell(at, "meets " + std::string(row.name));
        // A process that stands still loses nothing where nobody waits for it.
        if (fault.kind != FaultKind::pause || plan_.is_on_kafka) allow_stops(at, fault);
        BegunFault begun = begin_effect(
            fault, {at.machine, kafka_, plan_.shards, auditor_->has_all_shards()});
        are_inputs_trimmed_ |= fault.kind == FaultKind::inputs_trimmed ||
                               fault.kind == FaultKind::inputs_lost;
        if (is_between_lives(fault.kind)) {
            ends_.emplace(fault.at + fault.lasts,
                          LastingFault{&row, &at, change_at_end(at, fault)});
            return;
        }
        if (fault.kind == FaultKind::old_directory) {
            ends_.emplace(fault.at + fault.lasts, LastingFault{&row, &at, look_back(at)});
            return;
        }
        if (fault.kind == FaultKind::inputs_lost) {
            at.loses_inputs = fault.draw / kKillWithin;
            world_.kill(at.process, fault.draw % kKillWithin);
            return;
        }
        if (is_deadly(fault.kind)) {
            const bool is_repeated = fault.kind == FaultKind::power_losses;
            at.loses_power |= is_repeated || fault.kind == FaultKind::power_loss;
            if (is_repeated) at.dies_young = 1 + fault.draw / kKillWithin % kYoungDeathsMax;
            world_.kill(at.process, fault.draw % kKillWithin);
            at.deadly.push_back(fault.kind);
            return;
        } else if (fault.kind == FaultKind::copied_directory) {
            world_.kill(at.process, fault.draw % kKillWithin);
            begun.end = [this, &at, end = std::move(begun.end)] {
                end();
                world_.kill(at.process);
            };
        } else if (fault.kind == FaultKind::pause) {
            world_.pause(at.process);
            begun.end = [this, process = at.process] { world_.go_on(process); };
        }
        // Half of it is there when the next process starts.
        if (fault.kind == FaultKind::bit_rot && fault.draw / kKillWithin % 2 == 0)
            world_.kill(at.process, fault.draw % kKillWithin);
        if (!begun.took_place) result_.faults.take_place(fault.kind);
        if (begun.end)
            ends_.emplace(fault.at + fault.lasts, LastingFault{&row, &at, std::move(begun)});
        else if (begun.took_place)
            moments_.emplace_back(fault.kind, std::move(begun.took_place));
    }

    BegunFault change_at_end(Station& at, const PlannedFault& fault) {
        auto change = std::make_shared<DiskChange>(fault, at.machine.disk);
        return {[this, &at, change, within = fault.draw % kKillWithin] {
                    if (at.change) return;
                    at.change = *change;
                    world_.kill(at.process, within);
                },
                [] { return false; }};
    }

    /// What an old directory says is right in itself, and no witness in it has seen more: only a
    /// head that was kept elsewhere tells.
    BegunFault look_back(Station& at) {
        return {[this, &at, before = at.machine.disk.image(".")] {
                    Machine old(world_, "old");
                    old.disk.put_back(".", before);
                    const auto kept = heads_of(*place_, at.machine, plan_.shards);
                    if (!is_older(heads_of(*place_, old, plan_.shards), kept)) return;
                    result_.faults.take_place(FaultKind::old_directory);
                    if (auto untold = find_untold(*place_, old, *deployment_, *keys_, kept))
                        violate("old books are told by a head kept elsewhere", *untold);
                },
                [] { return false; }};
    }

    static bool is_deadly(FaultKind kind) {
        return kind == FaultKind::kill || kind == FaultKind::power_loss ||
               kind == FaultKind::power_losses || kind == FaultKind::lost_views ||
               kind == FaultKind::lost_stores;
    }

    /// Somebody may have to wait for answers meanwhile.
    static bool is_delaying(FaultKind kind) {
        return kind != FaultKind::bit_rot && kind != FaultKind::clock_step &&
               kind != FaultKind::clock_leap && !is_deadly(kind);
    }

    /// Everything works again.
    void converge() {
        tell("all is healed");
        is_healed_ = true;
        for (const auto& each : stations_) {
            if (!each->is_changed() || !each->machine.has_opened_log) continue;
            // A shard that met the change stands still until the next start.
            each->allowed.push_back({{.corrupt = true, .all_its_life = true}, {}, each->process});
            undo_change(*each);
        }
        const SimulatedTime until = world_.elapsed() + kConvergence;
        const auto is_done = [&] {
            return std::ranges::all_of(stations_,
                                       [](const auto& each) { return each->has_come_to_rest; });
        };
        while (world_.elapsed() < until && !is_done()) sleep_for(kWatch);
        is_over_ = true;
        if (is_done()) return;
        violate("what is healed comes to its end",
                std::to_string(orders_.told()) + " of " + std::to_string(orders_.all().size()) +
                    " were told " + std::to_string(kConvergence.count()) + " minutes later");
        for (const auto& each : stations_) world_.kill(each->process);
    }

    /// The real reconciler reads the log, and holds each row of the machine's views against what
    /// the log leads to at their positions.
    Result<reconciler::ReplayReport> replay(LogReader& log, Machine& machine, bool with_inputs) {
        reconciler::ReplayOptions options = replay_options(machine, *keys_);
        options.inputs = with_inputs;
        // There are none where no process has come so far yet.
        const auto views = projector::ShardViews::open_to_read(deployment_->shards, *keys_,
                                                               Machine::kViews, *machine.views);
        std::unique_ptr<cli::ViewRowsReader> rows;
        if (views) {
            rows = cli::ViewRowsReader::open(*deployment_, (*views)->stores());
            options.views = rows.get();
            ++result_.views_compared;
        }
        return reconciler::replay(log, *deployment_, options);
    }

    /// By another process, while those at work go on: a write may be under way, or was cut off with
    /// its process. What is read while one of them dies says nothing.
    void check_healed() {
        if (!ends_.empty() || heals_replayed_ == kHealsReplayedMax) return;
        ++heals_replayed_;
        for (const auto& station : stations_) {
            Machine& machine = station->machine;
            // Files that are to be changed may be so before they are read.
            if (machine.disk.is_off() || station->change) continue;
            const std::uint64_t deaths = deaths_;
            std::optional<reconciler::ReplayReport> report;
            const auto reader = world_.start_process("reader", [&] {
                const auto log = must(place_->open_reader(machine));
                report = must(replay(*log, machine, false));
            });
            const FibreScheduler::Ending ending = world_.await(reader);
            if (deaths != deaths_ || machine.disk.is_off() || station->change) continue;
            if (report) demand_clean(*report, reconciler::Check::unreadable_end);
            if (!ending.failure.empty()) violate(kReplay, ending.failure);
        }
    }

    void check_books() {
        const auto log = must(place_->open_reader(stations_.front()->machine));
        auditor_->begin(*log);
        auditor_->look(*log);
        auditor_->end();
        for (const auto& station : stations_) {
            const bool is_first = station == stations_.front();
            const auto report = must(replay(*log, station->machine, is_first));
            const bool all_held = std::ranges::all_of(report.shards, [&](const auto& shard) {
                return !shard.sent || ((shard.sent->unchecked == 0 || are_inputs_trimmed_) &&
                                       shard.sent->fault.empty());
            });
            if (!all_held) violate(kReplay, reconciler::to_text(report));
            demand_clean(report, {});
        }
    }

    /// What strangers wrote is told.
    void demand_clean(const reconciler::ReplayReport& report,
                      std::optional<reconciler::Check> allowed) {
        const bool is_clean = std::ranges::all_of(report.findings.kept(), [&](const auto& each) {
            return each.check == reconciler::Check::foreign_message || each.check == allowed;
        });
        if (!is_clean) violate(kReplay, reconciler::to_text(report));
    }

    void sleep_until(SimulatedTime time) {
        if (time > world_.elapsed()) sleep_for(time - world_.elapsed());
    }
    void violate(std::string_view invariant, std::string what) {
        tell("VIOLATED: " + std::string(invariant) + ": " + what);
        result_.violations.push_back(
            {invariant, std::move(what), world_.steps(), world_.elapsed()});
    }
    void tell(const Station& at, const std::string& what) {
        tell("process " + at.machine.name + " " + what);
    }
    void tell(const std::string& what) {
        if (!tells_story_) return;
        result_.story.push_back(to_text(world_.elapsed()) + " step " +
                                std::to_string(world_.steps()) + ": " + what);
    }

    /// Whose processes say something.
    inline static SimulatedDeployment* told_by = nullptr;

    const Plan& plan_;
    const bool tells_story_;
    FibreScheduler world_;
    Orders orders_;
    std::vector<std::unique_ptr<Station>> stations_;
    std::unique_ptr<LogPlace> place_;
    KafkaPlace* kafka_ = nullptr;
    std::optional<Deployment> deployment_;
    std::optional<EpochKeys> keys_;
    std::optional<Auditor> auditor_;
    std::optional<SettledQuestions> questions_;
    /// Of a moment, which somebody meets later.
    std::vector<std::pair<FaultKind, std::function<bool()>>> moments_;
    bool are_inputs_trimmed_ = false;
    bool are_inputs_lost_ = false;
    SimulatedTime disturbed_until_{-1};
    std::multimap<SimulatedTime, LastingFault> ends_;  // by when they are over
    std::size_t heals_replayed_ = 0;
    std::uint64_t deaths_ = 0;  ///< of processes
    bool is_healed_ = false;
    bool is_over_ = false;
    SimulationResult result_;
};

}  // namespace

std::string to_text(SimulatedTime time) {
    constexpr std::int64_t kMinute = 60'000'000;
    constexpr std::int64_t kSecond = 1'000'000;
    // The leading one keeps the zeros behind it, and gives way to the sign.
    std::string micros = std::to_string(kSecond + time.count() % kSecond);
    std::string in_minute = std::to_string(100 + time.count() % kMinute / kSecond);
    micros[0] = '.';
    in_minute[0] = ':';
    return std::to_string(time.count() / kMinute) + in_minute + micros;
}

SimulationResult simulate(const Plan& plan, bool tells_story) {
    return SimulatedDeployment(plan, tells_story).run();
}

}  // namespace vouch::test
