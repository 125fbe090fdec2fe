#include "reconciler/derivation.h"
#include "reconciler/limit_rule.h"

#include <algorithm>
#include <map>

// What depends on amounts: what is moved, what limits and totals leave room for, and what crosses.

namespace vouch::reconciler {

/// What `side` of the account may still take: all of it where that raises the account, or nothing
/// caps it.
Amount Derivation::cap(const Named& named, Side side) const {
    if (!named.account || named.account->normal() == side) return Amount::max();
    return left_to_lower(guarded_totals(books_, named.number), named.account->normal(),
                         named.account->limit)
        .value_or(Amount::max());
}

Derivation::Answer Derivation::over_limit_moving(Balancing balancing, Amount asked) {
    moved_ = asked;
    const Amount debit_cap = cap(named_[0], Side::debit);
    const Amount credit_cap = named_.size() > 1 ? cap(named_[1], Side::credit) : Amount::max();
    if (caps_debit(balancing)) moved_ = std::min(moved_, debit_cap);
    if (caps_credit(balancing)) moved_ = std::min(moved_, credit_cap);
    // When nothing can be moved, a cap is zero, and so below the one unit that would be the least.
    const Amount least = std::max(moved_, Amount(1));
    if (debit_cap < least) return refusal(Outcome::insufficient_funds, facts(named_[0]));
    if (credit_cap < least) return refusal(Outcome::insufficient_funds, facts(named_[1]));
    for (std::size_t i = 0; i < named_.size(); ++i) {
        if (!named_[i].account) continue;
        const Side side = i == 0 ? Side::debit : Side::credit;
        if (!has_room(books_, named_[i].number, side, WideSum(moved_)))
            return refusal(Outcome::amount_overflow, facts(named_[i]));
    }
    return {};
}

Derivation::Answer Derivation::over_limit_entry(const PostEntry& entry) {
    struct After {
        WideSum debits_posted;
        WideSum credits_posted;
    };
    std::map<AccountNumber, After> after;
    for (std::size_t i = 0; i < named_.size(); ++i) {
        if (!named_[i].account) continue;
        const auto [place, is_new] = after.try_emplace(named_[i].number);
        if (is_new) {
            place->second.debits_posted = WideSum(named_[i].account->totals.debits_posted);
            place->second.credits_posted = WideSum(named_[i].account->totals.credits_posted);
        }
        const Posting& posting = entry.postings[i];
        (posting.side == Side::debit ? place->second.debits_posted : place->second.credits_posted)
            .add(posting.amount);
    }
    for (const Named& named : named_) {
        if (!named.account || named.account->limit.is_unlimited()) continue;
        const After& sums = after.at(named.number);
        const bool is_debit_normal = named.account->normal() == Side::debit;
        WideSum lowering = is_debit_normal ? sums.credits_posted : sums.debits_posted;
        lowering.add(guarded_totals(books_, named.number).held(opposite(named.account->normal())));
        WideSum bound = is_debit_normal ? sums.debits_posted : sums.credits_posted;
        bound.add(named.account->limit.below_zero());
        if (lowering > bound) return refusal(Outcome::insufficient_funds, facts(named));
    }
    for (const Named& named : named_) {
        if (!named.account) continue;
        WideSum debits = after.at(named.number).debits_posted;
        WideSum credits = after.at(named.number).credits_posted;
        debits.add(named.account->totals.debits_held);
        credits.add(named.account->totals.credits_held);
        credits.add(books_.crossings.unanswered(named.number));
        if (!debits.fits_amount() || !credits.fits_amount())
            return refusal(Outcome::amount_overflow, facts(named));
    }
    return {};
}

/// A capture needs room only on a payee that it names: all else was set aside when the hold was
/// placed.
Derivation::Answer Derivation::over_limit_capture(const CaptureHold& capture) {
    if (hold_ == nullptr) return {};
    moved_ = capture.amount.value_or(hold_->state.remaining);
    if (hold_->state.payee || named_.size() < 2 || !named_[1].account) return {};
    if (cap(named_[1], Side::credit) < moved_)
        return refusal(Outcome::insufficient_funds, facts(named_[1]));
    if (!has_room(books_, named_[1].number, Side::credit, WideSum(moved_)))
        return refusal(Outcome::amount_overflow, facts(named_[1]));
    return {};
}

Derivation::Answer Derivation::over_limit() {
    if (const auto* transfer = body<Transfer>())
        return over_limit_moving(transfer->balancing, transfer->amount);
    if (const auto* place = body<PlaceHold>())
        return over_limit_moving(place->balancing, place->amount);
    if (const auto* entry = body<PostEntry>()) return over_limit_entry(*entry);
    if (const auto* capture = body<CaptureHold>()) return over_limit_capture(*capture);
    const auto* update = body<UpdateAccount>();
    if (!update || !update->limit || !named_[0].account) return {};
    const Account& account = *named_[0].account;
    const Totals totals = guarded_totals(books_, named_[0].number);
    if (keeps_limit(totals, account.normal(), *update->limit)) return {};
    return refusal(Outcome::insufficient_funds, facts(named_[0]));
}

/// The account of another shard that is credited, when all else is here; zero when there is none.
AccountId Derivation::payee_elsewhere() const {
    const auto there = [this](AccountId id) {
        return id.is_zero() || books_.is_here(id) ? AccountId() : id;
    };
    if (const auto* transfer = body<Transfer>()) return there(transfer->credit);
    if (const auto* place = body<PlaceHold>()) return there(place->credit);
    const bool takes = body<CaptureHold>() || body<ReleaseHold>();
    if (hold_ == nullptr || !takes) return {};
    if (hold_->state.payee) return hold_->state.remote_payee;
    const auto* capture = body<CaptureHold>();
    return capture != nullptr ? there(capture->credit) : AccountId();
}

Derivation::Answer Derivation::elsewhere() {
    if (!named_.empty() && named_.front().is_here) {
        const AccountId payee = payee_elsewhere();
        const auto* place = body<PlaceHold>();
        const bool can_cross = alone_ && !(place != nullptr && caps_credit(place->balancing));
        if (!payee.is_zero() && can_cross) {
            crosses_ = books_.home_of(payee);
            return over_limit_crossing();
        }
        if (!payee.is_zero()) {
            Facts told;
            told.account = payee;
            return refusal(Outcome::not_supported_across_shards, told);
        }
    }
    for (const Named& named : named_) {
        if (!named.is_here) return refusal(Outcome::not_supported_across_shards, facts(named));
    }
    return {};
}

/// What could come back must have room on the payer; a transit account that has none gets a
/// successor.
Derivation::Answer Derivation::over_limit_crossing() const {
    const Named& payer = named_.front();
    const bool may_return = body<Transfer>() || body<CaptureHold>();
    if (may_return && !has_room(books_, payer.number, Side::credit, WideSum(moved_)))
        return refusal(Outcome::amount_overflow, facts(payer));
    return {};
}

}  // namespace vouch::reconciler
