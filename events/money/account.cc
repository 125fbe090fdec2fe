#include "events/money/account.h"

#include "events/money/wide_sum.h"

#include <array>

namespace vouch {

namespace {

WideSum add(Amount a, Amount b) { return WideSum(a).plus(WideSum(b)); }

/// What the account has on its normal side, limit included.
WideSum room(const Totals& totals, Side normal, const Limit& limit) {
    return add(totals.posted(normal), limit.below_zero());
}

/// What is taken from that: posted and held on the other side.
WideSum taken(const Totals& totals, Side normal) {
    return add(totals.posted(opposite(normal)), totals.held(opposite(normal)));
}

}  // namespace

std::optional<Amount> available(const Totals& totals, Side normal, const Limit& limit) {
    if (limit.is_unlimited()) return std::nullopt;
    const WideSum have = room(totals, normal, limit);
    const WideSum gone = taken(totals, normal);
    if (have <= gone) return Amount();
    const WideSum rest = have.minus(gone);
    return rest.fits_amount() ? std::optional(Amount(rest.low())) : std::nullopt;
}

bool is_within_limit(const Totals& totals, Side normal, const Limit& limit) {
    return limit.is_unlimited() || taken(totals, normal) <= room(totals, normal, limit);
}

SignedBalance balance(const Totals& totals, Side normal) {
    const u128 increased = totals.posted(normal).units();
    const u128 lowered = totals.posted(opposite(normal)).units();
    if (lowered > increased) return {Amount(lowered - increased), true};
    return {Amount(increased - lowered), false};
}

std::string_view to_text(AccountClass account_class) {
    switch (account_class) {
        case AccountClass::asset:
            return "asset";
        case AccountClass::liability:
            return "liability";
        case AccountClass::equity:
            return "equity";
        case AccountClass::income:
            return "income";
        case AccountClass::expense:
            return "expense";
    }
    return "unknown";
}

std::optional<AccountClass> parse_account_class(std::string_view text) {
    constexpr std::array kAll = {AccountClass::asset, AccountClass::liability, AccountClass::equity,
                                 AccountClass::income, AccountClass::expense};
    for (const AccountClass one : kAll) {
        if (to_text(one) == text) return one;
    }
    return std::nullopt;
}

std::string_view to_text(Block block) {
    switch (block) {
        case Block::none:
            return "none";
        case Block::debits:
            return "debits";
        case Block::credits:
            return "credits";
        case Block::both:
            return "both";
    }
    return "unknown";
}

std::optional<Block> parse_block(std::string_view text) {
    for (const Block one : {Block::none, Block::debits, Block::credits, Block::both}) {
        if (to_text(one) == text) return one;
    }
    return std::nullopt;
}

std::string_view to_text(AccountState state) {
    if (state.closed) return "closed";
    return state.block == Block::none ? "active" : "frozen";
}

}  // namespace vouch
