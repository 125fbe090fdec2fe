#include "command-handler/shard/record_clock.h"

#include "events/world/notice.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

namespace vouch::command_handler {
namespace {

std::filesystem::path file_of(const ShardEnvironment& with) { return with.directory() / "clock"; }

}  // namespace

Result<bool> RecordClock::believe() {
    if (with_.deployment.test_clock) return false;
    const bool is_new = head_.next_record.value() == 0;
    const std::optional<Fault> doubt =
        is_new ? std::nullopt
               : doubt_of_start(clock_.look(), kept_look(file_of(with_), *with_.options.files),
                                head_.last_time, head_.clock_accepted);
    if (doubt && !with_.options.accept_clock) {
        return Fault{doubt->code,
                     "shard " + std::to_string(with_.shard.value()) + ": " + doubt->message};
    }
    clock_.trust();
    return doubt.has_value();
}

void RecordClock::keep_believed() {
    if (with_.deployment.test_clock) return;
    kept_ = clock_.trusted();
    keep_look(file_of(with_), kept_, *with_.options.files);
}

Timestamp RecordClock::now() {
    if (with_.deployment.test_clock) return head_.last_time;
    return std::max(head_.last_time, clock_.now());
}

void RecordClock::warn() {
    if (with_.deployment.test_clock) return;
    if (clock_.is_leaping() != has_leapt()) {
        warned_of_leap_.store(clock_.is_leaping(), std::memory_order_relaxed);
        tell({Severity::alarm, "clock_leap",
              "shard " + std::to_string(with_.shard.value()) + ": " +
                  (has_leapt()
                       ? "the clock has leapt forward; time goes on as the machine counts it"
                       : "the clock is back from its leap"),
              with_.shard});
    }
    if (warned_of_lag_) return;
    if (with_.clock.now().value() + kClockBehindMax_us >= head_.last_time.value()) return;
    warned_of_lag_ = true;
    tell({Severity::warning, "clock_behind",
          "shard " + std::to_string(with_.shard.value()) +
              ": the clock is more than 5 s behind the newest record",
          with_.shard});
}

// It follows corrections that are small enough to be believed.
void RecordClock::keep() {
    constexpr std::int64_t kWorthWriting_us = 1'000'000;
    if (with_.deployment.test_clock) return;
    const ClockLook& trusted = clock_.trusted();
    const std::optional<Timestamp> kept = expected_time(kept_, trusted.machine);
    if (kept && !is_later(*kept, trusted.time, kWorthWriting_us) &&
        !is_later(trusted.time, *kept, kWorthWriting_us)) {
        return;
    }
    kept_ = trusted;
    keep_look(file_of(with_), trusted, *with_.options.files);
}

}  // namespace vouch::command_handler
