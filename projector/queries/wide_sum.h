#pragma once

#include "events/money/amount.h"

#include <compare>
#include <cstdint>
#include <string>

namespace vouch::projector {

/// A sum of amounts over many accounts: 192 bits, which 2^64 amounts cannot overflow.
class WideSum {
public:
    constexpr WideSum() = default;

    constexpr void add(Amount amount) {
        const u128 sum = low_ + amount.units();
        if (sum < low_) ++high_;
        low_ = sum;
    }
    constexpr WideSum plus(const WideSum& other) const {
        WideSum sum;
        sum.low_ = low_ + other.low_;
        sum.high_ = high_ + other.high_ + (sum.low_ < low_ ? 1 : 0);
        return sum;
    }
    /// What this has more than `smaller`, which is not the larger of the two.
    constexpr WideSum minus(const WideSum& smaller) const {
        WideSum rest;
        rest.low_ = low_ - smaller.low_;
        rest.high_ = high_ - smaller.high_ - (low_ < smaller.low_ ? 1 : 0);
        return rest;
    }
    constexpr std::uint64_t high() const { return high_; }
    constexpr u128 low() const { return low_; }

    friend constexpr auto operator<=>(const WideSum&, const WideSum&) = default;

private:
    std::uint64_t high_ = 0;  // before `low_`, so that the default order is the numbers'
    u128 low_ = 0;
};

/// "12.34" for 1234 at scale 2, as to_text(Amount, Scale).
std::string to_text(const WideSum& sum, Scale scale);

}  // namespace vouch::projector
