#pragma once

#include "events/money/amount.h"

#include <compare>
#include <cstdint>
#include <string>

namespace vouch {

/// A sum of amounts that may need more than 128 bits: up to 2^64 amounts fit.
class WideSum {
public:
    constexpr WideSum() = default;
    constexpr explicit WideSum(Amount amount) : low_(amount.units()) {}

    constexpr void add(Amount amount) { add(WideSum(amount)); }
    constexpr void add(const WideSum& other) {
        low_ += other.low_;
        high_ += other.high_ + (low_ < other.low_ ? 1U : 0U);
    }

    constexpr WideSum plus(const WideSum& other) const {
        WideSum sum = *this;
        sum.add(other);
        return sum;
    }
    /// What this has more than `smaller`, which is not the larger of the two.
    constexpr WideSum minus(const WideSum& smaller) const {
        WideSum rest;
        rest.low_ = low_ - smaller.low_;
        rest.high_ = high_ - smaller.high_ - (low_ < smaller.low_ ? 1U : 0U);
        return rest;
    }

    constexpr std::uint64_t high() const { return high_; }
    constexpr u128 low() const { return low_; }
    constexpr bool fits_amount() const { return high_ == 0; }

    friend constexpr auto operator<=>(const WideSum&, const WideSum&) = default;

private:
    std::uint64_t high_ = 0;  // compared first
    u128 low_ = 0;
};

/// "12.34" for 1234 at scale 2, as to_text of an Amount.
std::string to_text(const WideSum& sum, Scale scale);

}  // namespace vouch
