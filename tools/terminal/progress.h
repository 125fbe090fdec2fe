#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace vouch::terminal {

/// A bar with rate and time left on stderr, redrawn a few times a second; nothing at all when
/// stderr is no terminal. One thread.
class Progress {
public:
    /// `what` is done, in `unit`s; `total` 0: not known, then there is no bar and no time left.
    Progress(std::string what, std::string unit, std::uint64_t total = 0);
    /// Removes the bar.
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(std::uint64_t done);
    void show(std::uint64_t done, std::uint64_t total) {
        total_ = total;
        show(done);
    }

    /// The line that would be drawn, without control characters.
    static std::string line(const std::string& what, const std::string& unit, std::uint64_t done,
                            std::uint64_t total, double seconds);

private:
    using Clock = std::chrono::steady_clock;
    std::string what_;
    std::string unit_;
    std::uint64_t total_;
    bool is_terminal_;
    bool is_drawn_ = false;
    Clock::time_point start_;
    Clock::time_point drawn_;
};

}  // namespace vouch::terminal
