// Answers to steps that this shard led: they give a command in transit its outcome.
#include "command-handler/core/across_shards.h"
#include "command-handler/core/limits.h"
#include "command-handler/core/stepping.h"
#include "events/check.h"
#include "events/entries/codec.h"

namespace vouch::command_handler {
namespace {

/// A command on its way to the outcome that an answer gives it.
struct Answering {
    Stepping& stepping;
    const AnswerStep& answer;
    const Crossing& crossing;
    CommandDecided& out;

    bool is_accepted() const { return vouch::is_accepted(answer.outcome); }
    LedgerId ledger() const { return out.command.ledger; }
    const AccountRow& row(AccountNumber number) const {
        return stepping.state.accounts().row(number);
    }
};

/// What came back: the transit account debited, the payer credited. There was room kept for it.
std::span<Change> return_changes(const Answering& answering, Amount amount) {
    const Crossing& crossing = answering.crossing;
    const std::span<Change> changes = answering.stepping.arena.make<Change>(2);
    changes[0] = next_change(crossing.transit, answering.row(crossing.transit));
    changes[1] = next_change(crossing.payer, answering.row(crossing.payer));
    const bool fits = add_posted(changes[0].totals, Side::debit, amount) &&
                      add_posted(changes[1].totals, Side::credit, amount);
    VOUCH_ASSERT(fits);
    changes[0].side = Side::debit;
    changes[1].side = Side::credit;
    changes[0].amount = changes[1].amount = amount;
    return changes;
}

void answer_transfer(Answering& answering, const Transfer& command) {
    const Amount sent = answering.crossing.amount;
    const Amount taken = answering.answer.amount;
    const std::optional<Amount> back = sent.minus(taken);
    VOUCH_ASSERT(back.has_value());
    if (!back->is_zero()) answering.out.changes = return_changes(answering, *back);
    if (!answering.is_accepted()) return;
    answering.out.outcome = Outcome::posted;
    if (taken != command.amount) answering.out.moved = taken;
}

/// The refunded sums of an entry of the answering shard, less what came back. Such an entry has two
/// postings, and each refund of it changes both sums.
std::span<const Refunded> less_refunded(const Answering& answering, CommandId entry) {
    constexpr std::uint32_t kPostings = 2;
    const EntryKey key{answering.ledger(), entry, answering.stepping.origin.shard};
    const std::span<Refunded> sums = answering.stepping.arena.make<Refunded>(kPostings);
    for (std::uint32_t posting = 0; posting < kPostings; ++posting) {
        const Amount refunded = answering.stepping.facts.find_refunded(key, posting);
        // Less than that only by a fault of the facts, which the caller asks for.
        sums[posting] = {posting, refunded.minus(answering.crossing.amount).value_or(Amount())};
    }
    return sums;
}

void answer_undoing(Answering& answering, CommandId entry, Outcome outcome) {
    if (answering.is_accepted()) {
        answering.out.outcome = outcome;
        return;
    }
    answering.out.changes = return_changes(answering, answering.crossing.amount);
    EntryState after;
    after.id = entry;
    if (outcome == Outcome::refunded) after.refunded = less_refunded(answering, entry);
    answering.out.entry = after;
}

/// What a refused hold has left is free again, whatever became of it since.
void answer_place(Answering& answering, const PlaceHold& command) {
    if (answering.is_accepted()) {
        if (answering.answer.amount != command.amount) {
            answering.out.moved = answering.answer.amount;
        }
        return;
    }
    Stepping& stepping = answering.stepping;
    const CommandId id = answering.out.command.id;
    const HoldState* open = stepping.state.holds().find({answering.ledger(), id});
    answering.out.hold =
        open != nullptr ? *open : stepping.facts.find_closed_hold(answering.ledger(), id);
    if (!answering.out.hold) return;  // a fault of the facts, which the caller asks for
    HoldState& hold = *answering.out.hold;
    answering.out.changes = release_changes(stepping.state, hold, hold.remaining, stepping.arena);
    hold.remaining = Amount();
    hold.status = HoldStatus::refused;
}

/// The amount comes back, so it was not captured, whatever became of the hold since. Of a hold
/// without payee that is still open it is held again, if the payer's debits have room for that.
void answer_refused_capture(Answering& answering, const CaptureHold& command) {
    const Stepping& stepping = answering.stepping;
    const Amount amount = answering.crossing.amount;
    const std::span<Change> changes = return_changes(answering, amount);
    answering.out.changes = changes;
    const HoldState* open = stepping.state.holds().find({answering.ledger(), command.hold});
    answering.out.hold = open != nullptr
                             ? *open
                             : stepping.facts.find_closed_hold(answering.ledger(), command.hold);
    if (!answering.out.hold) return;  // a fault of the facts, which the caller asks for
    HoldState& hold = *answering.out.hold;
    const std::optional<Amount> captured = hold.captured.minus(amount);
    VOUCH_ASSERT(captured.has_value());
    hold.captured = *captured;
    if (open == nullptr || !answering.crossing.names_payee) return;
    if (!add_held(changes[1].totals, Side::debit, amount)) return;
    const std::optional<Amount> remaining = hold.remaining.plus(amount);
    VOUCH_ASSERT(remaining.has_value());
    hold.remaining = *remaining;
}

/// Of a hold that had no payee: what is left of it stayed held until now.
void answer_named_capture(Answering& answering, const CaptureHold& command) {
    const Stepping& stepping = answering.stepping;
    const HoldState* open = stepping.state.holds().find({answering.ledger(), command.hold});
    if (open == nullptr) return;
    const bool keeps_rest = command.keep_rest && !open->remaining.is_zero();
    if (keeps_rest) return;
    answering.out.changes = release_changes(stepping.state, *open, open->remaining, stepping.arena);
    answering.out.hold = *open;
    answering.out.hold->remaining = Amount();
    answering.out.hold->status = HoldStatus::captured;
}

void answer_capture(Answering& answering, const CaptureHold& command) {
    if (!answering.is_accepted()) return answer_refused_capture(answering, command);
    if (!command.amount) answering.out.moved = answering.crossing.amount;
    if (answering.crossing.names_payee) answer_named_capture(answering, command);
}

/// Fills the outcome. Only commands that cross are ever in transit.
struct AnswerBody {
    Answering& answering;

    void operator()(const Transfer& c) const { answer_transfer(answering, c); }
    void operator()(const PlaceHold& c) const { answer_place(answering, c); }
    void operator()(const CaptureHold& c) const { answer_capture(answering, c); }
    void operator()(const ReleaseHold&) const {}
    void operator()(const Reverse& c) const {
        answer_undoing(answering, c.entry, Outcome::reversed);
    }
    void operator()(const Refund& c) const {
        answer_undoing(answering, c.entry, Outcome::refunded);
        if (answering.is_accepted() && !c.amount) answering.out.moved = answering.crossing.amount;
    }
    template <class Other>
    void operator()(const Other&) const {
        VOUCH_ASSERT(false);
    }
};

/// What a follower may answer to the command.
bool is_possible(const AnswerStep& answer, const CommandBody& body, const Crossing& crossing) {
    const bool is_release = std::holds_alternative<ReleaseHold>(body);
    const bool is_capture = std::holds_alternative<CaptureHold>(body) && !crossing.names_payee;
    if (!is_accepted(answer.outcome)) {
        if (!answer.amount.is_zero()) return false;
        if (is_release || is_capture) return answer.outcome == Outcome::hold_not_found;
        return is_of_payee(answer.outcome);
    }
    const bool is_all = answer.amount == crossing.amount;
    if (is_release) return answer.outcome == Outcome::released && is_all;
    if (is_capture) return answer.outcome == Outcome::captured && is_all;
    if (std::holds_alternative<PlaceHold>(body)) return answer.outcome == Outcome::held && is_all;
    const auto* transfer = std::get_if<Transfer>(&body);
    const bool may_be_less = transfer != nullptr && caps_credit(transfer->balancing) &&
                             answer.amount < crossing.amount && !answer.amount.is_zero();
    return answer.outcome == Outcome::posted && (is_all || may_be_less);
}

/// The outcome of the whole command where the follower's says less.
Outcome outcome_of(const AnswerStep& answer, const CommandBody& body) {
    const bool is_capture = std::holds_alternative<CaptureHold>(body);
    return is_capture && is_accepted(answer.outcome) ? Outcome::captured : answer.outcome;
}

}  // namespace

Result<StepExecution> take_answer(Stepping& stepping, const AnswerStep& answer) {
    const Crossing* crossing =
        stepping.state.crossings().find({stepping.step.ledger, stepping.step.command});
    if (crossing == nullptr || crossing->to != stepping.origin.shard) {
        return stepping.fault("an answer to nothing in transit");
    }
    CommandDecided decided;
    const std::span<const std::byte> bytes =
        stepping.arena.copy(std::span<const std::byte>(crossing->command));
    const std::optional<CommandFault> fault =
        decode_command(bytes, stepping.arena, decided.command);
    VOUCH_ASSERT(!fault);
    if (!is_possible(answer, decided.command.body, *crossing)) {
        return stepping.fault("an answer that does not fit its command");
    }
    decided.outcome = outcome_of(answer, decided.command.body);
    decided.facts = answer.facts;
    Answering answering{stepping, answer, *crossing, decided};
    std::visit(AnswerBody{answering}, decided.command.body);
    const CommandAnswered event{.ledger = decided.command.ledger,
                                .id = decided.command.id,
                                .first_event = crossing->event,
                                .by = {stepping.origin.shard, stepping.origin.record},
                                .outcome = decided.outcome,
                                .changes = decided.changes,
                                .hold = decided.hold,
                                .entry = decided.entry,
                                .facts = decided.facts,
                                .moved = decided.moved};
    stepping.state.apply(event);
    stepping.sink.append(event);
    StepExecution execution = stepping.done(StepExecution::Kind::answered);
    execution.decided = decided;
    execution.answered_by = event.by;
    return execution;
}

}  // namespace vouch::command_handler
