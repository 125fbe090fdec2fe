#pragma once

#include "events/money/number.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch {

/// Decimal places of an asset's smallest unit, 0 to 18.
using Scale = Number<struct ScaleTag, std::uint8_t>;
inline constexpr Scale kScaleMax{18};

/// What is counted: a code and a scale, written `EUR/2`, `JPY/0`, `USD/4`.
///
/// Code: `[A-Z][A-Z0-9]{0,16}`. The same code at another scale is another asset. Packed in 16
/// bytes, so that comparing two assets is comparing two numbers.
class Asset {
public:
    static constexpr std::size_t kCodeMax = 17;

    constexpr Asset() = default;

    /// Empty when the code or scale is out of range.
    static std::optional<Asset> make(std::string_view code, Scale scale);
    /// `EUR/2`, or `EUR` alone for an ISO 4217 code, which then has ISO's minor units.
    static std::optional<Asset> parse(std::string_view text);

    std::string code() const;
    constexpr Scale scale() const { return Scale(static_cast<std::uint8_t>(low_ & 0x1f)); }
    std::string text() const;

    /// The halves of an asset that was made before, as `high` and `low` gave them.
    static constexpr Asset from_halves(std::uint64_t high, std::uint64_t low) {
        Asset asset;
        asset.high_ = high;
        asset.low_ = low;
        return asset;
    }
    constexpr std::uint64_t high() const { return high_; }
    constexpr std::uint64_t low() const { return low_; }
    friend constexpr auto operator<=>(const Asset&, const Asset&) = default;

private:
    // 17 characters of 6 bits from the top, then the scale in the lowest 5 bits: order of the
    // packed number is order of codes, then scales.
    std::uint64_t high_ = 0;
    std::uint64_t low_ = 0;
};

/// ISO 4217 minor units of a code in force or withdrawn with minor units; empty for any other.
std::optional<Scale> iso4217_scale(std::string_view code);

}  // namespace vouch
