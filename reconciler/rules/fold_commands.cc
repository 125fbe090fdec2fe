// What became of commands: outcomes, facts and effects against docs/rules.md.
#include "reconciler/rules/fold_commands.h"

#include "events/entries/command_parts.h"
#include "reconciler/rules/account_facts.h"
#include "reconciler/rules/expiry.h"
#include "reconciler/rules/named_hold.h"

namespace vouch::reconciler {

namespace {

struct Acceptance {
    Outcome operator()(const Transfer&) const { return Outcome::posted; }
    Outcome operator()(const PlaceHold&) const { return Outcome::held; }
    Outcome operator()(const CaptureHold&) const { return Outcome::captured; }
    Outcome operator()(const ReleaseHold&) const { return Outcome::released; }
    Outcome operator()(const PostEntry&) const { return Outcome::posted; }
    Outcome operator()(const OpenAccount&) const { return Outcome::opened; }
    Outcome operator()(const UpdateAccount&) const { return Outcome::updated; }
    Outcome operator()(const FreezeAccount&) const { return Outcome::frozen; }
    Outcome operator()(const UnfreezeAccount&) const { return Outcome::unfrozen; }
    Outcome operator()(const CloseAccount&) const { return Outcome::closed; }
    Outcome operator()(const ExtendHold&) const { return Outcome::extended; }
    Outcome operator()(const Reverse&) const { return Outcome::reversed; }
    Outcome operator()(const Refund&) const { return Outcome::refunded; }
    Outcome operator()(const Group&) const { return Outcome::done; }
    Outcome operator()(const SetClock&) const { return Outcome::clock_set; }
};

}  // namespace

Outcome acceptance(const CommandBody& body) { return std::visit(Acceptance{}, body); }

namespace {

std::string text_of(const std::optional<Refusal>& refusal, const CommandBody& body) {
    return std::string(to_text(refusal ? refusal->outcome : acceptance(body)));
}

}  // namespace

void CommandFold::fold_command(const CommandDecided& decided, std::uint64_t content) {
    const CommandBody& body = decided.command.body;
    const bool is_group = std::holds_alternative<Group>(body);
    if (!is_group) groups_.end_other_than(decided.group);
    ++context_.commands;
    ++(is_accepted(decided.outcome) ? context_.accepted : context_.refused);
    check_parts(decided);
    context_.check_decides_here(decided.command);
    if (is_group) {
        groups_.fold_group(decided);
    } else if (is_reversal(body)) {
        reversals_.fold_reversal(decided);
    } else {
        const Derived derived =
            derive(context_.books, decided.command, context_.time, decided.group.is_zero());
        const bool is_as_derived = check_outcome(decided, derived);
        keep_hold_refusal(decided);
        if (is_accepted(decided.outcome)) {
            if (is_as_derived && derived.is_sure) {
                fold_accepted(decided, derived);
            } else {
                adopt_accepted(decided);
            }
        }
    }
    keep_outcome(decided, content);
    if (!decided.group.is_zero()) groups_.fold_member(decided, content);
}

/// True when the outcome is what the books say, or when they cannot say.
bool CommandFold::check_outcome(const CommandDecided& decided, const Derived& derived) {
    if (!derived.is_sure) return true;
    if (derived.crosses) {
        context_.report(Check::wrong_outcome,
                        "expected in transit found " + std::string(to_text(decided.outcome)));
        return false;
    }
    const Outcome expected =
        derived.refusal ? derived.refusal->outcome : acceptance(decided.command.body);
    if (decided.outcome == expected) {
        const Facts facts = derived.refusal ? derived.refusal->facts : Facts{};
        if (decided.facts != facts)
            context_.report(Check::wrong_facts, "facts are not the state before the command: " +
                                                    describe_difference(facts, decided.facts));
        return true;
    }
    if (may_depend_on_past(context_.books, decided, derived)) return true;
    context_.report(Check::wrong_outcome, "expected " +
                                              text_of(derived.refusal, decided.command.body) +
                                              " found " + std::string(to_text(decided.outcome)));
    return false;
}

/// That an event has the parts which its kind and outcome have, and no others.
void CommandFold::check_parts(const CommandDecided& decided) {
    const CommandBody& body = decided.command.body;
    const bool accepted = is_accepted(decided.outcome);
    if (accepted && decided.outcome != acceptance(body)) {
        context_.report(Check::wrong_outcome, "the outcome is not one of its command");
    }
    const bool is_hold = hold_named(body) || std::holds_alternative<PlaceHold>(body);
    const bool is_group = std::holds_alternative<Group>(body);
    const bool can_move =
        std::holds_alternative<Transfer>(body) || std::holds_alternative<PlaceHold>(body) ||
        std::holds_alternative<CaptureHold>(body) || std::holds_alternative<Refund>(body);
    const bool is_changed = !decided.changes.empty() || decided.hold || decided.entry;
    if (!accepted && (is_changed || decided.moved)) {
        context_.report(Check::canonical, "a refusal changes nothing");
    }
    if (accepted && !decided.facts.is_empty())
        context_.report(Check::canonical, "facts without a refusal");
    if (decided.hold && !is_hold)
        context_.report(Check::canonical, "the state of a hold that the command is not about");
    if (decided.entry && !is_reversal(body))
        context_.report(Check::canonical, "the state of an entry that the command is not about");
    if (decided.moved && !can_move)
        context_.report(Check::canonical, "an amount moved by a command that moves none");
    if (!decided.members.empty() && !is_group)
        context_.report(Check::canonical, "members without a group");
    if (!decided.group.is_zero() && (is_group || !accepted))
        context_.report(Check::wrong_group, "not an accepted member");
}

/// What cannot be judged is believed.
void CommandFold::adopt_accepted(const CommandDecided& decided) {
    if (const auto* open = std::get_if<OpenAccount>(&decided.command.body);
        open && decided.changes.size() == 1) {
        adopt_opening(decided, *open);
    } else {
        changes_.adopt_all(decided.changes);
    }
    if (decided.hold) changes_.adopt_hold(decided.command.ledger, *decided.hold);
}

void CommandFold::adopt_opening(const CommandDecided& decided, const OpenAccount& open) {
    const Change& change = decided.changes[0];
    if (change.account.value() >
        std::uint64_t{context_.books.accounts.size()} + AccountTable::kGapMax)
        return;
    Account account;
    account.id = open.account;
    account.ledger = decided.command.ledger;
    account.asset = open.asset;
    account.account_class = open.account_class;
    account.is_opening_believed = context_.is_believed;
    changes_.open(account, change);
}

/// Compares the effects with those of the rule for each kind of command.
struct CommandFold::AcceptedCommand {
    CommandFold& fold;
    const CommandDecided& decided;
    Amount moved;

    LedgerId ledger() const { return decided.command.ledger; }

    Leg leg(AccountId id) const {
        Leg leg;
        leg.account = fold.context_.number_of(ledger(), id);
        return leg;
    }
    Leg posting(AccountId id, Side side, Amount amount) const {
        Leg leg = this->leg(id);
        leg.posts = side;
        leg.amount = amount;
        return leg;
    }
    /// `moved` stands in the event exactly when the command does not say the amount.
    void check_moved(const std::optional<Amount>& asked) const {
        const std::optional<Amount> expected = asked == moved ? std::nullopt : std::optional(moved);
        if (decided.moved != expected)
            fold.context_.report(Check::wrong_change, "the amount moved does not follow");
    }
    OpenHold before(CommandId id) const { return *fold.context_.books.holds.find({ledger(), id}); }
    void take_hold(const HoldState& expected) const {
        fold.changes_.check_hold(decided.hold, expected);
        fold.changes_.adopt_hold(ledger(), decided.hold.value_or(expected));
    }
    void one_change(AccountId id, const std::function<void(Change&)>& alter) const {
        std::optional<Change> expected = fold.changes_.follow(leg(id));
        if (expected && decided.changes.size() == 1) {
            alter(*expected);
            fold.changes_.check_change(decided.changes[0], *expected);
        } else {
            fold.context_.report(Check::wrong_change,
                                 "expected one change, of an account whose totals fit");
            fold.changes_.adopt_all(decided.changes);
        }
    }

    void operator()(const Transfer& c) const {
        check_moved(c.amount);
        const std::array legs{posting(c.debit, Side::debit, moved),
                              posting(c.credit, Side::credit, moved)};
        fold.changes_.check_changes(decided.changes, legs);
    }
    void operator()(const PostEntry& c) const {
        std::vector<Leg> legs;
        for (const Posting& p : c.postings) {
            if (!p.amount.is_zero()) legs.push_back(posting(p.account, p.side, p.amount));
        }
        fold.changes_.check_changes(decided.changes, legs);
    }
    void operator()(const PlaceHold& c) const {
        check_moved(c.amount);
        HoldState expected;
        expected.id = decided.command.id;
        expected.remaining = moved;
        if (c.expires_in_us != 0)
            expected.expires_at = expiry_of(fold.context_.time, c.expires_in_us);
        std::vector<Leg> legs;
        legs.push_back(leg(c.debit));
        legs[0].holds = Side::debit;
        legs[0].held = moved;
        expected.payer = legs[0].account;
        if (!c.credit.is_zero()) {
            legs.push_back(leg(c.credit));
            legs[1].holds = Side::credit;
            legs[1].held = moved;
            expected.payee = legs[1].account;
        }
        fold.changes_.check_changes(decided.changes, legs);
        take_hold(expected);
    }
    void operator()(const CaptureHold& c) const {
        check_moved(c.amount);
        HoldState hold = before(c.hold).state;
        const Amount freed = c.keep_rest ? moved : hold.remaining;
        std::vector<Leg> legs = fold.changes_.release_legs(hold, freed);
        if (!hold.payee) legs.push_back(leg(c.credit));
        legs[0].posts = Side::debit;
        legs[1].posts = Side::credit;
        legs[0].amount = legs[1].amount = moved;
        hold.remaining = *hold.remaining.minus(freed);
        hold.captured = hold.captured.plus(moved).value_or(Amount::max());
        if (hold.remaining.is_zero()) hold.status = HoldStatus::captured;
        fold.changes_.check_changes(decided.changes, legs);
        take_hold(hold);
    }
    void operator()(const ReleaseHold& c) const {
        HoldState hold = before(c.hold).state;
        fold.changes_.check_changes(decided.changes,
                                    fold.changes_.release_legs(hold, hold.remaining));
        hold.remaining = Amount();
        hold.status = HoldStatus::released;
        take_hold(hold);
    }
    void operator()(const ExtendHold& c) const {
        HoldState hold = before(c.hold).state;
        if (hold.expires_at.value() != 0) {
            hold.expires_at =
                std::max(hold.expires_at, expiry_of(fold.context_.time, c.expires_in_us));
        }
        fold.changes_.check_changes(decided.changes, {});
        take_hold(hold);
    }
    void operator()(const OpenAccount& c) const {
        if (decided.changes.size() != 1) {
            fold.context_.report(Check::wrong_change, "expected one change");
            return;
        }
        Change expected;
        expected.account = AccountNumber(fold.context_.books.accounts.size());
        expected.version = Version(1);
        expected.limit = c.limit;
        expected.id = c.account;
        const Change& claimed = decided.changes[0];
        if (claimed.account != expected.account) {
            fold.context_.report(Check::account_number,
                                 "expected " + std::to_string(expected.account.value()) +
                                     " found " + std::to_string(claimed.account.value()));
        } else if (claimed != expected) {
            fold.context_.report(Check::wrong_change,
                                 "an account opens with nothing on it and the limit asked");
        }
        fold.adopt_opening(decided, c);
    }
    void operator()(const UpdateAccount& c) const {
        one_change(c.account,
                   [&](Change& change) { change.limit = c.limit.value_or(change.limit); });
    }
    void operator()(const FreezeAccount& c) const {
        one_change(c.account,
                   [&](Change& change) { change.state.block = change.state.block | c.block; });
    }
    void operator()(const UnfreezeAccount& c) const {
        one_change(c.account, [&](Change& change) {
            change.state.block = without(change.state.block, c.block);
        });
    }
    void operator()(const CloseAccount& c) const {
        one_change(c.account, [](Change& change) { change.state.closed = true; });
    }
    void operator()(const Reverse&) const {}
    void operator()(const Refund&) const {}
    void operator()(const Group&) const {}
    void operator()(const SetClock& c) const {
        if (!fold.context_.has_test_clock)
            fold.context_.report(Check::wrong_outcome, "the deployment has no test clock");
        if (fold.context_.commands != 1)
            fold.context_.report(Check::event_order, "setting the clock starts a record");
        if (fold.context_.time < c.time)
            fold.context_.report(Check::wrong_outcome, "the record's time is before the time set");
        fold.changes_.check_changes(decided.changes, {});
    }
};

void CommandFold::fold_accepted(const CommandDecided& decided, const Derived& derived) {
    std::visit(AcceptedCommand{*this, decided, derived.moved}, decided.command.body);
}

void CommandFold::keep_outcome(const CommandDecided& decided, std::uint64_t content) {
    if (!context_.is_believed) return;
    const Command& command = decided.command;
    Decided said{.content = content};
    IdMade made = IdMade::nothing;
    if (is_accepted(decided.outcome)) {
        const std::span<const Change> changes = decided.changes;
        const bool is_capture = std::holds_alternative<CaptureHold>(command.body);
        if ((std::holds_alternative<Transfer>(command.body) || is_capture) && changes.size() == 2) {
            made = IdMade::pair;
            said.payer = changes[0].account.value();
            said.payee = changes[1].account.value();
            said.amount = changes[0].amount;
        } else if (std::holds_alternative<PostEntry>(command.body)) {
            made = IdMade::entry;
            context_.keep_postings(IdRowKind::posting, command.ledger, command.id, changes);
        }
        if (std::holds_alternative<PlaceHold>(command.body) && decided.hold) {
            made = IdMade::hold;
            said.payer = decided.hold->payer.value();
            if (decided.hold->payee) said.payee = decided.hold->payee->value();
        }
        const auto named = hold_named(command.body);
        if (named && decided.hold && decided.hold->status != HoldStatus::open) {
            context_.keep(IdRowKind::hold_ended, command.ledger, named->hold,
                          HoldEnd{decided.hold->status});
        }
    }
    IdRow row = context_.row_of(IdRowKind::decided, command.ledger, command.id, said);
    row.outcome = decided.outcome;
    row.made = made;
    context_.sinks.ids.add(row);
    context_.keep_seen(command);
}

void CommandFold::keep_hold_refusal(const CommandDecided& decided) {
    const auto named = hold_named(decided.command.body);
    if (!named || is_accepted(decided.outcome)) return;
    if (context_.books.holds.find({decided.command.ledger, named->hold}) != nullptr) return;
    // Without an account the refusal does not rest on the hold.
    if (named->account.is_zero()) return;
    const auto number_of = [&](AccountId id) {
        const auto number = context_.books.accounts.find(decided.command.ledger, id);
        return number ? number->value() : kElsewhere;
    };
    HoldRefusal said{.account = number_of(named->account)};
    if (!named->credit.is_zero()) said.credit = number_of(named->credit);
    IdRow row =
        context_.row_of(IdRowKind::hold_refused, decided.command.ledger, named->hold, said);
    row.outcome = decided.outcome;
    context_.keep(row);
}

}  // namespace vouch::reconciler
