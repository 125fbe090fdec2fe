#include "tests/simulation/fibre_scheduler.h"

#include "events/check.h"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

namespace vouch::test {

namespace {

/// RocksDB runs on it too. Only what is used of it takes memory.
constexpr std::size_t kStackBytes = std::size_t{1} << 20;
/// One lock in so many lets others go on before it is taken.
constexpr std::uint64_t kLocksATurn = 4;
constexpr std::uint64_t kStepsWithoutTimeMax = 1'000'000;
constexpr std::int64_t kStart_us = 1'700'000'000'000'000;

constexpr std::array<std::string_view, 4> kPointNames = {"begin", "lock", "wait", "join"};

constexpr std::uint64_t kHashStart = 0xcbf29ce484222325ULL;

/// Stacks that fibres have left, for the next ones: mapping one takes longer than most fibres live.
class KeptStacks {
public:
    boost::context::stack_context allocate() {
        if (left_.empty()) return maker_.allocate();
        const boost::context::stack_context stack = left_.back();
        left_.pop_back();
        return stack;
    }
    void deallocate(boost::context::stack_context& stack) noexcept { left_.push_back(stack); }

private:
    boost::context::protected_fixedsize_stack maker_{kStackBytes};
    inline static std::vector<boost::context::stack_context> left_;
};

std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "something else than an exception was thrown";
    }
}

}  // namespace

class FibreScheduler::Fibre {
public:
    Fibre(FibreId its_id, ProcessId its_process, const bool& its_process_is_paused,
          std::string its_name, std::function<void()> its_body)
        : id(its_id),
          process(its_process),
          is_paused(its_process_is_paused),
          name(std::move(its_name)),
          body(std::move(its_body)) {}

    /// Runs it until it stands still or has ended.
    void resume() {
        if (!inside_ && point == Point::begin) {
            inside_ = boost::context::fiber(
                std::allocator_arg, KeptStacks(),
                [this](boost::context::fiber&& outside) {
                    outside_ = std::move(outside);
                    live();
                    return std::move(outside_);
                });
        }
        inside_ = std::move(inside_).resume();
        if (has_ended) body = nullptr;
    }
    /// On the fibre itself: back to whoever resumed it.
    void stand_still() { outside_ = std::move(outside_).resume(); }

    const FibreId id;
    const ProcessId process;
    const bool& is_paused;  // its process is
    const std::string name;
    std::function<void()> body;
    Point point = Point::begin;
    // Where it waits and until when; nowhere: it can go on.
    const void* place = nullptr;
    std::optional<SteadyTime> until;
    FibreId joins = 0;
    Woken woken = Woken::by_call;
    bool has_ended = false;
    std::exception_ptr failure;

    bool can_go_on() const { return place == nullptr && joins == 0; }
    void go_on(Woken by) {
        woken = by;
        place = nullptr;
        until.reset();
    }

private:
    void live() {
        try {
            body();
        } catch (const FibreEnded&) {
        } catch (...) {
            failure = std::current_exception();
        }
        has_ended = true;
    }

    boost::context::fiber inside_;
    boost::context::fiber outside_;
};

Timestamp FibreScheduler::SimulatedClock::now() const {
    return Timestamp(kStart_us + scheduler_.elapsed().count());
}

MachineTime FibreScheduler::SimulatedClock::machine() const {
    return {1, scheduler_.elapsed().count()};
}

FibreScheduler::FibreScheduler(std::uint64_t seed) : random_(seed), trace_(kHashStart) {}

FibreScheduler::~FibreScheduler() = default;

std::chrono::microseconds FibreScheduler::elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(now_ - SteadyTime());
}

// --- The trace ----------------------------------------------------------------------------------

void FibreScheduler::note(std::string_view what) {
    note(std::uint64_t{what.size()});
    for (; what.size() > sizeof(std::uint64_t); what.remove_prefix(sizeof(std::uint64_t))) {
        std::uint64_t number = 0;
        std::memcpy(&number, what.data(), sizeof number);
        note(number);
    }
    std::uint64_t last = 0;
    std::memcpy(&last, what.data(), what.size());
    note(last);
}

// --- Processes ----------------------------------------------------------------------------------

void FibreScheduler::run(std::string name, std::function<void()> body) {
    VOUCH_ASSERT(Scheduler::current() == nullptr && fibres_.empty());
    make_current(this);
    world_failure_ = nullptr;
    world_ = make_process(std::move(name), std::move(body), nullptr);
    try {
        run_fibres();
    } catch (...) {
        world_failure_ = std::current_exception();
    }
    // Who was started later dies first.
    while (!processes_.empty()) end_process(processes_.rbegin()->first, {.is_killed = true});
    endings_.clear();
    make_current(nullptr);
    if (world_failure_) std::rethrow_exception(world_failure_);
}

FibreScheduler::ProcessId FibreScheduler::make_process(std::string name,
                                                       std::function<void()> body,
                                                       std::function<void()> died) {
    const ProcessId id = ++last_process_;
    processes_[id] = {name, last_id_ + 1, std::move(died), {}, false};
    (void)add_fibre(id, std::move(name), std::move(body));
    return id;
}

FibreScheduler::Fibre& FibreScheduler::add_fibre(ProcessId process, std::string name,
                                                 std::function<void()> body) {
    note(std::string_view(name));
    fibres_.push_back(std::make_unique<Fibre>(++last_id_, process,
                                              processes_.at(process).is_paused, std::move(name),
                                              std::move(body)));
    return *fibres_.back();
}

FibreScheduler::ProcessId FibreScheduler::start_process(std::string name,
                                                        std::function<void()> body,
                                                        std::function<void()> died) {
    return make_process(std::move(name), std::move(body), std::move(died));
}

void FibreScheduler::kill(ProcessId process, std::uint64_t after_steps) {
    const auto found = processes_.find(process);
    if (found == processes_.end()) return;
    const std::uint64_t at = steps_ + after_steps;
    found->second.dies_at = std::min(found->second.dies_at.value_or(at), at);
}

// Who stands still must hold nothing that others wait for: that would be a lock of the world's.
void FibreScheduler::pause(ProcessId process) {
    const auto found = processes_.find(process);
    if (found != processes_.end()) found->second.should_pause = true;
}

void FibreScheduler::go_on(ProcessId process) {
    const auto found = processes_.find(process);
    if (found != processes_.end()) found->second.is_paused = found->second.should_pause = false;
}

FibreScheduler::Ending FibreScheduler::await(ProcessId process) {
    while (is_alive(process)) (void)wait(&processes_.at(process), std::nullopt);
    return endings_.at(process);
}

void FibreScheduler::run_fibres() {
    while (is_alive(world_)) {
        begin_pauses();
        end_doomed();
        Fibre* const next = choose();
        if (next == nullptr) throw std::logic_error("all wait for ever: " + who_waits());
        if (steps_ - last_time_passed_ > kStepsWithoutTimeMax)
            throw std::logic_error("somebody goes on and waits for nothing: " + who_waits());
        resume(*next);
        see_to_ended();
    }
}

void FibreScheduler::begin_pauses() {
    for (auto& [id, process] : processes_) {
        if (!process.should_pause || process.is_paused) continue;
        process.is_paused = true;
        leave_locks();
        see_to_ended();
        return;  // those that went on may have changed all of this
    }
}

void FibreScheduler::end_doomed() {
    for (const auto& [id, process] : processes_) {
        if (!process.dies_at || steps_ < *process.dies_at) continue;
        end_process(id, {.is_killed = true});
        return see_to_ended();  // of others, who left a lock
    }
}

void FibreScheduler::see_to_ended() {
    const auto has_ended = [](const std::unique_ptr<Fibre>& each) { return each->has_ended; };
    for (auto at = fibres_.begin(); at != fibres_.end();) {
        at = std::find_if(at, fibres_.end(), has_ended);
        if (at == fibres_.end()) return;
        const Fibre& fibre = **at;
        const ProcessId id = fibre.process;
        if (!fibre.failure && processes_.at(id).first != fibre.id) {
            at = fibres_.erase(at);
            continue;
        }
        if (fibre.failure && id == world_) world_failure_ = fibre.failure;
        end_process(id, {false, fibre.failure ? text_of(fibre.failure) : ""});
        at = fibres_.begin();
    }
}

void FibreScheduler::leave_locks() {
    for (std::size_t i = 0; i < fibres_.size();) {
        Fibre& fibre = *fibres_[i];
        if (fibre.has_ended || !fibre.can_go_on() || fibre.point != Point::lock) {
            ++i;
            continue;
        }
        resume(fibre);
        i = 0;
    }
}

// From its death on nobody runs but who ends, the newest first: whoever starts a fibre outlives it.
// What it meets while it dies is nobody's business.
void FibreScheduler::end_process(ProcessId id, const Ending& ending) {
    Process& process = processes_.at(id);
    const bool is_violent = ending.is_killed || !ending.failure.empty();
    if (is_violent && process.died) process.died();
    leave_locks();
    is_ending_ = true;
    for (std::size_t i = fibres_.size(); i-- > 0;) {
        Fibre& fibre = *fibres_[i];
        if (fibre.process != id) continue;
        if (fibre.point == Point::begin) fibre.has_ended = true;
        if (fibre.has_ended) continue;
        // Whoever starts a thread joins it.
        VOUCH_ASSERT(is_violent);
        fibre.go_on(Woken::to_end);
        fibre.joins = 0;
        resume(fibre);
        VOUCH_ASSERT(fibre.has_ended);
    }
    is_ending_ = false;
    std::erase_if(fibres_, [&](const auto& each) { return each->process == id; });
    endings_[id] = ending;
    wake_all(&process);
    processes_.erase(id);
}

FibreScheduler::Fibre* FibreScheduler::choose() {
    std::vector<Fibre*>& able = chosen_from_;
    able.clear();
    for (int look = 0; look < 2 && able.empty(); ++look) {
        if (look == 1) pass_time();
        for (const std::unique_ptr<Fibre>& each : fibres_) {
            if (each->can_go_on() && !each->is_paused) able.push_back(each.get());
        }
    }
    return able.empty() ? nullptr : able[random_() % able.size()];
}

/// To the first time that somebody waits for.
void FibreScheduler::pass_time() {
    std::optional<SteadyTime> first;
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (!each->until || each->is_paused) continue;
        first = std::min(first.value_or(*each->until), *each->until);
    }
    if (!first) return;
    if (*first > now_) last_time_passed_ = steps_;
    now_ = std::max(now_, *first);
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (each->until && *each->until <= now_ && !each->is_paused)
            each->go_on(Woken::by_time);
    }
}

void FibreScheduler::resume(Fibre& fibre) {
    ++steps_;
    note(fibre.id << 8 | static_cast<std::uint64_t>(fibre.point));
    note(static_cast<std::uint64_t>(elapsed().count()));
    running_ = &fibre;
    fibre.resume();
    running_ = nullptr;
    if (!fibre.has_ended) return;
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (each->joins == fibre.id) each->joins = 0;
    }
}

FibreScheduler::Fibre* FibreScheduler::find(FibreId fibre) {
    const auto found = std::ranges::find(fibres_, fibre, [](const auto& each) { return each->id; });
    return found == fibres_.end() ? nullptr : found->get();
}

const std::vector<FibreScheduler::Fibre*>& FibreScheduler::waiting_at(const void* place) {
    std::vector<Fibre*>& all = chosen_from_;
    all.clear();
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (!each->has_ended && each->place == place) all.push_back(each.get());
    }
    return all;
}

std::string FibreScheduler::who_waits() const {
    std::string all;
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (each->has_ended) continue;
        const auto point = static_cast<std::size_t>(each->point);
        all += each->name + " at " + std::string(kPointNames[point]) + "; ";
    }
    return all;
}

// --- What fibres ask for ------------------------------------------------------------------------

Scheduler::FibreId FibreScheduler::start(std::string name, std::function<void()> body) {
    // Who stood at a join goes on to its next wait while it dies; what it starts does not run.
    if (is_ending_) return ++last_id_;
    return add_fibre(running_->process, std::move(name), std::move(body)).id;
}

void FibreScheduler::join(FibreId fibre) {
    // One that has ended is known no more.
    const Fibre* const other = find(fibre);
    if (other == nullptr || other->has_ended) return;
    // Whoever starts a fibre is older than it.
    VOUCH_ASSERT(!is_ending_);
    running_->joins = fibre;
    stand_still(Point::join);
}

void FibreScheduler::lock(bool& is_held) {
    if (!is_ending_ && random_() % kLocksATurn == 0) stand_still(Point::lock);
    while (is_held && !is_ending_) {
        running_->place = &is_held;
        stand_still(Point::lock);
    }
    is_held = true;
}

Scheduler::Woken FibreScheduler::wait(const void* place, std::optional<SteadyTime> until) {
    if (is_ending_) return Woken::to_end;
    running_->place = place;
    running_->until = until;
    stand_still(Point::wait);
    return running_->woken;
}

void FibreScheduler::stand_still(Point point) {
    running_->point = point;
    running_->stand_still();
}

void FibreScheduler::wake_one(const void* place) {
    const std::vector<Fibre*>& all = waiting_at(place);
    if (!all.empty()) all[random_() % all.size()]->go_on(Woken::by_call);
}

void FibreScheduler::wake_all(const void* place) {
    for (Fibre* const each : waiting_at(place)) each->go_on(Woken::by_call);
}

}  // namespace vouch::test
