#include "events/money/wide_sum.h"

#include <algorithm>
#include <array>

namespace vouch {

std::string to_text(const WideSum& sum, Scale scale) {
    // Long division by ten over six 32-bit digits, most significant first.
    std::array<std::uint32_t, 6> digits{};
    for (std::size_t i = 0; i < 2; ++i) {
        digits[i] = static_cast<std::uint32_t>(sum.high() >> (32 * (1 - i)));
    }
    for (std::size_t i = 0; i < 4; ++i) {
        digits[2 + i] = static_cast<std::uint32_t>(sum.low() >> (32 * (3 - i)));
    }
    std::string reversed;
    const auto is_zero = [](std::uint32_t digit) { return digit == 0; };
    while (!std::ranges::all_of(digits, is_zero) || reversed.size() <= scale.value()) {
        std::uint64_t rest = 0;
        for (std::uint32_t& digit : digits) {
            rest = (rest << 32) | digit;
            digit = static_cast<std::uint32_t>(rest / 10);
            rest %= 10;
        }
        reversed += static_cast<char>('0' + rest);
    }
    if (scale.value() > 0) reversed.insert(scale.value(), 1, '.');
    std::ranges::reverse(reversed);
    return reversed;
}

}  // namespace vouch
