#pragma once

#include "events/world/clock.h"
#include "events/world/scheduler.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// Runs the threads of processes as fibres on the calling thread, in an order that the seed alone
/// decides. Time passes only when all of them wait: it leaps to what the first of them waits for.
///
/// The first process is the world: it may start others beside it, kill, stop and continue them. A
/// fibre belongs to the process of the fibre that starts it.
///
/// The trace is a hash of every start and switch (fibre, where it stood, simulated time) and of
/// what is noted. The same seed gives the same trace, on every machine, as long as nothing else
/// decides: addresses, hash order, the machine's clock, threads of libraries.
class FibreScheduler final : public Scheduler {
public:
    explicit FibreScheduler(std::uint64_t seed);
    ~FibreScheduler() override;
    FibreScheduler(const FibreScheduler&) = delete;
    FibreScheduler& operator=(const FibreScheduler&) = delete;

    using ProcessId = std::uint64_t;
    /// How a process came to its end.
    struct Ending {
        bool is_killed = false;
        std::string failure{};  ///< what its first fibre, or any other, threw; empty: it returned
    };

    /// The world: runs `body` as its first fibre until it returns. What is left of other processes
    /// then dies. Throws std::logic_error when all wait for ever, and what `body` throws. One after
    /// the other; time and trace go on.
    void run(std::string name, std::function<void()> body);

    // --- By fibres of the world -------------------------------------------------------------

    /// `died` is called when it is killed, before its fibres end.
    ProcessId start_process(std::string name, std::function<void()> body,
                            std::function<void()> died = nullptr);
    /// It dies after so many more switches of all fibres, unless it has ended before: `died` is
    /// called, and then every fibre ends where it stands, the newest first. What runs of their code
    /// while they end must have no effect outside: `died` sees to that, as a disk that has lost its
    /// power does.
    void kill(ProcessId process, std::uint64_t after_steps = 0);
    /// Its fibres do not go on, and hear of no time, until it is continued.
    void pause(ProcessId process);
    void go_on(ProcessId process);
    /// Stands still until the process has ended.
    Ending await(ProcessId process);
    bool is_alive(ProcessId process) const { return processes_.contains(process); }

    std::uint64_t steps() const { return steps_; }

    /// Into the trace.
    void note(std::string_view what);
    void note(std::uint64_t number) {
        trace_ = (trace_ ^ number) * kHashFactor;
        trace_ ^= trace_ >> 32;  // so that high bits go into low ones, too
    }
    std::uint64_t trace() const { return trace_; }

    /// For who seals records. Simulated, from 2023 on.
    Clock& clock() { return clock_; }
    Timestamp true_time() const { return clock_.now(); }
    /// Simulated time so far.
    std::chrono::microseconds elapsed() const;

    // --- Scheduler
    FibreId start(std::string name, std::function<void()> body) override;
    void join(FibreId fibre) override;
    void lock(bool& is_held) override;
    void unlock(bool& is_held) override { is_held = false, wake_one(&is_held); }
    Woken wait(const void* place, std::optional<SteadyTime> until) override;
    void wake_one(const void* place) override;
    void wake_all(const void* place) override;
    SteadyTime steady_now() override { return now_; }
    std::uint64_t random() override { return random_(); }

private:
    class Fibre;
    enum class Point : std::uint8_t { begin, lock, wait, join };
    static constexpr std::uint64_t kHashFactor = 0x100000001b3ULL;
    struct Process {
        std::string name;
        FibreId first = 0;
        std::function<void()> died;
        std::optional<std::uint64_t> dies_at;  ///< step
        bool should_pause = false;
        bool is_paused = false;
    };
    class SimulatedClock final : public Clock {
    public:
        explicit SimulatedClock(const FibreScheduler& scheduler) : scheduler_(scheduler) {}
        Timestamp now() const override;
        MachineTime machine() const override;

    private:
        const FibreScheduler& scheduler_;
    };

    ProcessId make_process(std::string name, std::function<void()> body,
                           std::function<void()> died);
    void run_fibres();
    void begin_pauses();
    void end_doomed();
    /// Those that are about to lock are in the middle of something: they come to their next wait.
    void leave_locks();
    void end_process(ProcessId process, const Ending& ending);
    void see_to_ended();
    /// Empty when all wait for ever.
    Fibre* choose();
    void pass_time();
    void resume(Fibre& fibre);
    /// Of the fibre that runs: others run until it is chosen again.
    void stand_still(Point point);
    Fibre* find(FibreId fibre);
    Fibre& add_fibre(ProcessId process, std::string name, std::function<void()> body);
    /// Until the next call.
    const std::vector<Fibre*>& waiting_at(const void* place);
    std::string who_waits() const;

    std::mt19937_64 random_;  // the same numbers on every machine
    SteadyTime now_;
    SimulatedClock clock_{*this};
    std::uint64_t trace_;
    std::uint64_t steps_ = 0;
    std::uint64_t last_time_passed_ = 0;  ///< steps_ then
    bool is_ending_ = false;
    FibreId last_id_ = 0;
    ProcessId last_process_ = 0;
    ProcessId world_ = 0;
    std::map<ProcessId, Process> processes_;  // that live
    std::map<ProcessId, Ending> endings_;
    std::exception_ptr world_failure_;
    std::deque<std::unique_ptr<Fibre>> fibres_;  // in the order of their starts
    std::vector<Fibre*> chosen_from_;  // of choose and waiting_at: keeps its memory
    Fibre* running_ = nullptr;
};

}  // namespace vouch::test
