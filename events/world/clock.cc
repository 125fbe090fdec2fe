#include "events/world/clock.h"

#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <string>

namespace vouch {
namespace {

/// The first 64 bits of the id that the kernel gives this run; 0 when it gives none.
std::uint64_t read_boot() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string text;
    std::getline(file, text);
    std::erase(text, '-');
    std::uint64_t boot = 0;
    if (text.size() < 16) return 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 16, boot, 16);
    return error == std::errc() && end == text.data() + 16 ? boot : 0;
}

std::int64_t microseconds(std::chrono::nanoseconds since) {
    return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

/// Of CLOCK_BOOTTIME.
std::int64_t boot_time_us() {
    if (Scheduler* const scheduler = Scheduler::current())
        return microseconds(scheduler->steady_now().time_since_epoch());
    std::timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000;
}

}  // namespace

SteadyTime steady_now() {
    if (Scheduler* const scheduler = Scheduler::current()) return scheduler->steady_now();
    return std::chrono::steady_clock::now();
}

std::int64_t boot_time_ms() { return boot_time_us() / 1'000; }

Timestamp SystemClock::now() const {
    if (Scheduler::current() != nullptr) return Timestamp(boot_time_us());
    return Timestamp(microseconds(std::chrono::system_clock::now().time_since_epoch()));
}

MachineTime SystemClock::machine() const {
    if (Scheduler::current() != nullptr) return {1, boot_time_us()};
    static const std::uint64_t boot = read_boot();
    return {boot, boot_time_us()};
}

}  // namespace vouch
