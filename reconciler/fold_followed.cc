// What steps of other shards led to here: docs/rules.md, "Across shards", the table of q.
#include "reconciler/account_facts.h"
#include "reconciler/shard_fold.h"

#include <algorithm>

namespace vouch::reconciler {

namespace {

Amount amount_of(const StepKind& kind) {
    if (const auto* credit = std::get_if<CreditStep>(&kind)) return credit->amount;
    if (const auto* hold = std::get_if<HoldStep>(&kind)) return hold->amount;
    if (const auto* capture = std::get_if<CaptureStep>(&kind)) return capture->amount;
    return {};
}

Outcome accepted_outcome(const StepKind& kind) {
    if (std::holds_alternative<HoldStep>(kind)) return Outcome::held;
    if (std::holds_alternative<CaptureStep>(kind)) return Outcome::captured;
    if (std::holds_alternative<ReleaseStep>(kind)) return Outcome::released;
    return Outcome::posted;
}

bool is_followed(const StepKind& kind) {
    return !std::holds_alternative<AnswerStep>(kind) && !std::holds_alternative<ForwardStep>(kind);
}

/// Of a capture or release: the hold, and what leaves it.
struct Freeing {
    CommandId hold;
    Amount freed;
};
std::optional<Freeing> freeing(const StepKind& kind) {
    if (const auto* capture = std::get_if<CaptureStep>(&kind))
        return Freeing{capture->hold, capture->freed};
    if (const auto* release = std::get_if<ReleaseStep>(&kind))
        return Freeing{release->hold, release->freed};
    return std::nullopt;
}

bool expires(const StepKind& kind) {
    const auto* release = std::get_if<ReleaseStep>(&kind);
    return release != nullptr && release->expired;
}

}  // namespace

void ShardFold::fold_transit_opened(const TransitOpened& opened) {
    const TransitKey key{opened.ledger, opened.from, opened.to, opened.asset};
    const Change& change = opened.change;
    const bool is_between = (opened.from == books_.shard) != (opened.to == books_.shard) &&
                            opened.from.value() < books_.shards &&
                            opened.to.value() < books_.shards;
    if (!is_between)
        report(Check::wrong_crossing, "a transit account not between this shard and another");
    const Transit* const before = books_.crossings.find_transit(key);
    const std::size_t successor = before == nullptr ? 0 : before->accounts.size();
    if (opened.successor != successor && !books_.was_broken()) {
        report(Check::wrong_crossing, "expected transit account " + std::to_string(successor) +
                                          " of its kind, found " +
                                          std::to_string(opened.successor));
    }
    Change expected;
    expected.account = AccountNumber(books_.accounts.size());
    expected.version = Version(1);
    expected.limit = Limit::unlimited();
    if (change.account != expected.account) {
        if (!books_.was_broken())
            report(Check::account_number, "expected " + std::to_string(expected.account.value()) +
                                              " found " + std::to_string(change.account.value()));
    } else if (change != expected) {
        report(Check::wrong_change, "a transit account opens with nothing on it and no limit");
    }
    if (change.account.value() > std::uint64_t{books_.accounts.size()} + AccountTable::kGapMax)
        return;
    Account account;
    account.ledger = opened.ledger;
    account.asset = opened.asset;
    account.account_class = AccountClass::liability;
    account.is_transit = true;
    account.from = opened.from;
    account.to = opened.to;
    account.is_opening_believed = is_believed_;
    books_.accounts.put(change.account, account);
    if (keeps_history_) history_.resize(books_.accounts.size(), history_start());
    adopt(change);
    books_.crossings.open_transit(key, change.account);
    opened_transit_ = change.account;
}

/// A transit account is opened directly before the first event that changes it, and after another
/// one only when that has no room for it.
void ShardFold::check_transit_used(std::span<const Change> changes) {
    if (!opened_transit_) return;
    const AccountNumber opened = *opened_transit_;
    opened_transit_.reset();
    const auto used =
        std::ranges::find_if(changes, [&](const Change& each) { return each.account == opened; });
    if (used == changes.end()) {
        return report(Check::event_order,
                      "a transit account is opened, and the next event does not use it");
    }
    const Account& account = books_.accounts.at(opened);
    const Transit* const transit = books_.crossings.find_transit(
        {account.ledger, account.from, account.to, account.asset});
    if (transit == nullptr || transit->accounts.size() < 2) return;
    const AccountNumber before = transit->accounts[transit->accounts.size() - 2];
    if (books_.accounts.known(before) == nullptr || !books_.is_sure(books_.accounts.at(before)))
        return;
    const Side side = account.from == books_.shard ? Side::credit : Side::debit;
    WideSum amount(used->totals.posted(side));
    amount.add(used->totals.held(side));
    if (has_room(books_, before, side, amount))
        report(Check::wrong_crossing, "a transit account has a successor while it has room");
}

void ShardFold::fold_followed(const StepFollowed& followed) {
    check_transit_used(followed.changes);
    end_group();
    if (!steps_.is_taking()) {
        report(Check::wrong_steps, "a step followed that was not taken");
        adopt_all(followed.changes);
        return;
    }
    const ShardId from = steps_.taken_from();
    if (!is_followed(followed.step.kind)) {
        report(Check::canonical, "a step of a kind that is not followed");
        adopt_all(followed.changes);
        return steps_.took(std::nullopt);
    }
    check_followed(followed, from);
    take_followed(followed, from);
    keep_followed(followed, from);
}

void ShardFold::check_followed(const StepFollowed& followed, ShardId from) {
    const Step& step = followed.step;
    const DerivedStep derived = derive_step(books_, step, from);
    const bool accepted = is_accepted(followed.outcome);
    const Outcome expected =
        derived.refusal ? derived.refusal->outcome : accepted_outcome(step.kind);
    if (derived.is_sure && followed.outcome != expected) {
        report(Check::wrong_outcome, "expected " + std::string(to_text(expected)) + " found " +
                                         std::string(to_text(followed.outcome)));
        return adopt_all(followed.changes);
    }
    if (!derived.is_sure) return adopt_all(followed.changes);
    if (!accepted) {
        if (followed.facts != derived.refusal->facts)
            report(Check::wrong_facts,
                   "facts are not the payee's before the step: " +
                       describe_difference(derived.refusal->facts, followed.facts));
        if (!followed.changes.empty() || followed.hold || followed.moved)
            report(Check::canonical, "a refusal changes nothing");
        return;
    }
    if (!followed.facts.is_empty()) report(Check::canonical, "facts without a refusal");
    const Amount asked = amount_of(step.kind);
    const std::optional<Amount> moved =
        derived.taken != asked ? std::optional(derived.taken) : std::nullopt;
    if (followed.moved != moved) report(Check::wrong_change, "the amount taken does not follow");
    const bool is_payee_known = !freeing(step.kind).has_value();
    if (is_payee_known) {
        check_followed_credit(followed, from, derived.taken);
    } else {
        check_followed_hold(followed, from);
    }
}

/// A credit or hold: from the transit account to the payee.
void ShardFold::check_followed_credit(const StepFollowed& followed, ShardId from, Amount taken) {
    const Step& step = followed.step;
    const auto* credit = std::get_if<CreditStep>(&step.kind);
    const auto* place = std::get_if<HoldStep>(&step.kind);
    const AccountId payee = credit != nullptr ? credit->payee : place->payee;
    const Asset asset = credit != nullptr ? credit->asset : place->asset;
    const Transit* transit =
        books_.crossings.find_transit({step.ledger, from, books_.shard, asset});
    if (transit == nullptr) {
        if (!books_.was_broken())
            report(Check::wrong_crossing, "there is no transit account for it");
        return adopt_all(followed.changes);
    }
    std::vector<Leg> legs(2);
    legs[0].account = transit->newest();
    legs[1].account = number_of(step.ledger, payee);
    if (credit != nullptr) {
        legs[0].posts = Side::debit;
        legs[1].posts = Side::credit;
        legs[0].amount = legs[1].amount = taken;
        if (followed.hold) report(Check::canonical, "the state of a hold in a credit");
    } else {
        legs[0].holds = Side::debit;
        legs[1].holds = Side::credit;
        legs[0].held = legs[1].held = taken;
        HoldState expected;
        expected.id = step.command;
        expected.payer = legs[0].account;
        expected.payee = legs[1].account;
        expected.remaining = taken;
        if (books_.crossings.find_followed(from, {step.ledger, step.command}) != nullptr)
            report(Check::wrong_hold, "a hold that is open already");
        check_hold(followed.hold, expected);
    }
    check_changes(followed.changes, legs);
}

/// A capture or release of a hold that is followed.
void ShardFold::check_followed_hold(const StepFollowed& followed, ShardId from) {
    const Step& step = followed.step;
    const Freeing free = *freeing(step.kind);
    HoldState hold = books_.crossings.find_followed(from, {step.ledger, free.hold})->state;
    const auto* capture = std::get_if<CaptureStep>(&step.kind);
    const bool is_too_much = free.freed > hold.remaining ||
                             (capture != nullptr && capture->amount > free.freed) ||
                             (capture == nullptr && free.freed != hold.remaining);
    if (is_too_much) {
        report(Check::wrong_hold,
               "hold " + id_text(free.hold) + ": the step takes another amount than it has left");
        return adopt_all(followed.changes);
    }
    std::vector<Leg> legs(2);
    legs[0].account = hold.payer;
    legs[1].account = *hold.payee;
    legs[0].frees = Side::debit;
    legs[1].frees = Side::credit;
    legs[0].freed = legs[1].freed = free.freed;
    hold.remaining = *hold.remaining.minus(free.freed);
    if (capture != nullptr) {
        legs[0].posts = Side::debit;
        legs[1].posts = Side::credit;
        legs[0].amount = legs[1].amount = capture->amount;
        hold.captured = hold.captured.plus(capture->amount).value_or(Amount::max());
        if (hold.remaining.is_zero()) hold.status = HoldStatus::captured;
    } else {
        hold.status = HoldStatus::released;
    }
    check_changes(followed.changes, legs);
    check_hold(followed.hold, hold);
}

/// What goes on from here: the answer, the followed hold, and the sums of the transit account.
void ShardFold::take_followed(const StepFollowed& followed, ShardId from) {
    const Step& step = followed.step;
    const bool accepted = is_accepted(followed.outcome);
    const Amount amount = amount_of(step.kind);
    const Amount taken = accepted ? followed.moved.value_or(amount) : Amount();
    if (accepted && !followed.changes.empty()) {
        const Account* account = books_.accounts.known(followed.changes[0].account);
        Transit* transit =
            account == nullptr
                ? nullptr
                : books_.crossings.find_transit({step.ledger, from, books_.shard, account->asset});
        if (transit != nullptr) {
            if (std::holds_alternative<HoldStep>(step.kind)) {
                transit->held.add(taken);
            } else {
                transit->sent.add(taken);
            }
            if (const auto free = freeing(step.kind)) transit->freed.add(free->freed);
        }
    }
    if (accepted && followed.hold) adopt_followed_hold(from, step.ledger, *followed.hold);
    steps_.took(step);
    if (expires(step.kind)) return;
    AnswerStep answer;
    answer.outcome = followed.outcome;
    answer.amount = taken;
    answer.facts = followed.facts;
    steps_.follow(from, Step{step.ledger, step.command, answer});
}

void ShardFold::adopt_followed_hold(ShardId from, LedgerId ledger, const HoldState& hold) {
    OpenHolds& holds = books_.crossings.followed(from);
    if (hold.status == HoldStatus::open) {
        holds.put({ledger, hold.id}, {hold, books_.generation});
    } else {
        holds.erase({ledger, hold.id});
    }
}

/// What stands for the transit account that an entry's step came over; whatever number there is
/// when it is not known to be one.
AccountNumber ShardFold::came_over(LedgerId ledger, AccountNumber number) const {
    const Account* account = books_.accounts.known(number);
    if (account == nullptr || !account->is_transit) return number;
    const Transit* transit =
        books_.crossings.find_transit({ledger, account->from, account->to, account->asset});
    return transit != nullptr ? transit->first() : number;
}

/// A followed credit or capture is an entry that can be reversed and refunded here.
void ShardFold::keep_followed(const StepFollowed& followed, ShardId from) {
    if (!is_accepted(followed.outcome) || followed.changes.size() != 2) return;
    const auto* credit = std::get_if<CreditStep>(&followed.step.kind);
    const bool makes_entry = credit != nullptr
                                 ? credit->makes_entry
                                 : std::holds_alternative<CaptureStep>(followed.step.kind);
    const auto* capture = std::get_if<CaptureStep>(&followed.step.kind);
    if (!makes_entry) return keep_credited(followed);
    IdRow row = row_of(IdRowKind::followed, followed.step.ledger, followed.step.command);
    row.flags = IdRow::kIsEntry | IdRow::kIsPair;
    row.position = from.value();
    row.first = came_over(followed.step.ledger, followed.changes[0].account).value();
    row.second = followed.changes[1].account.value();
    row.set_amount(followed.changes[1].amount);
    keep(row);
    const AccountId paid = credit != nullptr ? credit->payer : capture->payer;
    row = row_of(IdRowKind::followed_payer, followed.step.ledger, followed.step.command);
    row.set_amount(Amount::from_halves(paid.high(), paid.low()));
    keep(row);
}

/// What another shard gives back: who gets it is held against who paid, over both shards.
void ShardFold::keep_credited(const StepFollowed& followed) {
    const auto* credit = std::get_if<CreditStep>(&followed.step.kind);
    if (credit == nullptr || sinks_.all_ids == nullptr || !is_believed_) return;
    IdRow row = row_of(IdRowKind::payee_credited, followed.step.ledger, followed.step.command);
    row.first = books_.shard.value();
    row.position = record_.value();
    row.set_amount(Amount::from_halves(credit->payee.high(), credit->payee.low()));
    sinks_.all_ids->add(row);
}

}  // namespace vouch::reconciler
