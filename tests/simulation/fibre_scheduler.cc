#include "tests/simulation/fibre_scheduler.h"

#include "events/check.h"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

namespace vouch::test {

namespace {

/// RocksDB runs on it too. Only what is used of it takes memory.
constexpr std::size_t kStackBytes = std::size_t{1} << 20;
/// One lock in so many lets others go on before it is taken.
constexpr std::uint64_t kLocksATurn = 4;
constexpr std::int64_t kStart_us = 1'700'000'000'000'000;

constexpr std::string_view kBegin = "begin";
constexpr std::string_view kLock = "lock";
constexpr std::string_view kWait = "wait";
constexpr std::string_view kJoin = "join";

constexpr std::uint64_t kHashStart = 0xcbf29ce484222325ULL;
constexpr std::uint64_t kHashFactor = 0x100000001b3ULL;

}  // namespace

class FibreScheduler::Fibre {
public:
    Fibre(FibreId its_id, std::string its_name, std::function<void()> its_body)
        : id(its_id), name(std::move(its_name)), body(std::move(its_body)) {}

    /// Runs it until it stands still or has ended.
    void resume() {
        if (!inside_ && point == kBegin) {
            inside_ = boost::context::fiber(
                std::allocator_arg, boost::context::protected_fixedsize_stack(kStackBytes),
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
    const std::string name;
    std::function<void()> body;
    std::string_view point = kBegin;
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
    for (const char c : what) trace_ = (trace_ ^ static_cast<unsigned char>(c)) * kHashFactor;
    note(what.size());
}

void FibreScheduler::note(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
        trace_ = (trace_ ^ (number >> shift & 0xff)) * kHashFactor;
}

// --- Processes ----------------------------------------------------------------------------------

void FibreScheduler::kill_at(std::uint64_t step, std::function<void()> died) {
    kill_at_ = step;
    died_ = std::move(died);
}

bool FibreScheduler::run(std::string name, std::function<void()> body) {
    VOUCH_ASSERT(Scheduler::current() == nullptr && fibres_.empty());
    const FibreId id = start(std::move(name), std::move(body));
    Fibre& first = *find(id);
    make_current(this);
    bool is_killed = false;
    std::exception_ptr failure;
    try {
        run_fibres();
        is_killed = !first.has_ended;
    } catch (...) {
        failure = std::current_exception();
    }
    if (!first.has_ended) end_fibres();
    // What it meets while it dies is nobody's business.
    if (!is_killed && first.failure) failure = first.failure;
    // Whoever starts a thread joins it.
    VOUCH_ASSERT(std::ranges::all_of(fibres_, [](const auto& each) { return each->has_ended; }));
    fibres_.clear();
    make_current(nullptr);
    if (failure) std::rethrow_exception(failure);
    return !is_killed;
}

void FibreScheduler::run_fibres() {
    Fibre& first = *fibres_.front();
    while (!first.has_ended) {
        if (steps_ == kill_at_ && kill_at_ != 0) return;
        Fibre* const next = choose();
        if (next == nullptr) throw std::logic_error("all wait for ever: " + who_waits());
        resume(*next);
        if (next->failure) std::rethrow_exception(next->failure);
    }
}

// Those that are about to lock are in the middle of something, and come to their next wait first,
// while all that they use is still there. From then on nobody runs but who ends, the newest first:
// whoever starts a fibre outlives it.
void FibreScheduler::end_fibres() {
    if (died_) std::exchange(died_, nullptr)();
    while (Fibre* const fibre = find_at_lock()) resume(*fibre);
    is_ending_ = true;
    for (std::size_t i = fibres_.size(); i-- > 0;) {
        Fibre& fibre = *fibres_[i];
        if (fibre.point == kBegin) fibre.has_ended = true;
        if (fibre.has_ended) continue;
        fibre.go_on(Woken::to_end);
        fibre.joins = 0;
        resume(fibre);
        VOUCH_ASSERT(fibre.has_ended);
    }
    is_ending_ = false;
}

FibreScheduler::Fibre* FibreScheduler::find_at_lock() {
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (!each->has_ended && each->can_go_on() && each->point == kLock) return each.get();
    }
    return nullptr;
}

FibreScheduler::Fibre* FibreScheduler::choose() {
    std::vector<Fibre*> able;
    for (int look = 0; look < 2 && able.empty(); ++look) {
        if (look == 1) pass_time();
        for (const std::unique_ptr<Fibre>& each : fibres_) {
            if (!each->has_ended && each->can_go_on()) able.push_back(each.get());
        }
    }
    return able.empty() ? nullptr : able[random_() % able.size()];
}

/// To the first time that somebody waits for.
void FibreScheduler::pass_time() {
    std::optional<SteadyTime> first;
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (each->has_ended || !each->until) continue;
        first = std::min(first.value_or(*each->until), *each->until);
    }
    if (!first) return;
    now_ = std::max(now_, *first);
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (!each->has_ended && each->until && *each->until <= now_) each->go_on(Woken::by_time);
    }
}

void FibreScheduler::resume(Fibre& fibre) {
    ++steps_;
    note(fibre.name);
    note(fibre.point);
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

std::vector<FibreScheduler::Fibre*> FibreScheduler::waiting_at(const void* place) {
    std::vector<Fibre*> all;
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (!each->has_ended && each->place == place) all.push_back(each.get());
    }
    return all;
}

std::string FibreScheduler::who_waits() const {
    std::string all;
    for (const std::unique_ptr<Fibre>& each : fibres_) {
        if (!each->has_ended) all += each->name + " at " + std::string(each->point) + "; ";
    }
    return all;
}

// --- What fibres ask for ------------------------------------------------------------------------

Scheduler::FibreId FibreScheduler::start(std::string name, std::function<void()> body) {
    fibres_.push_back(std::make_unique<Fibre>(++last_id_, std::move(name), std::move(body)));
    return last_id_;
}

void FibreScheduler::join(FibreId fibre) {
    const Fibre* const other = find(fibre);
    VOUCH_ASSERT(other != nullptr);
    if (other->has_ended) return;
    // Whoever starts a fibre is older than it.
    VOUCH_ASSERT(!is_ending_);
    running_->joins = fibre;
    stand_still(kJoin);
}

void FibreScheduler::lock(bool& is_held) {
    if (!is_ending_ && random_() % kLocksATurn == 0) stand_still(kLock);
    while (is_held && !is_ending_) {
        running_->place = &is_held;
        stand_still(kLock);
    }
    is_held = true;
}

Scheduler::Woken FibreScheduler::wait(const void* place, std::optional<SteadyTime> until) {
    if (is_ending_) return Woken::to_end;
    running_->place = place;
    running_->until = until;
    stand_still(kWait);
    return running_->woken;
}

void FibreScheduler::stand_still(std::string_view point) {
    running_->point = point;
    running_->stand_still();
}

void FibreScheduler::wake_one(const void* place) {
    const std::vector<Fibre*> all = waiting_at(place);
    if (!all.empty()) all[random_() % all.size()]->go_on(Woken::by_call);
}

void FibreScheduler::wake_all(const void* place) {
    for (Fibre* const each : waiting_at(place)) each->go_on(Woken::by_call);
}

}  // namespace vouch::test
