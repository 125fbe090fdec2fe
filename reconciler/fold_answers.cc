// Outcomes that follow from another shard's answer: docs/rules.md, "Across shards", the table of p
// on the answer.
#include "reconciler/derivation.h"
#include "reconciler/shard_fold.h"

#include <algorithm>

namespace vouch::reconciler {

namespace {

bool takes_from_hold(const CommandBody& body) {
    return std::holds_alternative<CaptureHold>(body) || std::holds_alternative<ReleaseHold>(body);
}

/// What the other shard said when all went well.
Outcome answer_accepted(const CommandBody& body, bool names_payee) {
    if (std::holds_alternative<PlaceHold>(body)) return Outcome::held;
    if (std::holds_alternative<ReleaseHold>(body)) return Outcome::released;
    if (std::holds_alternative<CaptureHold>(body) && !names_payee) return Outcome::captured;
    return Outcome::posted;
}

bool may_refuse(Outcome outcome, bool is_of_hold) {
    if (is_of_hold) return outcome == Outcome::hold_not_found;
    return outcome == Outcome::account_not_found || outcome == Outcome::asset_mismatch ||
           outcome == Outcome::account_closed || outcome == Outcome::credits_frozen ||
           outcome == Outcome::insufficient_funds || outcome == Outcome::amount_overflow;
}

}  // namespace

void ShardFold::fold_answered(const CommandAnswered& answered) {
    end_group();
    ++(is_accepted(answered.outcome) ? accepted_ : refused_);
    if (!steps_.is_taking()) {
        report(Check::wrong_steps, "an answered command without a step taken");
    } else if (answered.by.shard != steps_.taken_from() ||
               answered.by.record != steps_.taken_record()) {
        report(Check::wrong_crossing, "the answer is not of the record whose steps are taken");
    }
    const Crossings::Key key{answered.ledger, answered.id};
    const Crossing* crossing = books_.crossings.find(key);
    if (crossing == nullptr || !crossing->is_known) {
        if (crossing == nullptr && !books_.was_broken())
            report(Check::wrong_crossing, "an answer to a command that is not in transit");
        adopt_all(answered.changes);
        if (answered.hold) adopt_hold(key.ledger, *answered.hold);
        steps_.took(std::nullopt);
    } else {
        check_answer(answered, *crossing);
    }
    keep_answered(answered, crossing);
    books_.crossings.erase(key);
}

/// A hold that a command in transit places or captures, open or not.
std::optional<HoldState> ShardFold::hold_under_way(const HoldKey& key) const {
    if (const OpenHold* open = books_.holds.find(key)) return open->state;
    const HoldState* ended = books_.crossings.ended_hold(key);
    return ended != nullptr ? std::optional(*ended) : std::nullopt;
}

/// What becomes of the hold when a capture of it is accepted.
ShardFold::Return ShardFold::return_of_capture(const Crossing& crossing,
                                               const CaptureHold& capture,
                                               const OpenHold* open) const {
    Return back;
    back.taken = crossing.amount;
    if (!crossing.names_payee || open == nullptr) return back;
    HoldState hold = open->state;
    if (!hold.remaining.is_zero() && !capture.keep_rest) {
        Leg payer{};
        payer.account = crossing.payer;
        payer.frees = Side::debit;
        payer.freed = hold.remaining;
        back.legs.push_back(payer);
        hold.remaining = Amount();
    }
    if (!hold.remaining.is_zero()) return back;
    hold.status = HoldStatus::captured;
    back.hold = hold;
    return back;
}

/// What comes back of a capture that was refused: all of it, which so was never captured.
ShardFold::Return ShardFold::return_of_refused_capture(const Crossing& crossing,
                                                       const HoldKey& key) const {
    Return back;
    back.returned = crossing.amount;
    Leg waiting{};
    waiting.account = crossing.transit;
    waiting.posts = Side::debit;
    Leg payer{};
    payer.account = crossing.payer;
    payer.posts = Side::credit;
    waiting.amount = payer.amount = crossing.amount;
    back.hold = hold_under_way(key);
    if (back.hold) {
        back.hold->captured = back.hold->captured.minus(crossing.amount).value_or(Amount());
        const Totals& totals = books_.accounts.at(crossing.payer).totals;
        WideSum debits(totals.debits_posted);
        debits.add(totals.debits_held);
        debits.add(crossing.amount);
        const bool is_open = back.hold->status == HoldStatus::open;
        if (crossing.names_payee && is_open && debits.fits_amount()) {
            payer.holds = Side::debit;
            payer.held = crossing.amount;
            back.hold->remaining =
                back.hold->remaining.plus(crossing.amount).value_or(Amount::max());
        }
    }
    back.legs = {waiting, payer};
    return back;
}

ShardFold::Return ShardFold::return_of(const CommandAnswered& answered,
                                       const Crossing& crossing) const {
    const CommandBody& body = crossing.body;
    const bool accepted = is_accepted(answered.outcome);
    if (const auto* capture = std::get_if<CaptureHold>(&body)) {
        const HoldKey key{answered.ledger, capture->hold};
        return accepted ? return_of_capture(crossing, *capture, books_.holds.find(key))
                        : return_of_refused_capture(crossing, key);
    }
    Return back;
    if (std::holds_alternative<ReleaseHold>(body)) return back;
    if (std::holds_alternative<PlaceHold>(body)) {
        if (accepted) {
            back.taken = crossing.amount;
            return back;
        }
        const std::optional<HoldState> known = hold_under_way({answered.ledger, answered.id});
        if (!known) return back;
        HoldState hold = *known;
        back.freed = hold.remaining;
        if (!back.freed.is_zero()) back.legs = release_legs(hold, back.freed);
        hold.remaining = Amount();
        hold.status = HoldStatus::refused;
        back.hold = hold;
        return back;
    }
    if (accepted) {
        back.taken = crossing.amount;
        if (const auto* transfer = std::get_if<Transfer>(&body))
            back.taken = answered.moved.value_or(transfer->amount);
    }
    back.returned = crossing.amount.minus(back.taken).value_or(Amount());
    if (back.returned.is_zero()) return back;
    Leg waiting{};
    waiting.account = crossing.transit;
    waiting.posts = Side::debit;
    Leg payer{};
    payer.account = crossing.payer;
    payer.posts = Side::credit;
    waiting.amount = payer.amount = back.returned;
    back.legs = {waiting, payer};
    return back;
}

/// That an event has the parts which its outcome has, and no others.
void ShardFold::check_answer_parts(const CommandAnswered& answered, const CommandBody& body) {
    const bool accepted = is_accepted(answered.outcome);
    if (accepted && answered.outcome != acceptance(body))
        report(Check::wrong_outcome, "the outcome is not one of its command");
    if (accepted && !answered.facts.is_empty())
        report(Check::canonical, "facts without a refusal");
    if (!accepted && answered.moved) report(Check::canonical, "a refusal moves nothing");
}

void ShardFold::check_answer(const CommandAnswered& answered, const Crossing& crossing) {
    const CommandBody& body = crossing.body;
    const bool accepted = is_accepted(answered.outcome);
    if (crossing.is_event_sure && answered.first_event != crossing.event) {
        report(Check::wrong_crossing,
               "cites event " + std::to_string(answered.first_event.value()) +
                   ", in transit since event " + std::to_string(crossing.event.value()));
    }
    if (answered.by.shard != crossing.to) {
        report(Check::wrong_crossing,
               "answered by shard " + std::to_string(answered.by.shard.value()) +
                   ", in transit to shard " + std::to_string(crossing.to.value()));
    }
    const bool is_of_hold = takes_from_hold(body) && !crossing.names_payee;
    if (!accepted && !may_refuse(answered.outcome, is_of_hold)) {
        report(Check::wrong_outcome,
               std::string(to_text(answered.outcome)) + " is not what another shard refuses with");
    }
    check_answer_parts(answered, body);
    const Return expected = return_of(answered, crossing);
    const bool is_about_hold = std::holds_alternative<PlaceHold>(body) || takes_from_hold(body);
    if (books_.was_broken() && is_about_hold) {
        // What the hold was before may stand in what could not be read.
        adopt_all(answered.changes);
        if (answered.hold) adopt_hold(answered.ledger, *answered.hold);
        return take_answer(answered, crossing, expected);
    }
    const bool takes_all = expected.taken == crossing.amount;
    const bool may_differ =
        crossing.may_take_less && !expected.taken.is_zero() && expected.taken < crossing.amount;
    const bool moves =
        !std::holds_alternative<ReleaseHold>(body) && !std::holds_alternative<Reverse>(body);
    if (accepted && moves && !takes_all && !may_differ)
        report(Check::wrong_change, "the amount taken is not what was on its way");
    const std::optional<Amount> moved = accepted && moves && amount_asked(body) != expected.taken
                                            ? std::optional(expected.taken)
                                            : std::nullopt;
    if (answered.moved != moved) report(Check::wrong_change, "the amount moved does not follow");
    check_return(answered, crossing, expected);
    take_answer(answered, crossing, expected);
}

/// The changes and states against what must have come back.
void ShardFold::check_return(const CommandAnswered& answered, const Crossing& crossing,
                             const Return& expected) {
    check_changes(answered.changes, expected.legs);
    if (expected.hold) {
        check_hold(answered.hold, *expected.hold);
        adopt_hold(answered.ledger, answered.hold.value_or(*expected.hold));
    } else if (answered.hold) {
        if (!books_.was_broken()) report(Check::wrong_hold, "the answer does not change the hold");
        adopt_hold(answered.ledger, *answered.hold);
    }
    const bool reverses = std::holds_alternative<Reverse>(crossing.body) ||
                          std::holds_alternative<Refund>(crossing.body);
    if (answered.entry.has_value() != (reverses && !is_accepted(answered.outcome)))
        report(Check::wrong_entry, "the state of an entry stands where a mark is taken back");
}

void ShardFold::take_answer(const CommandAnswered& answered, const Crossing& crossing,
                            const Return& expected) {
    const LedgerId ledger = answered.ledger;
    if (Transit* transit = transit_of(ledger, crossing.to, crossing.payer)) {
        transit->returned.add(expected.returned);
        transit->freed.add(expected.freed);
    }
    AnswerStep answer;
    answer.outcome = is_accepted(answered.outcome)
                         ? answer_accepted(crossing.body, crossing.names_payee)
                         : answered.outcome;
    answer.amount = expected.taken;
    answer.facts = answered.facts;
    steps_.took(Step{ledger, answered.id, answer});
}

void ShardFold::keep_answered(const CommandAnswered& answered, const Crossing* crossing) {
    if (!is_believed_) return;
    const LedgerId ledger = answered.ledger;
    IdRow row = row_of(IdRowKind::decided, ledger, answered.id);
    row.outcome = static_cast<std::uint8_t>(answered.outcome);
    row.flags = IdRow::kIsAnswered;
    if (is_accepted(answered.outcome)) row.set_amount(answered.moved.value_or(Amount()));
    sinks_.ids.add(row);
    if (answered.hold && answered.hold->status != HoldStatus::open) {
        IdRow ended = row_of(IdRowKind::hold_ended, ledger, answered.hold->id);
        ended.outcome = static_cast<std::uint8_t>(answered.hold->status);
        sinks_.ids.add(ended);
    }
    if (is_accepted(answered.outcome) || !answered.entry) return;
    // Without it nobody knows what was marked, nor can anything later be said of the entry.
    if (crossing == nullptr) return;
    IdRow mark = row_of(IdRowKind::mark_returned, ledger, answered.entry->id);
    mark.first = answered.by.shard.value();
    const auto* refund = std::get_if<Refund>(&crossing->body);
    if (refund != nullptr) {
        mark.flags = IdRow::kIsRefund;
        mark.position = pair_of(*refund).pack();
        if (!answered.changes.empty()) mark.set_amount(answered.changes[0].amount);
    }
    keep(mark);
    for (const Refunded& each : answered.entry->refunded) {
        IdRow sum = row_of(IdRowKind::refunded_sum, ledger, answered.entry->id);
        sum.position = each.posting;
        sum.set_amount(each.amount);
        keep(sum);
    }
}

}  // namespace vouch::reconciler
