#include "reconciler/rules/derive_amount.h"

#include "reconciler/rules/account_facts.h"
#include "reconciler/rules/limit_rule.h"

#include <algorithm>
#include <map>

namespace vouch::reconciler {

namespace {

/// What `side` of the account may still take: all of it where that raises the account, or nothing
/// caps it.
Amount cap_of(const ReplayedBooks& books, const Named& named, Side side) {
    if (!named.account || named.account->normal() == side) return Amount::max();
    return left_to_lower(guarded_totals(books, named.number), named.account->normal(),
                         named.account->limit)
        .value_or(Amount::max());
}

DerivedAmount amount_moved(const AskedCommand& asked, Balancing balancing, Amount most) {
    Amount moved = most;
    const Amount debit_cap = cap_of(asked.books, asked.named[0], Side::debit);
    const Amount credit_cap =
        asked.named.size() > 1 ? cap_of(asked.books, asked.named[1], Side::credit) : Amount::max();
    if (caps_debit(balancing)) moved = std::min(moved, debit_cap);
    if (caps_credit(balancing)) moved = std::min(moved, credit_cap);
    // When nothing can be moved, a cap is zero, and so below the one unit that would be the least.
    const Amount least = std::max(moved, Amount(1));
    if (debit_cap < least)
        return {refusal(Outcome::insufficient_funds, asked.facts(asked.named[0])), moved};
    if (credit_cap < least)
        return {refusal(Outcome::insufficient_funds, asked.facts(asked.named[1])), moved};
    for (std::size_t i = 0; i < asked.named.size(); ++i) {
        if (!asked.named[i].account) continue;
        const Side side = i == 0 ? Side::debit : Side::credit;
        if (!has_room(asked.books, asked.named[i].number, side, WideSum(moved)))
            return {refusal(Outcome::amount_overflow, asked.facts(asked.named[i])), moved};
    }
    return {{}, moved};
}

std::optional<Refusal> over_limit_entry(const AskedCommand& asked, const PostEntry& entry) {
    struct After {
        WideSum debits_posted;
        WideSum credits_posted;
    };
    std::map<AccountNumber, After> after;
    for (std::size_t i = 0; i < asked.named.size(); ++i) {
        if (!asked.named[i].account) continue;
        const auto [place, is_new] = after.try_emplace(asked.named[i].number);
        if (is_new) {
            place->second.debits_posted = WideSum(asked.named[i].account->totals.debits_posted);
            place->second.credits_posted = WideSum(asked.named[i].account->totals.credits_posted);
        }
        const Posting& posting = entry.postings[i];
        (posting.side == Side::debit ? place->second.debits_posted : place->second.credits_posted)
            .add(posting.amount);
    }
    for (const Named& named : asked.named) {
        if (!named.account || named.account->limit.is_unlimited()) continue;
        const After& sums = after.at(named.number);
        const bool is_debit_normal = named.account->normal() == Side::debit;
        WideSum lowering = is_debit_normal ? sums.credits_posted : sums.debits_posted;
        lowering.add(
            guarded_totals(asked.books, named.number).held(opposite(named.account->normal())));
        WideSum bound = is_debit_normal ? sums.debits_posted : sums.credits_posted;
        bound.add(named.account->limit.below_zero());
        if (lowering > bound) return refusal(Outcome::insufficient_funds, asked.facts(named));
    }
    for (const Named& named : asked.named) {
        if (!named.account) continue;
        WideSum debits = after.at(named.number).debits_posted;
        WideSum credits = after.at(named.number).credits_posted;
        debits.add(named.account->totals.debits_held);
        credits.add(named.account->totals.credits_held);
        credits.add(asked.books.crossings.unanswered(named.number));
        if (!debits.fits_amount() || !credits.fits_amount())
            return refusal(Outcome::amount_overflow, asked.facts(named));
    }
    return {};
}

/// A capture needs room only on a payee that it names: all else was set aside when the hold was
/// placed.
DerivedAmount amount_captured(const AskedCommand& asked, const CaptureHold& capture) {
    if (asked.hold == nullptr) return {};
    const Amount moved = capture.amount.value_or(asked.hold->state.remaining);
    if (asked.hold->state.payee || asked.named.size() < 2 || !asked.named[1].account)
        return {{}, moved};
    if (cap_of(asked.books, asked.named[1], Side::credit) < moved)
        return {refusal(Outcome::insufficient_funds, asked.facts(asked.named[1])), moved};
    if (!has_room(asked.books, asked.named[1].number, Side::credit, WideSum(moved)))
        return {refusal(Outcome::amount_overflow, asked.facts(asked.named[1])), moved};
    return {{}, moved};
}

std::optional<Refusal> over_limit_update(const AskedCommand& asked, const UpdateAccount& update) {
    const Named& named = asked.named[0];
    if (!update.limit || !named.account) return {};
    const Totals totals = guarded_totals(asked.books, named.number);
    if (keeps_limit(totals, named.account->normal(), *update.limit)) return {};
    return refusal(Outcome::insufficient_funds, asked.facts(named));
}

}  // namespace

DerivedAmount derive_amount(const AskedCommand& asked) {
    if (const auto* transfer = asked.body<Transfer>())
        return amount_moved(asked, transfer->balancing, transfer->amount);
    if (const auto* place = asked.body<PlaceHold>())
        return amount_moved(asked, place->balancing, place->amount);
    if (const auto* capture = asked.body<CaptureHold>()) return amount_captured(asked, *capture);
    if (const auto* entry = asked.body<PostEntry>()) return {over_limit_entry(asked, *entry), {}};
    if (const auto* update = asked.body<UpdateAccount>())
        return {over_limit_update(asked, *update), {}};
    return {};
}

}  // namespace vouch::reconciler
