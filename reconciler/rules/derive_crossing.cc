#include "reconciler/rules/derive_crossing.h"

#include "reconciler/rules/account_facts.h"

namespace vouch::reconciler {

namespace {

/// The account of another shard that is credited, when all else is here; zero when there is none.
AccountId payee_elsewhere(const AskedCommand& asked) {
    const auto there = [&asked](AccountId id) {
        return id.is_zero() || asked.books.is_here(id) ? AccountId() : id;
    };
    if (const auto* transfer = asked.body<Transfer>()) return there(transfer->credit);
    if (const auto* place = asked.body<PlaceHold>()) return there(place->credit);
    const bool takes = asked.body<CaptureHold>() || asked.body<ReleaseHold>();
    if (asked.hold == nullptr || !takes) return {};
    if (asked.hold->state.payee) return asked.hold->state.remote_payee;
    const auto* capture = asked.body<CaptureHold>();
    return capture != nullptr ? there(capture->credit) : AccountId();
}

/// What could come back must have room on the payer; a transit account that has none gets a
/// successor.
std::optional<Refusal> over_limit_crossing(const AskedCommand& asked, Amount moved) {
    const Named& payer = asked.named.front();
    const bool may_return = asked.body<Transfer>() || asked.body<CaptureHold>();
    if (may_return && !has_room(asked.books, payer.number, Side::credit, WideSum(moved)))
        return refusal(Outcome::amount_overflow, asked.facts(payer));
    return {};
}

}  // namespace

DerivedCrossing derive_crossing(const AskedCommand& asked, Amount moved, bool alone) {
    if (!asked.named.empty() && asked.named.front().is_here) {
        const AccountId payee = payee_elsewhere(asked);
        const auto* place = asked.body<PlaceHold>();
        const bool can_cross = alone && !(place != nullptr && caps_credit(place->balancing));
        if (!payee.is_zero() && can_cross) {
            if (auto refused = over_limit_crossing(asked, moved)) return {refused, {}};
            return {{}, asked.books.home_of(payee)};
        }
        if (!payee.is_zero()) {
            Facts told;
            told.account = payee;
            return {refusal(Outcome::not_supported_across_shards, told), {}};
        }
    }
    for (const Named& named : asked.named) {
        if (!named.is_here)
            return {refusal(Outcome::not_supported_across_shards, asked.facts(named)), {}};
    }
    return {};
}

}  // namespace vouch::reconciler
