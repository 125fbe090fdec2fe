#pragma once

#include "tools/server/metrics/duration_histogram.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

namespace vouch::metrics {

/// What a server's threads count of the requests that they answer. Any thread.
class RequestMeter {
public:
    struct Route {
        explicit Route(std::string_view of) : name(of) {}
        std::string name;
        DurationHistogram times;
    };
    /// Whatever is no route of the server's.
    static constexpr std::string_view kOther = "other";
    static constexpr std::size_t kStatusEnd = 600;

    explicit RequestMeter(std::span<const std::string_view> routes) {
        for (const std::string_view each : routes) routes_.emplace_back(each);
        routes_.emplace_back(kOther);
    }

    void answered(unsigned status) {
        if (status < kStatusEnd) by_status_[status].fetch_add(1, std::memory_order_relaxed);
    }
    /// From the whole request to its answer, both unsent and unread.
    void took(std::string_view route, std::chrono::nanoseconds time) {
        for (Route& each : routes_) {
            if (each.name == route || &each == &routes_.back()) return each.times.add(time);
        }
    }
    /// From a request of one command to that one's outcome.
    DurationHistogram lone_commands;

    const std::deque<Route>& routes() const { return routes_; }
    std::uint64_t answers(unsigned status) const {
        return by_status_[status].load(std::memory_order_relaxed);
    }

private:
    std::deque<Route> routes_;
    std::array<std::atomic<std::uint64_t>, kStatusEnd> by_status_{};
};

}  // namespace vouch::metrics
