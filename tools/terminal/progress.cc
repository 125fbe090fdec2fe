#include "tools/terminal/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace vouch::terminal {

namespace {

constexpr int kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw{200};

std::string short_number(double number) {
    std::array<char, 32> text{};
    if (number >= 1e6) {
        std::snprintf(text.data(), text.size(), "%.1f M", number / 1e6);
    } else if (number >= 1e4) {
        std::snprintf(text.data(), text.size(), "%.0f k", number / 1e3);
    } else {
        std::snprintf(text.data(), text.size(), "%.0f", number);
    }
    return text.data();
}

std::string time_left(double seconds) {
    const auto whole = static_cast<std::uint64_t>(std::min(seconds, 359'999.0) + 0.5);
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%u:%02u", static_cast<unsigned>(whole / 60),
                  static_cast<unsigned>(whole % 60));
    return text.data();
}

}  // namespace

Progress::Progress(std::string what, std::string unit, std::uint64_t total)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      drawn_(start_) {}

Progress::~Progress() {
    if (is_drawn_) std::fputs("\r\033[K", stderr);
}

std::string Progress::line(const std::string& what, const std::string& unit, std::uint64_t done,
                           std::uint64_t total, double seconds) {
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    std::string text = what + " ";
    if (total > 0) {
        const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
        const int full = static_cast<int>(part * kBarWidth);
        text += "[" + std::string(static_cast<std::size_t>(full), '#') +
                std::string(static_cast<std::size_t>(kBarWidth - full), '.') + "] ";
        text += std::to_string(static_cast<int>(part * 100)) + " % ";
    }
    text += short_number(static_cast<double>(done)) + " " + unit + ", " + short_number(rate) + "/s";
    if (total > done && rate > 0)
        text += ", " + time_left(static_cast<double>(total - done) / rate) + " left";
    return text;
}

void Progress::show(std::uint64_t done) {
    if (!is_terminal_) return;
    const Clock::time_point now = Clock::now();
    if (now - drawn_ < kRedraw) return;
    drawn_ = now;
    is_drawn_ = true;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const std::string text = "\r" + line(what_, unit_, done, total_, seconds) + "\033[K";
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

}  // namespace vouch::terminal
