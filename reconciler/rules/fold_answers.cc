// Outcomes that follow from another shard's answer: docs/rules.md, "Across shards", the table of p
// on the answer.
#include "reconciler/rules/fold_answers.h"

#include "events/overloads.h"
#include "reconciler/rules/fold_commands.h"
#include "reconciler/rules/fold_crossings.h"
#include "reconciler/rules/fold_reversals.h"

namespace vouch::reconciler {

namespace {

/// What an answer is about, by the command that it answers.
struct AnswerRule {
    Outcome accepted = Outcome::posted;  ///< what the other shard says when all went well
    bool is_about_hold = false;
    bool is_of_payees_hold = false;  ///< of what the other shard follows
    bool moves = true;               ///< an amount, told where it is not the one asked for
    bool marks_entry = false;        ///< which a refusal takes back
};

AnswerRule answer_to(const ReplayedCrossing& crossing) {
    return std::visit(
        Overloads{
            [](const Transfer&) { return AnswerRule{}; },
            [](const PlaceHold&) {
                return AnswerRule{.accepted = Outcome::held, .is_about_hold = true};
            },
            [&](const CaptureHold&) {
                if (crossing.names_payee) return AnswerRule{.is_about_hold = true};
                return AnswerRule{.accepted = Outcome::captured,
                                  .is_about_hold = true,
                                  .is_of_payees_hold = true};
            },
            [](const ReleaseHold&) {
                return AnswerRule{.accepted = Outcome::released,
                                  .is_about_hold = true,
                                  .is_of_payees_hold = true,
                                  .moves = false};
            },
            [](const Reverse&) { return AnswerRule{.moves = false, .marks_entry = true}; },
            [](const Refund&) { return AnswerRule{.marks_entry = true}; },
            []<class Body>(const Body&) {
                static_assert(kNeverCrosses<Body>);
                return AnswerRule{};
            },
        },
        crossing.body);
}

/// What the other shard may refuse with: a capture or release only when it refused the hold, the
/// others for what only the payee's shard knows of its account. The handler has a list of its own.
bool may_refuse(Outcome outcome, bool is_of_hold) {
    if (is_of_hold) return outcome == Outcome::hold_not_found;
    return outcome == Outcome::account_not_found || outcome == Outcome::asset_mismatch ||
           outcome == Outcome::account_closed || outcome == Outcome::credits_frozen ||
           outcome == Outcome::insufficient_funds || outcome == Outcome::amount_overflow;
}

/// From the transit account back to the payer, who is the last.
std::vector<Leg> legs_back(const ReplayedCrossing& crossing, Amount amount) {
    Leg waiting{};
    waiting.account = crossing.transit;
    waiting.posts = Side::debit;
    Leg payer{};
    payer.account = crossing.payer;
    payer.posts = Side::credit;
    waiting.amount = payer.amount = amount;
    return {waiting, payer};
}

}  // namespace

void AnswerFold::fold_answered(const CommandAnswered& answered) {
    ++(is_accepted(answered.outcome) ? context_.accepted : context_.refused);
    if (!context_.steps.is_taking()) {
        context_.report(Check::wrong_steps, "an answered command without a step taken");
    } else if (answered.by.shard != context_.steps.taken_from() ||
               answered.by.record != context_.steps.taken_record()) {
        context_.report(Check::wrong_crossing,
                        "the answer is not of the record whose steps are taken");
    }
    const Crossings::Key key{answered.ledger, answered.id};
    const ReplayedCrossing* crossing = context_.books.crossings.find(key);
    if (crossing == nullptr || !crossing->is_known) {
        if (crossing == nullptr && !context_.books.was_broken())
            context_.report(Check::wrong_crossing, "an answer to a command that is not in transit");
        changes_.adopt_all(answered.changes);
        if (answered.hold) changes_.adopt_hold(key.ledger, *answered.hold);
        context_.steps.took(std::nullopt);
    } else {
        check_answer(answered, *crossing);
    }
    keep_answered(answered, crossing);
    context_.books.crossings.erase(key);
}

/// A hold that a command in transit places or captures, open or not.
std::optional<HoldState> AnswerFold::hold_under_way(const HoldKey& key) const {
    if (const OpenHold* open = context_.books.holds.find(key)) return open->state;
    const HoldState* ended = context_.books.crossings.ended_hold(key);
    return ended != nullptr ? std::optional(*ended) : std::nullopt;
}

/// What becomes of the hold when a capture of it is accepted.
AnswerFold::Return AnswerFold::return_of_capture(const ReplayedCrossing& crossing,
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
AnswerFold::Return AnswerFold::return_of_refused_capture(const ReplayedCrossing& crossing,
                                                         const HoldKey& key) const {
    Return back;
    back.returned = crossing.amount;
    back.legs = legs_back(crossing, back.returned);
    back.hold = hold_under_way(key);
    if (back.hold) {
        back.hold->captured = back.hold->captured.minus(crossing.amount).value_or(Amount());
        const Totals& totals = context_.books.accounts.at(crossing.payer).totals;
        WideSum debits(totals.debits_posted);
        debits.add(totals.debits_held);
        debits.add(crossing.amount);
        const bool is_open = back.hold->status == HoldStatus::open;
        if (crossing.names_payee && is_open && debits.fits_amount()) {
            Leg& payer = back.legs.back();
            payer.holds = Side::debit;
            payer.held = crossing.amount;
            back.hold->remaining =
                back.hold->remaining.plus(crossing.amount).value_or(Amount::max());
        }
    }
    return back;
}

/// What becomes of a hold that was refused: nothing is held any more.
AnswerFold::Return AnswerFold::return_of_refused_hold(const HoldKey& key) const {
    Return back;
    back.hold = hold_under_way(key);
    if (!back.hold) return back;
    back.freed = back.hold->remaining;
    if (!back.freed.is_zero()) back.legs = changes_.release_legs(*back.hold, back.freed);
    back.hold->remaining = Amount();
    back.hold->status = HoldStatus::refused;
    return back;
}

AnswerFold::Return AnswerFold::return_of(const CommandAnswered& answered,
                                         const ReplayedCrossing& crossing) const {
    const bool accepted = is_accepted(answered.outcome);
    const auto taken = [&](Amount amount) {
        Return back;
        back.taken = accepted ? amount : Amount();
        back.returned = crossing.amount.minus(back.taken).value_or(Amount());
        if (!back.returned.is_zero()) back.legs = legs_back(crossing, back.returned);
        return back;
    };
    return std::visit(
        Overloads{
            [&](const Transfer& transfer) {
                return taken(answered.moved.value_or(transfer.amount));
            },
            [&](const PlaceHold&) {
                if (accepted) return taken(crossing.amount);
                return return_of_refused_hold({answered.ledger, answered.id});
            },
            [&](const CaptureHold& capture) {
                const HoldKey key{answered.ledger, capture.hold};
                return accepted
                           ? return_of_capture(crossing, capture, context_.books.holds.find(key))
                           : return_of_refused_capture(crossing, key);
            },
            [](const ReleaseHold&) { return Return{}; },
            [&]<class Body>(const Body&) {
                static_assert(kIsOneOf<Body, Reverse, Refund> || kNeverCrosses<Body>);
                return taken(crossing.amount);
            },
        },
        crossing.body);
}

/// That an event has the parts which its outcome has, and no others.
void AnswerFold::check_answer_parts(const CommandAnswered& answered, const CommandBody& body) {
    const bool accepted = is_accepted(answered.outcome);
    if (accepted && answered.outcome != acceptance(body))
        context_.report(Check::wrong_outcome, "the outcome is not one of its command");
    if (accepted && !answered.facts.is_empty())
        context_.report(Check::canonical, "facts without a refusal");
    if (!accepted && answered.moved) context_.report(Check::canonical, "a refusal moves nothing");
}

void AnswerFold::check_answer(const CommandAnswered& answered, const ReplayedCrossing& crossing) {
    const CommandBody& body = crossing.body;
    const bool accepted = is_accepted(answered.outcome);
    if (crossing.is_event_sure && answered.first_event != crossing.event) {
        context_.report(Check::wrong_crossing,
                        "cites event " + std::to_string(answered.first_event.value()) +
                            ", in transit since event " + std::to_string(crossing.event.value()));
    }
    if (answered.by.shard != crossing.to) {
        context_.report(Check::wrong_crossing,
                        "answered by shard " + std::to_string(answered.by.shard.value()) +
                            ", in transit to shard " + std::to_string(crossing.to.value()));
    }
    const AnswerRule rule = answer_to(crossing);
    if (!accepted && !may_refuse(answered.outcome, rule.is_of_payees_hold)) {
        context_.report(Check::wrong_outcome, std::string(to_text(answered.outcome)) +
                                                  " is not what another shard refuses with");
    }
    check_answer_parts(answered, body);
    const Return expected = return_of(answered, crossing);
    if (context_.books.was_broken() && rule.is_about_hold) {
        // What the hold was before may stand in what could not be read.
        changes_.adopt_all(answered.changes);
        if (answered.hold) changes_.adopt_hold(answered.ledger, *answered.hold);
        return take_answer(answered, crossing, expected);
    }
    const bool takes_all = expected.taken == crossing.amount;
    const bool may_differ =
        crossing.may_take_less && !expected.taken.is_zero() && expected.taken < crossing.amount;
    const bool moves = accepted && rule.moves;
    if (moves && !takes_all && !may_differ)
        context_.report(Check::wrong_change, "the amount taken is not what was on its way");
    const std::optional<Amount> moved = moves && amount_asked(body) != expected.taken
                                            ? std::optional(expected.taken)
                                            : std::nullopt;
    if (answered.moved != moved)
        context_.report(Check::wrong_change, "the amount moved does not follow");
    check_return(answered, crossing, expected);
    take_answer(answered, crossing, expected);
}

/// The changes and states against what must have come back.
void AnswerFold::check_return(const CommandAnswered& answered, const ReplayedCrossing& crossing,
                              const Return& expected) {
    changes_.check_changes(answered.changes, expected.legs);
    if (expected.hold) {
        changes_.check_hold(answered.hold, *expected.hold);
        changes_.adopt_hold(answered.ledger, answered.hold.value_or(*expected.hold));
    } else if (answered.hold) {
        if (!context_.books.was_broken())
            context_.report(Check::wrong_hold, "the answer does not change the hold");
        changes_.adopt_hold(answered.ledger, *answered.hold);
    }
    const bool unmarks = answer_to(crossing).marks_entry && !is_accepted(answered.outcome);
    if (answered.entry.has_value() != unmarks)
        context_.report(Check::wrong_entry,
                        "the state of an entry stands where a mark is taken back");
}

void AnswerFold::take_answer(const CommandAnswered& answered, const ReplayedCrossing& crossing,
                             const Return& expected) {
    const LedgerId ledger = answered.ledger;
    if (ReplayedTransit* transit = context_.transit_of(ledger, crossing.to, crossing.payer)) {
        transit->returned.add(expected.returned);
        transit->freed.add(expected.freed);
    }
    AnswerStep answer;
    answer.outcome =
        is_accepted(answered.outcome) ? answer_to(crossing).accepted : answered.outcome;
    answer.amount = expected.taken;
    answer.facts = answered.facts;
    context_.steps.took(Step{ledger, answered.id, answer});
}

void AnswerFold::keep_answered(const CommandAnswered& answered, const ReplayedCrossing* crossing) {
    if (!context_.is_believed) return;
    const LedgerId ledger = answered.ledger;
    IdRow row = context_.row_of(IdRowKind::answered, ledger, answered.id);
    row.outcome = answered.outcome;
    context_.sinks.ids.add(row);
    if (answered.hold && answered.hold->status != HoldStatus::open) {
        context_.keep(IdRowKind::hold_ended, ledger, answered.hold->id,
                      HoldEnd{answered.hold->status});
    }
    if (is_accepted(answered.outcome) || !answered.entry) return;
    // Without it nobody knows what was marked, nor can anything later be said of the entry.
    if (crossing == nullptr) return;
    MarkReturned said{.leader = answered.by.shard.value()};
    if (const auto* refund = std::get_if<Refund>(&crossing->body)) {
        said.is_refund = true;
        said.pair = pair_of(*refund);
        if (!answered.changes.empty()) said.amount = answered.changes[0].amount;
    }
    context_.keep(IdRowKind::mark_returned, ledger, answered.entry->id, said);
    context_.keep_sums(ledger, answered.entry->id, *answered.entry);
}

}  // namespace vouch::reconciler
