#include "tests/simulation/shrink.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {
namespace {

constexpr std::size_t kRunsMax = 400;

/// What is violated, whatever shard, record or amount it is of.
std::string words_of(const Violation& violation) {
    std::string words(violation.invariant);
    words += ": ";
    for (const char each : violation.what) {
        const bool is_digit = each >= '0' && each <= '9';
        if (!is_digit) words += each;
        if (is_digit && words.back() != '#') words += '#';
    }
    return words;
}

class Shrinking {
public:
    Shrinking(Plan plan, const Play& play) : plan_(std::move(plan)), play_(play) {
        const SimulationResult whole = play_(plan_, false);
        if (!whole.violations.empty()) words_ = words_of(whole.violations.front());
    }

    Shrunk run() {
        if (!words_.empty()) {
            for (const FaultKindRow& row : fault_kinds()) leave_out(row.kind);
            for (bool is_less = true; is_less;) {
                is_less = leave_out_any(&Plan::faults);
                is_less |= leave_out_any(&Plan::commands);
            }
        }
        SimulationResult result = play_(plan_, true);
        return {std::move(plan_), std::move(result), runs_};
    }

private:
    /// True, and it is the plan from now on, when it violates the same.
    bool take(Plan less) {
        if (runs_ == kRunsMax) return false;
        ++runs_;
        const SimulationResult result = play_(less, false);
        const bool is_same = std::ranges::any_of(
            result.violations, [&](const auto& each) { return words_of(each) == words_; });
        if (is_same) plan_ = std::move(less);
        return is_same;
    }

    void leave_out(FaultKind kind) {
        Plan less = plan_;
        std::erase_if(less.faults, [&](const PlannedFault& each) { return each.kind == kind; });
        if (less.faults.size() < plan_.faults.size()) (void)take(std::move(less));
    }

    /// Half of them, then quarters, and so on down to single ones. True when some went.
    template <class Entry>
    bool leave_out_any(std::vector<Entry> Plan::*entries) {
        const std::size_t before = (plan_.*entries).size();
        for (std::size_t size = std::max<std::size_t>(1, before / 2); size > 0; size /= 2) {
            for (std::size_t from = 0; from < (plan_.*entries).size();) {
                Plan less = plan_;
                auto& all = less.*entries;
                const std::size_t to = std::min(from + size, all.size());
                all.erase(all.begin() + static_cast<std::ptrdiff_t>(from),
                          all.begin() + static_cast<std::ptrdiff_t>(to));
                if (!take(std::move(less))) from = to;
            }
        }
        return (plan_.*entries).size() < before;
    }

    Plan plan_;
    const Play& play_;
    std::string words_;  // of what the whole plan violates first
    std::size_t runs_ = 0;
};

}  // namespace

Shrunk shrink(Plan plan, const Play& play) { return Shrinking(std::move(plan), play).run(); }

}  // namespace vouch::test
