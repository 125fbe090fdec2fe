#include "tools/terminal/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <utility>

namespace vouch::terminal {

namespace {

constexpr std::size_t kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw{200};
/// Of a terminal that does not say how wide it is.
constexpr std::size_t kColumns = 80;

/// Whether a bar stands on the terminal. There is one at a time.
std::atomic<bool> is_drawn{false};

std::size_t terminal_columns() {
    winsize size{};
    const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col : kColumns;
}

std::string bar(double part) {
    const auto full = static_cast<std::size_t>(part * kBarWidth);
    return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] ";
}

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

Progress::~Progress() { make_way_for_line(); }

void make_way_for_line() {
    if (is_drawn.exchange(false)) std::fputs("\r\033[K", stderr);
}

std::string Progress::line(const std::string& what, const std::string& unit, std::uint64_t done,
                           std::uint64_t total, double seconds, std::size_t columns) {
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    const double part =
        total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 0;
    const std::string percent =
        total > 0 ? std::to_string(static_cast<int>(part * 100)) + " % " : "";
    const std::string count = short_number(static_cast<double>(done)) + " " + unit;
    const std::string speed = ", " + short_number(rate) + "/s";
    std::string left;
    if (total > done && rate > 0)
        left = ", " + time_left(static_cast<double>(total - done) / rate) + " left";
    const std::string begin = what + " ";
    const std::size_t room = columns > 0 ? columns - 1 : 0;
    // What says least goes first.
    for (const std::string& text :
         {begin + (total > 0 ? bar(part) : "") + percent + count + speed + left,
          begin + percent + count + speed + left, begin + percent + count + speed,
          begin + percent + count}) {
        if (text.size() <= room) return text;
    }
    return (begin + (total > 0 ? percent : count)).substr(0, room);
}

void Progress::show(std::uint64_t done) {
    if (!is_terminal_) return;
    const Clock::time_point now = Clock::now();
    if (now - drawn_ < kRedraw) return;
    drawn_ = now;
    is_drawn = true;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const std::string text =
        "\r" + line(what_, unit_, done, total_, seconds, terminal_columns()) + "\033[K";
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

}  // namespace vouch::terminal
