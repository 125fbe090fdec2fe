#include "projector/queries/wide_sum.h"

#include <algorithm>

namespace vouch::projector {

std::string to_text(const WideSum& sum, Scale scale) {
    // Six digits of base 2^32, divided by ten again and again.
    std::uint32_t digits[6];
    for (unsigned i = 0; i < 2; ++i)
        digits[i] = static_cast<std::uint32_t>(sum.high() >> (32 - 32 * i));
    for (unsigned i = 0; i < 4; ++i) {
        digits[2 + i] = static_cast<std::uint32_t>(sum.low() >> (96 - 32 * i));
    }
    std::string reversed;
    const std::size_t places = scale.value();
    const auto is_zero = [&] {
        return std::all_of(std::begin(digits), std::end(digits),
                           [](std::uint32_t d) { return d == 0; });
    };
    while (!is_zero() || reversed.size() <= places) {
        std::uint64_t rest = 0;
        for (std::uint32_t& digit : digits) {
            rest = (rest << 32) | digit;
            digit = static_cast<std::uint32_t>(rest / 10);
            rest %= 10;
        }
        reversed.push_back(static_cast<char>('0' + rest));
    }
    std::string text(reversed.rbegin(), reversed.rend());
    if (places > 0) text.insert(text.size() - places, 1, '.');
    return text;
}

}  // namespace vouch::projector
