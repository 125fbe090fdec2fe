#include "tests/simulation/plan.h"
#include "tests/simulation/seed_players.h"
#include "tests/simulation/shrink.h"
#include "tests/simulation/simulated_deployment.h"

#include <malloc.h>
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
/// In so many seeds each kind of fault takes place that is met at all.
constexpr std::uint64_t kSeedsOfAllKinds = 300;

constexpr int kKeptBytesMax = 1 << 28;

/// For the last word of an assertion, and of what comes to no end.
std::atomic<std::uint64_t> seed_at_work{0};

void name_seed(int signal) {
    std::array<char, 32> text{"seed "};
    char* const end = std::to_chars(text.data() + 5, text.data() + 30, seed_at_work.load()).ptr;
    *end = '\n';
    (void)!::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(end + 1 - text.data()));
    (void)std::signal(signal, SIG_DFL);
    (void)std::raise(signal);
}

struct Wish {
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 100;
    double hours = 0;  ///< simulated; instead of a number of seeds
    std::size_t jobs = 1;
    bool story = false;
    bool shrinks = true;  ///< what is violated
    bool until_violated = false;
    bool shows_trace = false;
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
        else if (name == "--jobs" && *value > 0 && *value <= kJobsMax)
            wish.jobs = *value;
        else
            return std::nullopt;
    }
    return wish;
}

std::string lines_of(const SimulationResult& result) {
    std::string lines;
    for (const std::string& line : result.story) lines += "  " + line + "\n";
    for (const Violation& each : result.violations) {
        lines += "  violated: " + std::string(each.invariant) + ": " + each.what + " (at " +
                 to_text(each.time) + ", step " + std::to_string(each.step) + ")\n";
    }
    return lines;
}

SeedReport play(std::uint64_t seed, const Wish& wish) {
    seed_at_work = seed;
    const Plan plan = make_plan(seed);
    const SimulationResult result = simulate(plan, wish.story);
    const bool has_failed = !result.violations.empty();
    SeedReport report{seed,
                      {.seeds = 1,
                       .time = result.time,
                       .commands = result.told,
                       .accepted = result.accepted,
                       .faults = result.faults,
                       .stops = result.stops,
                       .stops_alone = result.stops_alone,
                       .views_compared = result.views_compared,
                       .failed = has_failed ? 1U : 0U},
                      {}};
    if (wish.shows_trace) {
        std::array<char, 32> hash{};
        (void)std::snprintf(hash.data(), hash.size(), "trace %016llx\n",
                            static_cast<unsigned long long>(result.trace));
        report.text += hash.data();
    }
    if (has_failed) {
        report.text += "seed " + std::to_string(seed) + " violates, of " +
                       std::to_string(plan.faults.size()) + " faults and " +
                       std::to_string(plan.commands.size()) + " commands:\n";
    }
    if (wish.story || has_failed) report.text += lines_of(result);
    return report;
}

/// The first one tells the most; a mutant can violate every seed.
void shorten(std::uint64_t seed) {
    seed_at_work = seed;
    const Shrunk shrunk = shrink(make_plan(seed));
    std::printf("seed %llu shortened in %zu runs to %zu faults and %zu commands:\n%s",
                static_cast<unsigned long long>(seed), shrunk.runs, shrunk.plan.faults.size(),
                shrunk.plan.commands.size(), lines_of(shrunk.result).c_str());
}

double hours_of(SimulatedTime time) { return duration<double>(time).count() / kSecondsAnHour; }

void print_sum(const SeedSum& sum, double seconds) {
    const auto as_count = [](std::uint64_t number) {
        return static_cast<unsigned long long>(number);
    };
    const double hours = hours_of(sum.time);
    const std::uint64_t faults = sum.faults.took_place();
    std::printf(
        "%s%llu seeds, %.1f simulated hours, %llu commands decided, %llu of them accepted, "
        "%llu faults met, %llu stops, %llu of shards alone, %llu times all views compared, "
        "%llu violations; %.1f s, %.2f simulated hours a second%s\n",
        sum.faults.text().c_str(), as_count(sum.seeds), hours, as_count(sum.commands),
        as_count(sum.accepted), as_count(faults), as_count(sum.stops), as_count(sum.stops_alone),
        as_count(sum.views_compared), as_count(sum.failed), seconds, hours / seconds,
        static_cast<double>(sum.commands) >= kCommandsAnHour * hours &&
                static_cast<double>(faults) >= kFaultsAnHour * hours
            ? ""
            : " (which do not count: an hour has 10000 commands and 100 faults)");
}

/// A kind of fault that nobody ever meets tests nothing.
bool misses_none(const SeedSum& sum) {
    if (sum.seeds < kSeedsOfAllKinds) return true;
    for (const std::string_view name : sum.faults.missing())
        std::printf("never took place: %.*s\n", static_cast<int>(name.size()), name.data());
    return sum.faults.missing().empty();
}

}  // namespace

int main(int, char** arguments) {
    // Each life's filters would have whole huge pages cleared for the few bits they set.
    (void)::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    // What one seed gives back the next one takes: nothing goes to the system and comes again.
    (void)::mallopt(M_MMAP_THRESHOLD, kKeptBytesMax);
    (void)::mallopt(M_TRIM_THRESHOLD, kKeptBytesMax);
    (void)std::signal(SIGABRT, name_seed);
    (void)std::signal(SIGPROF, name_seed);
    const std::optional<Wish> wish = read_wish(arguments);
    if (!wish || (wish->hours == 0 && wish->seeds == 0)) {
        std::fputs("usage: simulate [--seeds N] [--hours N] [--first-seed N] [--seed N] [--jobs N] "
                   "[--story] [--as-it-is] [--until-violated]\n",
                   stderr);
        return 2;
    }
    const bool has_end = wish->hours == 0;
    const SeedRange seeds{wish->first_seed, has_end ? wish->first_seed + wish->seeds
                                                    : ~std::uint64_t{0}};
    const auto began = steady_clock::now();
    SeedSum sum;
    std::optional<std::uint64_t> to_shorten;
    const auto take = [&](const SeedReport& report) {
        (void)std::fputs(report.text.c_str(), stdout);
        (void)std::fflush(stdout);
        // Of one that ended its process nothing else is known.
        if (!to_shorten && report.sum.failed > 0 && report.sum.commands > 0)
            to_shorten = report.seed;
        sum.add(report.sum);
        if (wish->until_violated && sum.failed > 0) return false;
        return has_end || hours_of(sum.time) < wish->hours;
    };
    play_seeds(
        seeds, wish->jobs, [&](std::uint64_t seed) { return play(seed, *wish); }, take);
    const double seconds = duration<double>(steady_clock::now() - began).count();
    if (to_shorten && wish->shrinks) shorten(*to_shorten);
    print_sum(sum, seconds);
    const bool are_all = !has_end || sum.failed > 0 || sum.seeds == wish->seeds;
    if (!are_all) (void)std::fputs("not all seeds were played\n", stderr);
    return sum.failed == 0 && are_all && misses_none(sum) ? 0 : 1;
}
