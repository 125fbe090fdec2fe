// Steps that another shard leads: this shard is the payee's.
#include "command-handler/core/across_shards.h"
#include "command-handler/core/limits.h"
#include "command-handler/core/stepping.h"
#include "events/check.h"

#include <algorithm>

namespace vouch::command_handler {
namespace {

/// The payee of a credit or hold, or why it is refused.
struct FollowingPayee {
    const AccountRow* row = nullptr;
    AccountNumber number;
    Outcome refusal = Outcome::account_not_found;
    Facts facts;

    bool refuse(const ShardState& state, Outcome outcome) {
        refusal = outcome;
        facts = facts_about(state, *row);
        row = nullptr;
        return false;
    }
};

FollowingPayee find_payee(const Stepping& stepping, AccountId id, Asset asset) {
    const AccountTable& accounts = stepping.state.accounts();
    FollowingPayee payee;
    const std::uint32_t number = accounts.find(stepping.step.ledger, id);
    if (number == AccountTable::kNone) {
        payee.facts = facts_about(id);
        return payee;
    }
    payee.number = AccountNumber(number);
    payee.row = &accounts.row(payee.number);
    if (accounts.asset(*payee.row) != asset) {
        payee.refuse(stepping.state, Outcome::asset_mismatch);
    } else if (payee.row->standing.closed) {
        payee.refuse(stepping.state, Outcome::account_closed);
    } else if (blocks(payee.row->standing.block, Side::credit)) {
        payee.refuse(stepping.state, Outcome::credits_frozen);
    }
    return payee;
}

Transit transit_from(const Stepping& stepping, Asset asset, Amount amount) {
    const ShardState& state = stepping.state;
    const TransitKey key{stepping.step.ledger, stepping.origin.shard, state.shard(), asset};
    return transit_with_room(state, key, Side::debit, amount);
}

StepFollowed begin(const Stepping& stepping, Outcome outcome) {
    StepFollowed event;
    event.step = stepping.step;
    event.outcome = outcome;
    return event;
}

void open_first(Stepping& stepping, const Transit& transit) {
    if (transit.is_open) return;
    const TransitOpened opening = transit.opening();
    stepping.state.apply(opening);
    stepping.sink.append(opening);
}

StepExecution write(Stepping& stepping, const StepFollowed& event) {
    stepping.state.apply(event);
    stepping.sink.append(event);
    return stepping.done(StepExecution::Kind::followed);
}

/// Writes what became of the step, and tells the shard that leads; `taken` is zero in a refusal.
StepExecution write_and_answer(Stepping& stepping, const StepFollowed& event, Amount taken) {
    const StepExecution execution = write(stepping, event);
    const AnswerStep answer{.outcome = event.outcome, .amount = taken, .facts = event.facts};
    stepping.sink.send(
        stepping.origin.shard,
        Step{.ledger = stepping.step.ledger, .command = stepping.step.command, .kind = answer});
    return execution;
}

StepExecution refuse(Stepping& stepping, const FollowingPayee& payee) {
    StepFollowed event = begin(stepping, payee.refusal);
    event.facts = payee.facts;
    return write_and_answer(stepping, event, Amount());
}

void set_posting(Change& change, Side side, Amount amount) {
    change.side = side;
    change.amount = amount;
}

}  // namespace

Result<StepExecution> follow(Stepping& stepping, const CreditStep& credit) {
    if (credit.amount.is_zero() || !stepping.state.is_local(credit.payee)) {
        return stepping.fault("a credit of nothing, or of an account of another shard");
    }
    FollowingPayee payee = find_payee(stepping, credit.payee, credit.asset);
    if (!payee.row) return refuse(stepping, payee);
    const Amount cap = cap_of(stepping.state, *payee.row, Side::credit).value_or(Amount::max());
    const Amount taken = credit.may_take_less ? std::min(cap, credit.amount) : credit.amount;
    if (cap < taken || taken.is_zero()) {
        payee.refuse(stepping.state, Outcome::insufficient_funds);
        return refuse(stepping, payee);
    }
    const Transit transit = transit_from(stepping, credit.asset, taken);
    const std::span<Change> changes = stepping.arena.make<Change>(2);
    changes[0] = next_change(transit.number, transit.standing);
    changes[1] = next_change(payee.number, *payee.row);
    if (!add_posted(changes[1].totals, Side::credit, taken) ||
        !has_room_for_returns(stepping.state, payee.number, changes[1].totals)) {
        payee.refuse(stepping.state, Outcome::amount_overflow);
        return refuse(stepping, payee);
    }
    const bool fits = add_posted(changes[0].totals, Side::debit, taken);
    VOUCH_ASSERT(fits);
    set_posting(changes[0], Side::debit, taken);
    set_posting(changes[1], Side::credit, taken);
    open_first(stepping, transit);
    StepFollowed event = begin(stepping, Outcome::posted);
    event.changes = changes;
    if (taken != credit.amount) event.moved = taken;
    return write_and_answer(stepping, event, taken);
}

Result<StepExecution> follow(Stepping& stepping, const HoldStep& place) {
    const HoldTable& holds = stepping.state.followed_holds(stepping.origin.shard);
    if (place.amount.is_zero() || !stepping.state.is_local(place.payee)) {
        return stepping.fault("a hold of nothing, or toward an account of another shard");
    }
    if (place.may_take_less) return stepping.fault("a hold with may_take_less, which nobody sends");
    if (holds.find({stepping.step.ledger, stepping.step.command}) != nullptr) {
        return stepping.fault("a hold that is open already");
    }
    FollowingPayee payee = find_payee(stepping, place.payee, place.asset);
    if (!payee.row) return refuse(stepping, payee);
    if (cap_of(stepping.state, *payee.row, Side::credit).value_or(Amount::max()) < place.amount) {
        payee.refuse(stepping.state, Outcome::insufficient_funds);
        return refuse(stepping, payee);
    }
    const Transit transit = transit_from(stepping, place.asset, place.amount);
    const std::span<Change> changes = stepping.arena.make<Change>(2);
    changes[0] = next_change(transit.number, transit.standing);
    changes[1] = next_change(payee.number, *payee.row);
    if (!add_held(changes[1].totals, Side::credit, place.amount) ||
        !has_room_for_returns(stepping.state, payee.number, changes[1].totals)) {
        payee.refuse(stepping.state, Outcome::amount_overflow);
        return refuse(stepping, payee);
    }
    const bool fits = add_held(changes[0].totals, Side::debit, place.amount);
    VOUCH_ASSERT(fits);
    open_first(stepping, transit);
    StepFollowed event = begin(stepping, Outcome::held);
    event.changes = changes;
    HoldState& hold = event.hold.emplace();
    hold.id = stepping.step.command;
    hold.payer = transit.number;
    hold.payee = payee.number;
    hold.remaining = place.amount;
    return write_and_answer(stepping, event, place.amount);
}

namespace {

/// The changes that free `freed` of a followed hold: the transit account's, then the payee's.
std::span<Change> freeing_changes(const Stepping& stepping, const HoldState& hold, Amount freed) {
    const AccountTable& accounts = stepping.state.accounts();
    const std::span<Change> changes = stepping.arena.make<Change>(2);
    changes[0] = next_change(hold.payer, accounts.row(hold.payer));
    changes[1] = next_change(*hold.payee, accounts.row(*hold.payee));
    take_held(changes[0].totals, Side::debit, freed);
    take_held(changes[1].totals, Side::credit, freed);
    return changes;
}

}  // namespace

// A hold that is not among the followed ones was refused here: until it is closed its steps come in
// order, and after that the shard that leads sends none.
Result<StepExecution> follow(Stepping& stepping, const CaptureStep& capture) {
    const HoldState* hold = stepping.state.followed_holds(stepping.origin.shard)
                                .find({stepping.step.ledger, capture.hold});
    if (hold == nullptr) {
        return write_and_answer(stepping, begin(stepping, Outcome::hold_not_found), Amount());
    }
    const std::optional<Amount> remaining = hold->remaining.minus(capture.freed);
    const std::optional<Amount> captured = hold->captured.plus(capture.amount);
    if (capture.amount.is_zero() || capture.amount > capture.freed || !remaining || !captured) {
        return stepping.fault("a capture of more than is held");
    }
    const std::span<Change> changes = freeing_changes(stepping, *hold, capture.freed);
    const bool fits = add_posted(changes[0].totals, Side::debit, capture.amount) &&
                      add_posted(changes[1].totals, Side::credit, capture.amount);
    VOUCH_ASSERT(fits);
    set_posting(changes[0], Side::debit, capture.amount);
    set_posting(changes[1], Side::credit, capture.amount);
    StepFollowed event = begin(stepping, Outcome::captured);
    event.changes = changes;
    event.hold = *hold;
    event.hold->remaining = *remaining;
    event.hold->captured = *captured;
    if (remaining->is_zero()) event.hold->status = HoldStatus::captured;
    return write_and_answer(stepping, event, capture.amount);
}

Result<StepExecution> follow(Stepping& stepping, const ReleaseStep& release) {
    const HoldState* hold = stepping.state.followed_holds(stepping.origin.shard)
                                .find({stepping.step.ledger, release.hold});
    StepFollowed event = begin(stepping, Outcome::hold_not_found);
    if (hold != nullptr) {
        if (hold->remaining != release.freed) {
            return stepping.fault("a release of another amount than is held");
        }
        event.outcome = Outcome::released;
        event.changes = freeing_changes(stepping, *hold, release.freed);
        event.hold = *hold;
        event.hold->remaining = Amount();
        event.hold->status = HoldStatus::released;
    }
    if (release.expired) return write(stepping, event);
    return write_and_answer(stepping, event, Amount());
}

}  // namespace vouch::command_handler
