#include "projector/queries/account_balance.h"

namespace vouch::projector {

std::string shown_number(AccountId id) {
    constexpr std::size_t kDigits = 26;
    std::string number(kDigits, '0');
    std::uint64_t high = id.high();
    std::uint64_t low = id.low();
    for (std::size_t at = kDigits; at-- > 0;) {
        const std::uint64_t digit = low & 31;
        if (digit > 9 || (at == 0 && digit == 0)) return id_text(id);
        number[at] = static_cast<char>('0' + digit);
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    return number;
}

std::string AccountInfo::shown() const {
    if (transit) {
        return "transit " + std::to_string(transit->from.value()) + ">" +
               std::to_string(transit->to.value());
    }
    return name.empty() ? shown_number(id) : name;
}

Totals AccountBalance::without_due() const {
    Totals out = totals;
    out.debits_held = out.debits_held.minus(debits_due).value_or(Amount());
    out.credits_held = out.credits_held.minus(credits_due).value_or(Amount());
    return out;
}

std::string limit_text(const Limit& limit, Scale scale) {
    return limit.is_unlimited() ? "unlimited" : to_text(limit.below_zero(), scale);
}

}  // namespace vouch::projector
