#include "events/log/kafka/patience.h"

#include "events/world/clock.h"

#include <algorithm>
#include <limits>

namespace vouch::kafka {
namespace {

constexpr std::int64_t kPatienceMaxMs = 600'000;

}  // namespace

Patience::Patience(std::int64_t ms)
    : whole_(std::clamp<std::int64_t>(ms, 1, kPatienceMaxMs)),
      over_at_(std::numeric_limits<SteadyTime::rep>::max()) {}

Patience::Deadline Patience::begin() const { return {*this, steady_now() + whole_}; }

void Patience::end_soon() {
    SteadyTime::rep never = std::numeric_limits<SteadyTime::rep>::max();
    const SteadyTime soon = steady_now() + kEndPatience;
    over_at_.compare_exchange_strong(never, soon.time_since_epoch().count());
}

bool Patience::is_over() const { return steady_now().time_since_epoch().count() >= over_at_; }

SteadyTime Patience::Deadline::at() const {
    return std::min(at_, SteadyTime(SteadyTime::duration(patience_.over_at_)));
}

bool Patience::Deadline::has_passed() const { return steady_now() >= at(); }

int Patience::Deadline::left_ms(std::int64_t most_ms) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(at() - steady_now());
    const auto least = std::min<std::int64_t>(kRequestMin.count(), most_ms);
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), least, most_ms));
}

}  // namespace vouch::kafka
