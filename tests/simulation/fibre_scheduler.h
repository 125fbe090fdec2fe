#pragma once

#include "events/world/clock.h"
#include "events/world/scheduler.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// Runs the threads of a process as fibres on the calling thread, in an order that the seed alone
/// decides. Time passes only when all of them wait: it leaps to what the first of them waits for.
///
/// The trace is a hash of every switch (fibre, where it stood, simulated time) and of what is
/// noted. The same seed gives the same trace, on every machine, as long as nothing else decides:
/// addresses, hash order, the machine's clock, threads of libraries.
class FibreScheduler final : public Scheduler {
public:
    explicit FibreScheduler(std::uint64_t seed);
    ~FibreScheduler() override;
    FibreScheduler(const FibreScheduler&) = delete;
    FibreScheduler& operator=(const FibreScheduler&) = delete;

    /// One process: runs `body` as its first fibre, and those that it starts, until it returns:
    /// true. False when the process is killed instead. Throws std::logic_error when all wait for
    /// ever, and what `body` throws. One after the other; time and trace go on.
    bool run(std::string name, std::function<void()> body);

    /// The process dies before this switch, counted over all processes: `died` is called, and then
    /// every fibre ends where it stands, the newest first. What runs of their code while they end
    /// must have no effect outside: `died` sees to that, as a disk that has lost its power does.
    void kill_at(std::uint64_t step, std::function<void()> died);
    std::uint64_t steps() const { return steps_; }

    /// Into the trace.
    void note(std::string_view what);
    void note(std::uint64_t number);
    std::uint64_t trace() const { return trace_; }

    /// For who seals records. Simulated, from 2023 on.
    Clock& clock() { return clock_; }
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
    class SimulatedClock final : public Clock {
    public:
        explicit SimulatedClock(const FibreScheduler& scheduler) : scheduler_(scheduler) {}
        Timestamp now() const override;
        MachineTime machine() const override;

    private:
        const FibreScheduler& scheduler_;
    };

    void run_fibres();
    void end_fibres();
    Fibre* find_at_lock();
    /// Empty when all wait for ever.
    Fibre* choose();
    void pass_time();
    void resume(Fibre& fibre);
    /// Of the fibre that runs: others run until it is chosen again.
    void stand_still(std::string_view point);
    Fibre* find(FibreId fibre);
    std::vector<Fibre*> waiting_at(const void* place);
    std::string who_waits() const;

    std::mt19937_64 random_;  // the same numbers on every machine
    SteadyTime now_;
    SimulatedClock clock_{*this};
    std::uint64_t trace_;
    std::uint64_t steps_ = 0;
    std::uint64_t kill_at_ = 0;
    std::function<void()> died_;
    bool is_ending_ = false;
    FibreId last_id_ = 0;
    std::deque<std::unique_ptr<Fibre>> fibres_;  // in the order of their starts
    Fibre* running_ = nullptr;
};

}  // namespace vouch::test
