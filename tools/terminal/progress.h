#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace vouch::terminal {

/// Removes the bar that stands on the terminal, if one does, so that a line that is written next
/// begins at the line's begin. The bar comes back when it is next shown. Any thread.
void make_way_for_line();

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

    /// The line that would be drawn, without control characters: as much of it as fits into so many
    /// columns and leaves the last one free, since a line that is full may go on in the next row.
    static std::string line(const std::string& what, const std::string& unit, std::uint64_t done,
                            std::uint64_t total, double seconds, std::size_t columns);

private:
    using Clock = std::chrono::steady_clock;
    std::string what_;
    std::string unit_;
    std::uint64_t total_;
    bool is_terminal_;
    Clock::time_point start_;
    Clock::time_point drawn_;
};

}  // namespace vouch::terminal
