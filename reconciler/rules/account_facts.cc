#include "reconciler/rules/account_facts.h"

#include "reconciler/rules/limit_rule.h"

namespace vouch::reconciler {

WideSum side_sum(const Totals& totals, Side side) {
    WideSum sum(totals.posted(side));
    sum.add(totals.held(side));
    return sum;
}

namespace {

/// What a side takes up, what could come back included.
WideSum taken_up(const ReplayedBooks& books, AccountNumber number, Side side) {
    WideSum sum = side_sum(books.accounts.at(number).totals, side);
    if (side == Side::credit) sum.add(books.crossings.unanswered(number));
    return sum;
}

}  // namespace

bool has_room(const ReplayedBooks& books, AccountNumber number, Side side, const WideSum& amount) {
    WideSum sum = taken_up(books, number, side);
    sum.add(amount);
    return sum.fits_amount();
}

Amount room_on(const ReplayedBooks& books, AccountNumber number, Side side) {
    const WideSum taken = taken_up(books, number, side);
    return taken.fits_amount() ? Amount(Amount::max().units() - taken.low()) : Amount();
}

Totals guarded_totals(const ReplayedBooks& books, AccountNumber number) {
    Totals totals = books.accounts.at(number).totals;
    WideSum held(totals.credits_held);
    held.add(books.crossings.unanswered(number));
    totals.credits_held = held.fits_amount()
                              ? Amount::from_halves(static_cast<std::uint64_t>(held.low() >> 64),
                                                    static_cast<std::uint64_t>(held.low()))
                              : Amount::max();
    return totals;
}

Facts facts_of(const ReplayedBooks& books, AccountNumber number) {
    const Account& account = books.accounts.at(number);
    Facts facts;
    facts.account = account.id;
    const std::optional<Amount> left =
        left_to_lower(guarded_totals(books, number), account.normal(), account.limit);
    facts.available = AmountFact{!left, left.value_or(Amount())};
    facts.limit = AmountFact{account.limit.is_unlimited(), account.limit.below_zero()};
    facts.held = AmountFact{false, account.totals.held(opposite(account.normal()))};
    facts.version = account.version;
    return facts;
}

Facts facts_of(const ReplayedBooks& books, LedgerId ledger, AccountId id) {
    if (const auto number = books.accounts.find(ledger, id)) return facts_of(books, *number);
    Facts facts;
    facts.account = id;
    return facts;
}

std::string describe_difference(const Facts& expected, const Facts& found) {
    const auto text_of = [](const std::optional<AmountFact>& fact) {
        if (!fact) return std::string("nothing");
        return fact->unlimited ? std::string("unlimited") : vouch::to_text(fact->amount, Scale(0));
    };
    const auto differ = [&](const char* field, const auto& a, const auto& b) {
        return std::string(field) + ", expected " + text_of(a) + " found " + text_of(b);
    };
    if (expected.account != found.account) return "another account";
    if (expected.available != found.available)
        return differ("available", expected.available, found.available);
    if (expected.limit != found.limit) return differ("limit", expected.limit, found.limit);
    if (expected.held != found.held) return differ("held", expected.held, found.held);
    if (expected.remaining != found.remaining)
        return differ("remaining", expected.remaining, found.remaining);
    return "version";
}

}  // namespace vouch::reconciler
