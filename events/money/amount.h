#pragma once

#include "events/money/asset.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch {

__extension__ typedef unsigned __int128 u128;

/// Whole smallest units of one asset: cents for EUR, yen for JPY, fils for BHD.
///
/// Range: 0 to 2^128 - 1. Never negative; direction is a Side. There is no operator+: a sum may
/// leave the range, and the caller must say what happens then.
/// Source: ISO 4217 minor units; schemas/command.proto, Transfer.amount.
class Amount {
public:
    constexpr Amount() = default;
    constexpr explicit Amount(u128 units) : units_(units) {}
    static constexpr Amount from_halves(std::uint64_t high, std::uint64_t low) {
        return Amount((static_cast<u128>(high) << 64) | low);
    }
    static constexpr Amount max() { return Amount(~u128{0}); }

    constexpr u128 units() const { return units_; }
    constexpr std::uint64_t high() const { return static_cast<std::uint64_t>(units_ >> 64); }
    constexpr std::uint64_t low() const { return static_cast<std::uint64_t>(units_); }
    constexpr bool is_zero() const { return units_ == 0; }

    /// Empty when the sum is 2^128 or more; the outcome is then Outcome::amount_overflow.
    [[nodiscard]] constexpr std::optional<Amount> plus(Amount other) const {
        const u128 sum = units_ + other.units_;
        if (sum < units_) return std::nullopt;
        return Amount(sum);
    }
    /// Empty when `other` is the greater one.
    [[nodiscard]] constexpr std::optional<Amount> minus(Amount other) const {
        if (other.units_ > units_) return std::nullopt;
        return Amount(units_ - other.units_);
    }

    friend constexpr auto operator<=>(Amount, Amount) = default;

private:
    u128 units_ = 0;
};

/// What can be wrong with an amount written as a decimal.
enum class AmountFault {
    not_a_decimal,      ///< not (0|[1-9][0-9]*)(\.[0-9]+)?
    too_many_decimals,  ///< more places than the asset's scale
    out_of_range,       ///< 2^128 or more smallest units
};

/// A decimal such as "100.00", or why it is none.
struct ParsedAmount {
    std::optional<Amount> amount;
    AmountFault fault = AmountFault::not_a_decimal;  ///< only when `amount` is empty
    Scale decimals;                                  ///< places written
};

/// Reads `(0|[1-9][0-9]*)(\.[0-9]{1,scale})?` as units of 10^-scale. No sign, exponent, blank or
/// leading zero; never rounds.
ParsedAmount parse_amount(std::string_view text, Scale scale);

/// "12.34" for 1234 at scale 2; "0.00" for zero: always as many places as the scale.
std::string to_text(Amount amount, Scale scale);

}  // namespace vouch
