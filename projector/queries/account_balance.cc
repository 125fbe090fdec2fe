#include "projector/queries/account_balance.h"

namespace vouch::projector {

std::string AccountInfo::shown() const {
    if (transit) {
        return "transit " + std::to_string(transit->from.value()) + ">" +
               std::to_string(transit->to.value());
    }
    return name.empty() ? id_text(id) : name;
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
