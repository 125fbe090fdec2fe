#include "tests/simulation/shrink.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::test {
namespace {

constexpr std::size_t kRunsMax = 400;

class Shrinking {
public:
    explicit Shrinking(Plan plan) : plan_(std::move(plan)) {
        const SimulationResult whole = simulate(plan_);
        if (!whole.violations.empty()) invariant_ = whole.violations.front().invariant;
    }

    Shrunk run() {
        if (!invariant_.empty()) {
            for (const FaultKindRow& row : fault_kinds()) leave_out(row.kind);
            for (bool is_less = true; is_less;) {
                is_less = leave_out_any(&Plan::faults);
                is_less |= leave_out_any(&Plan::commands);
            }
        }
        SimulationResult result = simulate(plan_, true);
        return {std::move(plan_), std::move(result), runs_};
    }

private:
    /// True, and it is the plan from now on, when it violates the same.
    bool take(Plan less) {
        if (runs_ == kRunsMax) return false;
        ++runs_;
        const SimulationResult result = simulate(less);
        const bool is_same = std::ranges::any_of(
            result.violations, [&](const auto& each) { return each.invariant == invariant_; });
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
    std::string_view invariant_;
    std::size_t runs_ = 0;
};

}  // namespace

Shrunk shrink(Plan plan) { return Shrinking(std::move(plan)).run(); }

}  // namespace vouch::test
