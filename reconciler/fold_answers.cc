// Outcomes that follow from another shard's answer: docs/rules.md, "Across shards", the table of p
// on the answer.
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

std::optional<Amount> amount_asked(const CommandBody& body) {
    if (const auto* transfer = std::get_if<Transfer>(&body)) return transfer->amount;
    if (const auto* place = std::get_if<PlaceHold>(&body)) return place->amount;
    if (const auto* capture = std::get_if<CaptureHold>(&body)) return capture->amount;
    if (const auto* refund = std::get_if<Refund>(&body)) return refund->amount;
    return std::nullopt;
}

}  // namespace

void ShardFold::fold_answered(const CommandDecided& decided, std::uint64_t content) {
    end_group();
    ++(is_accepted(decided.outcome) ? accepted_ : refused_);
    if (!steps_.is_taking()) {
        report(Check::wrong_steps, "an answered command without a step taken");
    } else if (decided.answered->shard != steps_.taken_from() ||
               decided.answered->record != steps_.taken_record()) {
        report(Check::wrong_crossing, "the answer is not of the record whose steps are taken");
    }
    const Crossings::Key key{decided.command.ledger, decided.command.id};
    const Crossing* crossing = books_.crossings.find(key);
    if (crossing == nullptr || !crossing->is_known) {
        if (crossing == nullptr && !books_.was_broken())
            report(Check::wrong_crossing, "an answer to a command that is not in transit");
        adopt_all(decided.changes);
        if (decided.hold) adopt_hold(key.ledger, *decided.hold);
        steps_.took(std::nullopt);
    } else {
        check_answer(decided, content, *crossing);
    }
    books_.crossings.erase(key);
    keep_answered(decided, content);
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

ShardFold::Return ShardFold::return_of(const CommandDecided& decided,
                                       const Crossing& crossing) const {
    const CommandBody& body = decided.command.body;
    const bool accepted = is_accepted(decided.outcome);
    if (const auto* capture = std::get_if<CaptureHold>(&body)) {
        const HoldKey key{decided.command.ledger, capture->hold};
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
        const std::optional<HoldState> known =
            hold_under_way({decided.command.ledger, decided.command.id});
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
            back.taken = decided.moved.value_or(transfer->amount);
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

void ShardFold::check_answer(const CommandDecided& decided, std::uint64_t content,
                             const Crossing& crossing) {
    const CommandBody& body = decided.command.body;
    const bool accepted = is_accepted(decided.outcome);
    if (content != crossing.content)
        report(Check::wrong_crossing, "the command is not the one that is in transit");
    if (decided.answered->shard != crossing.to) {
        report(Check::wrong_crossing,
               "answered by shard " + std::to_string(decided.answered->shard.value()) +
                   ", in transit to shard " + std::to_string(crossing.to.value()));
    }
    const bool is_of_hold = takes_from_hold(body) && !crossing.names_payee;
    if (!accepted && !may_refuse(decided.outcome, is_of_hold)) {
        report(Check::wrong_outcome,
               std::string(to_text(decided.outcome)) + " is not what another shard refuses with");
    }
    check_parts(decided);
    const Return expected = return_of(decided, crossing);
    const bool is_about_hold = std::holds_alternative<PlaceHold>(body) || takes_from_hold(body);
    if (books_.was_broken() && is_about_hold) {
        // What the hold was before may stand in what could not be read.
        adopt_all(decided.changes);
        if (decided.hold) adopt_hold(decided.command.ledger, *decided.hold);
        return take_answer(decided, crossing, expected);
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
    if (decided.moved != moved) report(Check::wrong_change, "the amount moved does not follow");
    check_return(decided, expected);
    take_answer(decided, crossing, expected);
}

/// The changes and states against what must have come back.
void ShardFold::check_return(const CommandDecided& decided, const Return& expected) {
    check_changes(decided.changes, expected.legs);
    if (expected.hold) {
        check_hold(decided.hold, *expected.hold);
        adopt_hold(decided.command.ledger, decided.hold.value_or(*expected.hold));
    } else if (decided.hold) {
        if (!books_.was_broken()) report(Check::wrong_hold, "the answer does not change the hold");
        adopt_hold(decided.command.ledger, *decided.hold);
    }
    const bool reverses = std::holds_alternative<Reverse>(decided.command.body) ||
                          std::holds_alternative<Refund>(decided.command.body);
    if (decided.entry.has_value() != (reverses && !is_accepted(decided.outcome)))
        report(Check::wrong_entry, "the state of an entry stands where a mark is taken back");
}

void ShardFold::take_answer(const CommandDecided& decided, const Crossing& crossing,
                            const Return& expected) {
    const LedgerId ledger = decided.command.ledger;
    if (Transit* transit = transit_of(ledger, crossing.to, crossing.payer)) {
        transit->returned.add(expected.returned);
        transit->freed.add(expected.freed);
    }
    AnswerStep answer;
    answer.outcome = is_accepted(decided.outcome)
                         ? answer_accepted(decided.command.body, crossing.names_payee)
                         : decided.outcome;
    answer.amount = expected.taken;
    answer.facts = decided.facts;
    steps_.took(Step{ledger, decided.command.id, answer});
}

void ShardFold::keep_answered(const CommandDecided& decided, std::uint64_t content) {
    if (!is_believed_) return;
    const Command& command = decided.command;
    IdRow row = row_of(IdRowKind::decided, command.ledger, command.id);
    row.position = content;
    row.outcome = static_cast<std::uint8_t>(decided.outcome);
    row.flags = IdRow::kIsAnswered;
    if (is_accepted(decided.outcome)) row.set_amount(decided.moved.value_or(Amount()));
    sinks_.ids.add(row);
    if (decided.hold && decided.hold->status != HoldStatus::open) {
        IdRow ended = row_of(IdRowKind::hold_ended, command.ledger, decided.hold->id);
        ended.outcome = static_cast<std::uint8_t>(decided.hold->status);
        sinks_.ids.add(ended);
    }
    if (is_accepted(decided.outcome) || !decided.entry) return;
    IdRow mark = row_of(IdRowKind::mark_returned, command.ledger, decided.entry->id);
    const auto* refund = std::get_if<Refund>(&command.body);
    if (refund != nullptr) {
        mark.flags = IdRow::kIsRefund;
        mark.position = pair_of(*refund).pack();
        if (!decided.changes.empty()) mark.set_amount(decided.changes[0].amount);
    }
    keep(mark);
    for (const Refunded& each : decided.entry->refunded) {
        IdRow sum = row_of(IdRowKind::refunded_sum, command.ledger, decided.entry->id);
        sum.position = each.posting;
        sum.set_amount(each.amount);
        keep(sum);
    }
}

}  // namespace vouch::reconciler
