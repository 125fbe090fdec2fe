#pragma once

#include <algorithm>
#include <cstdint>

namespace vouch::test {

/// How far ahead of the true time a machine may rightly take its clock to be. A running process
/// believes no leap. A start does as long as nothing is kept of an earlier one in this run of the
/// machine, or a person accepts it; else no more than what is taken for a step.
class BelievedClock {
public:
    static constexpr std::int64_t kStepMax_us = 60'000'000;

    /// The machine has no power any more.
    void forget() { is_kept_ = can_lose_it_ = false; }
    /// What is kept may be lost, until the machine starts again.
    void may_lose_it() { can_lose_it_ = true; }

    void begin_start(bool is_accepted) {
        is_starting_ = true;
        is_accepted_ = is_accepted;
    }
    void end_start(bool of_all_shards) {
        is_starting_ = false;
        is_kept_ |= of_all_shards;
    }
    /// The process looks at a clock that is ahead by so much.
    void look(std::int64_t ahead_us) {
        if (!is_starting_) return;
        const bool asks = is_kept_ && !can_lose_it_ && !is_accepted_;
        if (asks && ahead_us > ahead_us_ + kStepMax_us) return;
        ahead_us_ = std::max(ahead_us_, ahead_us);
    }

    /// Of records that it seals, at most.
    std::int64_t records_ahead_us() const { return ahead_us_ + kStepMax_us + kFollowed_us; }

private:
    /// What is held against a clock follows it slowly: more than comes together in a run.
    static constexpr std::int64_t kFollowed_us = 2'000'000;

    std::int64_t ahead_us_ = 0;
    bool is_starting_ = false;
    bool is_accepted_ = false;
    bool is_kept_ = false;
    bool can_lose_it_ = false;
};

}  // namespace vouch::test
