#include "events/log/clock.h"

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

}  // namespace

Timestamp SystemClock::now() const {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return Timestamp(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count());
}

MachineTime SystemClock::machine() const {
    static const std::uint64_t boot = read_boot();
    std::timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return {boot, std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000};
}

// Of two that move it at once the later one goes on from where the other got it. The machine's own
// counting goes first: a reader in between must not see a clock that leaps.
bool ManualClock::set(Timestamp time) {
    const std::lock_guard lock(moving_);
    const std::int64_t now = now_us_.load(std::memory_order_acquire);
    if (time.value() < now) return false;
    machine_us_.fetch_add(time.value() - now, std::memory_order_acq_rel);
    now_us_.store(time.value(), std::memory_order_release);
    return true;
}

bool ManualClock::advance(std::int64_t us) {
    const std::lock_guard lock(moving_);
    std::int64_t sum = 0;
    if (us < 0 || __builtin_add_overflow(now_us_.load(std::memory_order_acquire), us, &sum))
        return false;
    machine_us_.fetch_add(us, std::memory_order_acq_rel);
    now_us_.store(sum, std::memory_order_release);
    return true;
}

void ManualClock::leap(std::int64_t us) {
    const std::lock_guard lock(moving_);
    now_us_.fetch_add(us, std::memory_order_acq_rel);
}

void ManualClock::reboot() {
    const std::lock_guard lock(moving_);
    machine_us_.store(0, std::memory_order_release);
    boot_.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace vouch
