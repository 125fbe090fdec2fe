#pragma once

#include "events/money/account.h"
#include "events/money/wide_sum.h"

#include <optional>

namespace vouch::reconciler {

// docs/rules.md, "within its limit", derived a second time: nothing here is the code that decides.
// Totals are those of `guarded_totals` where something could come back to the account.

/// Posted and held on the side that lowers the account.
inline WideSum lowering_of(const Totals& totals, Side normal) {
    WideSum sum(totals.posted(opposite(normal)));
    sum.add(totals.held(opposite(normal)));
    return sum;
}

/// As far as `lowering_of` may go; of an account with a limit.
inline WideSum bound_of(const Totals& totals, Side normal, const Limit& limit) {
    WideSum sum(totals.posted(normal));
    sum.add(limit.below_zero());
    return sum;
}

inline bool keeps_limit(const Totals& totals, Side normal, const Limit& limit) {
    return limit.is_unlimited() ||
           lowering_of(totals, normal) <= bound_of(totals, normal, limit);
}

/// What may still lower the account. Empty: no amount is too much, for there is no limit, or it is
/// further away than any amount.
inline std::optional<Amount> left_to_lower(const Totals& totals, Side normal, const Limit& limit) {
    if (limit.is_unlimited()) return std::nullopt;
    const WideSum bound = bound_of(totals, normal, limit);
    const WideSum lowering = lowering_of(totals, normal);
    if (bound <= lowering) return Amount();
    const WideSum left = bound.minus(lowering);
    if (!left.fits_amount()) return std::nullopt;
    return Amount(left.low());
}

}  // namespace vouch::reconciler
