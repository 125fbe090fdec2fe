#include "events/money/amount.h"

#include <algorithm>
#include <cstddef>

namespace vouch {

namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What is left of `text` after its leading digits.
std::string_view skip_digits(std::string_view text) {
    while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
    return text;
}

/// value = value * 10 + digit. False, and `value` is of no use, when that leaves 128 bits.
bool append_digit(u128& value, unsigned digit) {
    constexpr u128 kMax = ~u128{0};
    if (value > (kMax - digit) / 10) return false;
    value = value * 10 + digit;
    return true;
}

bool append_digits(u128& value, std::string_view digits) {
    return std::ranges::all_of(
        digits, [&value](char c) { return append_digit(value, static_cast<unsigned>(c - '0')); });
}

}  // namespace

ParsedAmount parse_amount(std::string_view text, Scale scale) {
    // The grammar comes first, so that a text's fault does not depend on the asset's scale until it
    // is known to be a decimal at all.
    const std::string_view after_whole = skip_digits(text);
    const std::string_view whole = text.substr(0, text.size() - after_whole.size());
    if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return {};

    std::string_view fraction;
    if (!after_whole.empty()) {
        if (after_whole.front() != '.') return {};
        fraction = after_whole.substr(1);
        if (fraction.empty() || !skip_digits(fraction).empty()) return {};
    }

    ParsedAmount parsed;
    // More places than a Scale can count are too many for every asset; their exact number is not
    // kept.
    parsed.decimals = Scale(static_cast<Scale::rep>(std::min<std::size_t>(fraction.size(), 255)));
    if (fraction.size() > scale.value()) {
        parsed.fault = AmountFault::too_many_decimals;
        return parsed;
    }

    u128 units = 0;
    bool fits = append_digits(units, whole) && append_digits(units, fraction);
    for (std::size_t places = fraction.size(); fits && places < scale.value(); ++places) {
        fits = append_digit(units, 0);
    }
    if (!fits) {
        parsed.fault = AmountFault::out_of_range;
        return parsed;
    }
    parsed.amount = Amount(units);
    return parsed;
}

std::string to_text(Amount amount, Scale scale) {
    std::string reversed;
    u128 rest = amount.units();
    // One digit more than the scale, so that there is always one before the point.
    while (rest != 0 || reversed.size() <= scale.value()) {
        reversed.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
        rest /= 10;
    }
    std::string text(reversed.rbegin(), reversed.rend());
    if (scale.value() > 0) text.insert(text.size() - scale.value(), 1, '.');
    return text;
}

}  // namespace vouch
