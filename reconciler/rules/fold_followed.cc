// What steps of other shards led to here: docs/rules.md, "Across shards", the table of q.
#include "reconciler/rules/fold_followed.h"

#include "events/entries/step_parts.h"
#include "events/overloads.h"
#include "reconciler/rules/account_facts.h"
#include "reconciler/rules/derive_step.h"

#include <algorithm>

namespace vouch::reconciler {

namespace {

Outcome accepted_outcome(const StepKind& kind) {
    return std::visit(Overloads{
                          [](const CreditStep&) { return Outcome::posted; },
                          [](const HoldStep&) { return Outcome::held; },
                          [](const CaptureStep&) { return Outcome::captured; },
                          [](const ReleaseStep&) { return Outcome::released; },
                          // These are not followed.
                          [](const AnswerStep&) { return Outcome::malformed; },
                          [](const ForwardStep&) { return Outcome::malformed; },
                      },
                      kind);
}

/// Whether what was followed is an entry that can be reversed and refunded here: derived a second
/// time, since it is a right.
bool can_be_undone(const StepKind& kind) {
    return std::visit(Overloads{
                          [](const CreditStep& credit) { return credit.makes_entry; },
                          [](const CaptureStep&) { return true; },
                          [](const HoldStep&) { return false; },
                          [](const ReleaseStep&) { return false; },
                          [](const AnswerStep&) { return false; },
                          [](const ForwardStep&) { return false; },
                      },
                      kind);
}

/// Of a capture or release: the hold, what leaves it, and what of that a capture takes.
struct Freeing {
    CommandId hold;
    Amount freed;
    std::optional<Amount> captured{};
};
std::optional<Freeing> freeing(const StepKind& kind) {
    using Found = std::optional<Freeing>;
    return std::visit(
        Overloads{
            [](const CaptureStep& s) -> Found { return Freeing{s.hold, s.freed, s.amount}; },
            [](const ReleaseStep& s) -> Found { return Freeing{s.hold, s.freed}; },
            [](const CreditStep&) -> Found { return std::nullopt; },
            [](const HoldStep&) -> Found { return std::nullopt; },
            [](const AnswerStep&) -> Found { return std::nullopt; },
            [](const ForwardStep&) -> Found { return std::nullopt; },
        },
        kind);
}

}  // namespace

void FollowedFold::fold_transit_opened(const TransitOpened& opened) {
    const TransitKey key{opened.ledger, opened.from, opened.to, opened.asset};
    const Change& change = opened.change;
    const bool is_between =
        (opened.from == context_.books.shard) != (opened.to == context_.books.shard) &&
        opened.from.value() < context_.books.shards && opened.to.value() < context_.books.shards;
    if (!is_between)
        context_.report(Check::wrong_crossing,
                        "a transit account not between this shard and another");
    const ReplayedTransit* const before = context_.books.crossings.find_transit(key);
    const std::size_t successor = before == nullptr ? 0 : before->accounts.size();
    if (opened.successor != successor && !context_.books.was_broken()) {
        context_.report(Check::wrong_crossing,
                        "expected transit account " + std::to_string(successor) +
                            " of its kind, found " + std::to_string(opened.successor));
    }
    Change expected;
    expected.account = AccountNumber(context_.books.accounts.size());
    expected.version = Version(1);
    expected.limit = Limit::unlimited();
    if (change.account != expected.account) {
        if (!context_.books.was_broken())
            context_.report(Check::account_number,
                            "expected " + std::to_string(expected.account.value()) + " found " +
                                std::to_string(change.account.value()));
    } else if (change != expected) {
        context_.report(Check::wrong_change,
                        "a transit account opens with nothing on it and no limit");
    }
    if (change.account.value() >
        std::uint64_t{context_.books.accounts.size()} + AccountTable::kGapMax)
        return;
    Account account;
    account.ledger = opened.ledger;
    account.asset = opened.asset;
    account.account_class = AccountClass::liability;
    account.is_transit = true;
    account.from = opened.from;
    account.to = opened.to;
    account.is_opening_believed = context_.is_believed;
    changes_.open(account, change);
    context_.books.crossings.open_transit(key, change.account);
    opened_transit_ = change.account;
}

void FollowedFold::check_transit_used(std::span<const Change> changes) {
    if (!opened_transit_) return;
    const AccountNumber opened = *opened_transit_;
    opened_transit_.reset();
    const auto used =
        std::ranges::find_if(changes, [&](const Change& each) { return each.account == opened; });
    if (used == changes.end()) {
        return context_.report(Check::event_order,
                               "a transit account is opened, and the next event does not use it");
    }
    const Account& account = context_.books.accounts.at(opened);
    const ReplayedTransit* const transit = context_.books.crossings.find_transit(
        {account.ledger, account.from, account.to, account.asset});
    if (transit == nullptr || transit->accounts.size() < 2) return;
    const AccountNumber before = transit->accounts[transit->accounts.size() - 2];
    if (context_.books.accounts.known(before) == nullptr ||
        !context_.books.is_sure(context_.books.accounts.at(before)))
        return;
    const Side side = account.from == context_.books.shard ? Side::credit : Side::debit;
    WideSum amount(used->totals.posted(side));
    amount.add(used->totals.held(side));
    if (has_room(context_.books, before, side, amount))
        context_.report(Check::wrong_crossing,
                        "a transit account has a successor while it has room");
}

void FollowedFold::fold_followed(const StepFollowed& followed) {
    if (!context_.steps.is_taking()) {
        context_.report(Check::wrong_steps, "a step followed that was not taken");
        changes_.adopt_all(followed.changes);
        return;
    }
    const ShardId from = context_.steps.taken_from();
    if (!is_followed(followed.step)) {
        context_.report(Check::canonical, "a step of a kind that is not followed");
        changes_.adopt_all(followed.changes);
        return context_.steps.took(std::nullopt);
    }
    check_followed(followed, from);
    take_followed(followed, from);
    keep_followed(followed, from);
}

void FollowedFold::check_followed(const StepFollowed& followed, ShardId from) {
    const Step& step = followed.step;
    const DerivedStep derived = derive_step(context_.books, step, from);
    const bool accepted = is_accepted(followed.outcome);
    const Outcome expected =
        derived.refusal ? derived.refusal->outcome : accepted_outcome(step.kind);
    if (derived.is_sure && followed.outcome != expected) {
        context_.report(Check::wrong_outcome, "expected " + std::string(to_text(expected)) +
                                                  " found " +
                                                  std::string(to_text(followed.outcome)));
        return changes_.adopt_all(followed.changes);
    }
    if (!derived.is_sure) return changes_.adopt_all(followed.changes);
    if (!accepted) {
        if (followed.facts != derived.refusal->facts)
            context_.report(Check::wrong_facts,
                            "facts are not the payee's before the step: " +
                                describe_difference(derived.refusal->facts, followed.facts));
        if (!followed.changes.empty() || followed.hold || followed.moved)
            context_.report(Check::canonical, "a refusal changes nothing");
        return;
    }
    if (!followed.facts.is_empty()) context_.report(Check::canonical, "facts without a refusal");
    const Amount asked = amount_asked(step.kind);
    const std::optional<Amount> moved =
        derived.taken != asked ? std::optional(derived.taken) : std::nullopt;
    if (followed.moved != moved)
        context_.report(Check::wrong_change, "the amount taken does not follow");
    const bool is_payee_known = !freeing(step.kind).has_value();
    if (is_payee_known) {
        check_followed_credit(followed, from, derived.taken);
    } else {
        check_followed_hold(followed, from);
    }
}

/// A credit or hold: from the transit account to the payee.
void FollowedFold::check_followed_credit(const StepFollowed& followed, ShardId from, Amount taken) {
    const Step& step = followed.step;
    const auto* credit = std::get_if<CreditStep>(&step.kind);
    const AccountId payee = payee_of(step.kind);
    const Asset asset =
        credit != nullptr ? credit->asset : std::get<HoldStep>(step.kind).asset;
    const ReplayedTransit* transit =
        context_.books.crossings.find_transit({step.ledger, from, context_.books.shard, asset});
    if (transit == nullptr) {
        if (!context_.books.was_broken())
            context_.report(Check::wrong_crossing, "there is no transit account for it");
        return changes_.adopt_all(followed.changes);
    }
    std::vector<Leg> legs(2);
    legs[0].account = transit->newest();
    legs[1].account = context_.number_of(step.ledger, payee);
    if (credit != nullptr) {
        legs[0].posts = Side::debit;
        legs[1].posts = Side::credit;
        legs[0].amount = legs[1].amount = taken;
        if (followed.hold) context_.report(Check::canonical, "the state of a hold in a credit");
    } else {
        legs[0].holds = Side::debit;
        legs[1].holds = Side::credit;
        legs[0].held = legs[1].held = taken;
        HoldState expected;
        expected.id = step.command;
        expected.payer = legs[0].account;
        expected.payee = legs[1].account;
        expected.remaining = taken;
        if (context_.books.crossings.find_followed(from, {step.ledger, step.command}) != nullptr)
            context_.report(Check::wrong_hold, "a hold that is open already");
        changes_.check_hold(followed.hold, expected);
    }
    changes_.check_changes(followed.changes, legs);
}

/// A capture or release of a hold that is followed.
void FollowedFold::check_followed_hold(const StepFollowed& followed, ShardId from) {
    const Step& step = followed.step;
    const Freeing free = *freeing(step.kind);
    HoldState hold = context_.books.crossings.find_followed(from, {step.ledger, free.hold})->state;
    const bool is_too_much = free.freed > hold.remaining ||
                             (free.captured ? *free.captured > free.freed
                                            : free.freed != hold.remaining);
    if (is_too_much) {
        context_.report(Check::wrong_hold, "hold " + id_text(free.hold) +
                                               ": the step takes another amount than it has left");
        return changes_.adopt_all(followed.changes);
    }
    std::vector<Leg> legs(2);
    legs[0].account = hold.payer;
    legs[1].account = *hold.payee;
    legs[0].frees = Side::debit;
    legs[1].frees = Side::credit;
    legs[0].freed = legs[1].freed = free.freed;
    hold.remaining = *hold.remaining.minus(free.freed);
    if (free.captured) {
        legs[0].posts = Side::debit;
        legs[1].posts = Side::credit;
        legs[0].amount = legs[1].amount = *free.captured;
        hold.captured = hold.captured.plus(*free.captured).value_or(Amount::max());
        if (hold.remaining.is_zero()) hold.status = HoldStatus::captured;
    } else {
        hold.status = HoldStatus::released;
    }
    changes_.check_changes(followed.changes, legs);
    changes_.check_hold(followed.hold, hold);
}

/// What goes on from here: the answer, the followed hold, and the sums of the transit account.
void FollowedFold::take_followed(const StepFollowed& followed, ShardId from) {
    const Step& step = followed.step;
    const bool accepted = is_accepted(followed.outcome);
    const Amount amount = amount_asked(step.kind);
    const Amount taken = accepted ? followed.moved.value_or(amount) : Amount();
    if (accepted && !followed.changes.empty()) {
        const Account* account = context_.books.accounts.known(followed.changes[0].account);
        ReplayedTransit* transit = account == nullptr
                               ? nullptr
                               : context_.books.crossings.find_transit(
                                     {step.ledger, from, context_.books.shard, account->asset});
        if (transit != nullptr) {
            if (std::holds_alternative<HoldStep>(step.kind)) {
                transit->held.add(taken);
            } else {
                transit->sent.add(taken);
            }
            if (const auto free = freeing(step.kind)) transit->freed.add(free->freed);
        }
    }
    if (accepted && followed.hold) changes_.adopt_followed_hold(from, step.ledger, *followed.hold);
    context_.steps.took(step);
    if (is_expiry(step.kind)) return;
    AnswerStep answer;
    answer.outcome = followed.outcome;
    answer.amount = taken;
    answer.facts = followed.facts;
    context_.steps.follow(from, Step{step.ledger, step.command, answer});
}

/// What stands for the transit account that an entry's step came over; whatever number there is
/// when it is not known to be one.
AccountNumber FollowedFold::came_over(LedgerId ledger, AccountNumber number) const {
    const Account* account = context_.books.accounts.known(number);
    if (account == nullptr || !account->is_transit) return number;
    const ReplayedTransit* transit =
        context_.books.crossings.find_transit({ledger, account->from, account->to, account->asset});
    return transit != nullptr ? transit->first() : number;
}

void FollowedFold::keep_followed(const StepFollowed& followed, ShardId from) {
    if (!is_accepted(followed.outcome) || followed.changes.size() != 2) return;
    if (!can_be_undone(followed.step.kind)) return keep_credited(followed);
    const LedgerId ledger = followed.step.ledger;
    const CommandId command = followed.step.command;
    context_.keep(IdRowKind::followed, ledger, command,
                  Followed{followed.changes[1].amount, from.value(),
                           came_over(ledger, followed.changes[0].account).value(),
                           followed.changes[1].account.value()});
    context_.keep(IdRowKind::followed_payer, ledger, command,
                  PayerSaid{payer_of(followed.step.kind)});
}

/// What another shard gives back: who gets it is held against who paid, over both shards.
void FollowedFold::keep_credited(const StepFollowed& followed) {
    const auto* credit = std::get_if<CreditStep>(&followed.step.kind);
    if (credit == nullptr || context_.sinks.all_ids == nullptr || !context_.is_believed) return;
    context_.sinks.all_ids->add(context_.row_of(
        IdRowKind::payee_credited, followed.step.ledger, followed.step.command,
        Payee{credit->payee, context_.record.value(), context_.books.shard.value()}));
}

}  // namespace vouch::reconciler
