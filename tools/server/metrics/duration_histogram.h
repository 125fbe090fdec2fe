#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vouch::metrics {

/// How often something took how long. Any thread may add, and read.
class DurationHistogram {
public:
    /// Upper bounds of the buckets; one more is for what took longer.
    static constexpr std::array kBoundsSeconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                  0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                  1.0,    2.5,     5.0,    12.0};
    struct Counts {
        std::array<std::uint64_t, kBoundsSeconds.size() + 1> in_bucket{};
        double sum_seconds = 0;
    };

    void add(std::chrono::nanoseconds time) {
        const double seconds = std::chrono::duration<double>(time).count();
        const auto* const bound = std::ranges::lower_bound(kBoundsSeconds, seconds);
        const auto bucket = static_cast<std::size_t>(bound - kBoundsSeconds.begin());
        in_bucket_[bucket].fetch_add(1, std::memory_order_relaxed);
        sum_ns_.fetch_add(static_cast<std::uint64_t>(time.count()), std::memory_order_relaxed);
    }

    Counts counts() const {
        Counts counts;
        for (std::size_t i = 0; i < in_bucket_.size(); ++i)
            counts.in_bucket[i] = in_bucket_[i].load(std::memory_order_relaxed);
        counts.sum_seconds = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
        return counts;
    }

private:
    std::array<std::atomic<std::uint64_t>, kBoundsSeconds.size() + 1> in_bucket_{};
    std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace vouch::metrics
