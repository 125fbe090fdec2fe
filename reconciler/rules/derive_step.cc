// What a step of another shard leads to: docs/rules.md, "Across shards", the table of q.
#include "reconciler/rules/derive_step.h"

#include "events/overloads.h"
#include "reconciler/rules/account_facts.h"
#include "reconciler/rules/limit_rule.h"

#include <algorithm>
#include <variant>

namespace vouch::reconciler {

namespace {

struct Asked {
    AccountId payee;
    Asset asset;
    Amount amount;
    bool may_take_less = false;
};

DerivedStep refused(Outcome outcome, const Facts& facts = {}) {
    DerivedStep derived;
    derived.refusal = Refusal{outcome, facts};
    return derived;
}

DerivedStep derive_credit(const ReplayedBooks& books, LedgerId ledger, const Asked& asked) {
    DerivedStep derived;
    const auto number = books.accounts.find(ledger, asked.payee);
    if (!number) {
        derived.is_sure = !books.was_broken();
        derived.refusal = Refusal{Outcome::account_not_found, {}};
        derived.refusal->facts.account = asked.payee;
        return derived;
    }
    const Account& payee = books.accounts.at(*number);
    if (!books.is_sure(payee)) {
        derived.is_sure = false;
        return derived;
    }
    const Facts facts = facts_of(books, *number);
    if (payee.asset != asked.asset) return refused(Outcome::asset_mismatch, facts);
    if (payee.state.closed) return refused(Outcome::account_closed, facts);
    if (blocks(payee.state.block, Side::credit)) return refused(Outcome::credits_frozen, facts);
    Amount cap = Amount::max();
    if (payee.normal() == Side::debit) {
        cap = left_to_lower(guarded_totals(books, *number), payee.normal(), payee.limit)
                  .value_or(Amount::max());
    }
    derived.taken = asked.may_take_less ? std::min(asked.amount, cap) : asked.amount;
    if (derived.taken.is_zero() || derived.taken > cap)
        return refused(Outcome::insufficient_funds, facts);
    const WideSum amount(derived.taken);
    if (!has_room(books, *number, Side::credit, amount))
        return refused(Outcome::amount_overflow, facts);
    return derived;
}

DerivedStep derive_held(const ReplayedBooks& books, ShardId from, const HoldKey& key,
                        Amount amount) {
    const OpenHold* hold = books.crossings.find_followed(from, key);
    DerivedStep derived;
    derived.taken = amount;
    if (hold == nullptr) {
        derived = refused(Outcome::hold_not_found);
        derived.is_sure = !books.was_broken();
    } else {
        derived.is_sure = books.is_sure(*hold);
    }
    return derived;
}

}  // namespace

DerivedStep derive_step(const ReplayedBooks& books, const Step& step, ShardId from) {
    return std::visit(
        Overloads{
            [&](const CreditStep& credit) {
                return derive_credit(
                    books, step.ledger,
                    {credit.payee, credit.asset, credit.amount, credit.may_take_less});
            },
            [&](const HoldStep& hold) {
                return derive_credit(books, step.ledger,
                                     {hold.payee, hold.asset, hold.amount, false});
            },
            [&](const CaptureStep& capture) {
                return derive_held(books, from, {step.ledger, capture.hold}, capture.amount);
            },
            [&](const ReleaseStep& release) {
                return derive_held(books, from, {step.ledger, release.hold}, {});
            },
            // These are not followed.
            [](const AnswerStep&) { return refused(Outcome::malformed); },
            [](const ForwardStep&) { return refused(Outcome::malformed); },
        },
        step.kind);
}

}  // namespace vouch::reconciler
