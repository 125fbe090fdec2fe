#include "tests/simulation/simulated_deployment.h"

#include "events/world/notice.h"
#include "events/world/random.h"
#include "events/world/thread.h"
#include "reconciler/replay/replay.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/simulation/simulated_process.h"

#include <exception>
#include <utility>

namespace vouch::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

/// A process dies within so many switches of the fault that kills it.
constexpr std::uint64_t kKillWithin = 400;
constexpr milliseconds kPauseMax{20'000};
constexpr milliseconds kRestartMax{3'000};
/// After the last fault has healed.
constexpr minutes kConvergence{5};
constexpr milliseconds kWatch{500};

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
        if (auditor_) {
            for (const Violation& each : auditor_->violations())
                result_.violations.push_back(each);
        }
        return std::move(result_);
    }

private:
    void live() {
        create();
        {
            Thread machine("operator", [&] { operate(); });
            Thread fate("fate", [&] { meet_faults(); });
            fate.join();
            converge();
            machine.join();
        }
        if (orders_.are_told()) check_books();
    }

    void create() {
        const NewDeployment made = make_deployment(plan_.shards, false, world_.clock().now());
        deployment_ = made.deployment;
        keys_.emplace(make_test_keys(*deployment_));
        place_ = std::make_unique<EmbeddedPlace>(plan_.shards);
        place_->create(made, *keys_);
        auditor_.emplace(*deployment_, *keys_, orders_);
    }

    /// Starts a process whenever there is none, until all is done.
    void operate() {
        const ProcessSurroundings with{world_,        machine_, *place_,  *deployment_,
                                       *keys_, orders_,  *auditor_};
        while (true) {
            tell("a process starts");
            process_ = world_.start_process(
                "process", [&] { run_simulated_process(with); }, [&] { machine_.stop(); });
            const FibreScheduler::Ending ending = world_.await(process_);
            if (!ending.is_killed && ending.failure.empty()) return tell("the process is done");
            end_process(ending);
            if (is_over_) return;
            sleep_for(milliseconds(random_number() % kRestartMax.count()));
        }
    }

    void end_process(const FibreScheduler::Ending& ending) {
        tell(ending.is_killed ? "the process is dead" : "the process stops: " + ending.failure);
        if (!ending.is_killed) {
            ++result_.stops;
            if (world_.elapsed() > stops_allowed_until_)
                violate("nothing stops without a fault", ending.failure);
        }
        if (std::exchange(loses_power_, false))
            machine_.start_again(1 + plan_.seed + world_.steps());
        else
            machine_.end_process();
    }

    void meet_faults() {
        for (const PlannedFault& fault : plan_.faults) {
            sleep_until(fault.at);
            meet(fault);
        }
        sleep_until(plan_.length);
    }

    void meet(const PlannedFault& fault) {
        if (!world_.is_alive(process_)) return;
        ++result_.faults;
        tell("fault: " + std::string(row_of(fault.kind).name));
        switch (fault.kind) {
            case FaultKind::kill:
                return world_.kill(process_, fault.draw % kKillWithin);
            case FaultKind::power_loss:
                loses_power_ = true;
                return world_.kill(process_, fault.draw % kKillWithin);
            case FaultKind::pause:
                world_.pause(process_);
                sleep_for(milliseconds(fault.draw % kPauseMax.count()));
                return world_.go_on(process_);
        }
    }

    /// Everything works again.
    void converge() {
        tell("all is healed");
        const SimulatedTime until = world_.elapsed() + kConvergence;
        while (world_.elapsed() < until && (!orders_.are_told() || world_.is_alive(process_)))
            sleep_for(kWatch);
        is_over_ = true;
        if (!world_.is_alive(process_)) return;
        violate("what is healed comes to its end",
                std::to_string(orders_.told()) + " of " + std::to_string(orders_.all().size()) +
                    " were told " + std::to_string(kConvergence.count()) + " minutes later");
        world_.kill(process_);
    }

    void check_books() {
        const auto log = must(place_->open_reader(machine_));
        auditor_->look(*log);
        auditor_->end();
        reconciler::ReplayOptions options;
        options.keys = &*keys_;
        options.threads = 1;
        options.temporary = {.files = &machine_.disk, .directory = "."};
        const auto report = must(reconciler::replay(*log, *deployment_, options));
        if (!report.is_clean()) violate("replay is clean", reconciler::to_text(report));
    }

    void sleep_until(SimulatedTime time) {
        if (time > world_.elapsed()) sleep_for(time - world_.elapsed());
    }
    void violate(std::string_view invariant, std::string what) {
        tell("VIOLATED: " + std::string(invariant) + ": " + what);
        result_.violations.push_back({invariant, std::move(what)});
    }
    void tell(const std::string& what) {
        if (!tells_story_) return;
        result_.story.push_back(std::to_string(world_.elapsed().count()) + " us: " + what);
    }

    /// Whose processes say something.
    inline static SimulatedDeployment* told_by = nullptr;

    const Plan& plan_;
    const bool tells_story_;
    FibreScheduler world_;
    Orders orders_;
    Machine machine_{world_, "a"};
    std::unique_ptr<LogPlace> place_;
    std::optional<Deployment> deployment_;
    std::optional<EpochKeys> keys_;
    std::optional<Auditor> auditor_;
    FibreScheduler::ProcessId process_ = 0;
    bool loses_power_ = false;
    bool is_over_ = false;
    SimulatedTime stops_allowed_until_{-1};
    SimulationResult result_;
};

}  // namespace

SimulationResult simulate(const Plan& plan, bool tells_story) {
    return SimulatedDeployment(plan, tells_story).run();
}

}  // namespace vouch::test
