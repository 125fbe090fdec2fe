#include "tests/simulation/plan.h"
#include "tests/simulation/shrink.h"
#include "tests/simulation/simulated_deployment.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

// Plays seeds until there are enough of them, and says what was found; the first seed that violates
// something is shortened and told as a story, unless it is wanted as it is. Ends with 1 when
// something was violated.

namespace {

using namespace vouch::test;
using std::chrono::duration;
using std::chrono::steady_clock;

constexpr double kSecondsAnHour = 3600;
/// What an hour must hold to count.
constexpr double kCommandsAnHour = 10'000;
constexpr double kFaultsAnHour = 100;
constexpr std::uint64_t kShrunkMax = 1;

/// For the last word of an assertion.
std::atomic<std::uint64_t> seed_at_work{0};

void name_seed(int) {
    std::array<char, 32> text{"seed "};
    char* const end = std::to_chars(text.data() + 5, text.data() + 30, seed_at_work.load()).ptr;
    *end = '\n';
    (void)!::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(end + 1 - text.data()));
}

struct Wish {
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 100;
    double hours = 0;  ///< simulated; instead of a number of seeds
    bool story = false;
    bool shrinks = true;  ///< what is violated
    bool until_violated = false;
    bool shows_trace = false;
};

struct Sum {
    std::uint64_t seeds = 0;
    double hours = 0;
    std::uint64_t commands = 0;
    std::uint64_t faults = 0;
    std::uint64_t stops = 0;
    std::uint64_t failed = 0;
};

std::optional<std::uint64_t> number_of(const char* text) {
    std::uint64_t number = 0;
    if (text == nullptr) return std::nullopt;
    const char* const end = text + std::strlen(text);
    const auto [at, error] = std::from_chars(text, end, number);
    return error == std::errc() && at == end ? std::optional(number) : std::nullopt;
}

std::optional<Wish> read_wish(char** arguments) {
    Wish wish;
    while (*++arguments != nullptr) {
        const std::string_view name = *arguments;
        if (name == "--story") {
            wish.story = true;
            continue;
        }
        if (name == "--until-violated") {
            wish.until_violated = true;
            continue;
        }
        if (name == "--as-it-is") {
            wish.shrinks = false;
            continue;
        }
        const auto value = number_of(*++arguments);
        if (!value) return std::nullopt;
        if (name == "--seeds")
            wish.seeds = *value;
        else if (name == "--first-seed")
            wish.first_seed = *value;
        else if (name == "--seed")
            wish.first_seed = *value, wish.seeds = 1, wish.shows_trace = true;
        else if (name == "--hours")
            wish.hours = static_cast<double>(*value);
        else
            return std::nullopt;
    }
    return wish;
}

void print_lines(const SimulationResult& result) {
    for (const std::string& line : result.story) std::printf("  %s\n", line.c_str());
    for (const Violation& each : result.violations) {
        std::printf("  violated: %.*s: %s (at %s, step %llu)\n",
                    static_cast<int>(each.invariant.size()), each.invariant.data(),
                    each.what.c_str(), to_text(each.time).c_str(),
                    static_cast<unsigned long long>(each.step));
    }
}

void play(std::uint64_t seed, const Wish& wish, Sum& sum) {
    seed_at_work = seed;
    const Plan plan = make_plan(seed);
    const SimulationResult result = simulate(plan, wish.story);
    ++sum.seeds;
    sum.hours += duration<double>(result.time).count() / kSecondsAnHour;
    sum.commands += result.told;
    sum.faults += result.faults;
    sum.stops += result.stops;
    if (wish.shows_trace)
        std::printf("trace %016llx\n", static_cast<unsigned long long>(result.trace));
    if (!result.violations.empty()) {
        ++sum.failed;
        std::printf("seed %llu violates, of %zu faults and %zu commands:\n",
                    static_cast<unsigned long long>(seed), plan.faults.size(),
                    plan.commands.size());
    }
    if (wish.story || !result.violations.empty()) print_lines(result);
    // The first ones tell the most; a mutant can violate every seed.
    if (!result.violations.empty() && wish.shrinks && sum.failed <= kShrunkMax) {
        const Shrunk shrunk = shrink(plan);
        std::printf("shortened in %zu runs to %zu faults and %zu commands:\n", shrunk.runs,
                    shrunk.plan.faults.size(), shrunk.plan.commands.size());
        print_lines(shrunk.result);
    }
    std::fflush(stdout);
}

}  // namespace

int main(int, char** arguments) {
    // Each life's filters would have whole huge pages cleared for the few bits they set.
    (void)::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    (void)std::signal(SIGABRT, name_seed);
    const std::optional<Wish> wish = read_wish(arguments);
    if (!wish) {
        std::fputs("usage: simulate [--seeds N] [--hours N] [--first-seed N] [--seed N] [--story] "
                   "[--as-it-is] [--until-violated]\n",
                   stderr);
        return 2;
    }
    Sum sum;
    const auto began = steady_clock::now();
    const auto is_enough = [&] {
        if (wish->until_violated && sum.failed > 0) return true;
        return wish->hours > 0 ? sum.hours >= wish->hours : sum.seeds >= wish->seeds;
    };
    while (!is_enough()) play(wish->first_seed + sum.seeds, *wish, sum);
    const double seconds = duration<double>(steady_clock::now() - began).count();
    const auto as_count = [](std::uint64_t number) {
        return static_cast<unsigned long long>(number);
    };
    std::printf(
        "%llu seeds, %.1f simulated hours, %llu commands decided, %llu faults met, %llu stops, "
        "%llu violations; %.1f s, %.2f simulated hours a second%s\n",
        as_count(sum.seeds), sum.hours, as_count(sum.commands), as_count(sum.faults),
        as_count(sum.stops), as_count(sum.failed), seconds, sum.hours / seconds,
        static_cast<double>(sum.commands) >= kCommandsAnHour * sum.hours &&
                static_cast<double>(sum.faults) >= kFaultsAnHour * sum.hours
            ? ""
            : " (which do not count: an hour has 10000 commands and 100 faults)");
    return sum.failed == 0 ? 0 : 1;
}
