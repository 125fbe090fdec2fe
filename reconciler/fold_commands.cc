// What became of commands: outcomes, facts and effects against docs/rules.md.
#include "reconciler/derivation.h"
#include "reconciler/shard_fold.h"

namespace vouch::reconciler {

namespace {

/// The outcome of each kind of command when it is accepted.
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

std::string text_of(const std::optional<Refusal>& refusal, const CommandBody& body) {
    return std::string(to_text(refusal ? refusal->outcome : std::visit(Acceptance{}, body)));
}

/// The hold that a capture, release or extension refers to, and whom it names.
struct HoldNamed {
    CommandId hold;
    AccountId account;
    AccountId credit;
};
std::optional<HoldNamed> hold_named(const CommandBody& body) {
    if (const auto* capture = std::get_if<CaptureHold>(&body))
        return HoldNamed{capture->hold, capture->account, capture->credit};
    if (const auto* release = std::get_if<ReleaseHold>(&body))
        return HoldNamed{release->hold, release->account, {}};
    if (const auto* extend = std::get_if<ExtendHold>(&body))
        return HoldNamed{extend->hold, extend->account, {}};
    return std::nullopt;
}

}  // namespace

Outcome ShardFold::acceptance(const CommandBody& body) { return std::visit(Acceptance{}, body); }

AccountNumber ShardFold::number_of(LedgerId ledger, AccountId id) const {
    // One that is in no table stands for accounts that are not known; check_changes says so.
    return books_.accounts.find(ledger, id).value_or(AccountNumber(~std::uint32_t{0}));
}

void ShardFold::fold_command(const CommandDecided& decided, std::uint64_t content) {
    const CommandBody& body = decided.command.body;
    const bool is_group = std::holds_alternative<Group>(body);
    if (!members_.empty() && !is_group && decided.group != members_.front().group) end_group();
    ++commands_;
    ++(is_accepted(decided.outcome) ? accepted_ : refused_);
    check_parts(decided);
    check_decides_here(decided.command);
    if (is_group) {
        fold_group(decided);
    } else if (is_reversal(body)) {
        fold_reversal(decided);
    } else {
        const Derived derived = derive(books_, decided.command, time_, decided.group.is_zero());
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
    if (!decided.group.is_zero()) fold_member(decided, content);
}

/// Whether a refusal may rest on a hold that is no longer open, of which the fold knows nothing;
/// the id check looks at those.
bool ShardFold::may_depend_on_past(const CommandDecided& decided, const Derived& derived) const {
    const auto named = hold_named(decided.command.body);
    if (!named || books_.holds.find({decided.command.ledger, named->hold}) != nullptr) return false;
    const Outcome expected = derived.refusal ? derived.refusal->outcome : Outcome::hold_not_found;
    switch (decided.outcome) {
        case Outcome::hold_closed:
        case Outcome::hold_expired:
            return expected == Outcome::hold_not_found || expected == Outcome::credits_frozen;
        case Outcome::wrong_account:
            return precedes(Outcome::wrong_account, expected);
        case Outcome::account_missing:
            return precedes(Outcome::account_missing, expected) &&
                   std::holds_alternative<CaptureHold>(decided.command.body);
        case Outcome::account_closed:
        case Outcome::asset_mismatch:
            return precedes(decided.outcome, expected);
        case Outcome::version_mismatch:
            return expected == Outcome::credits_frozen;
        // The others are those of an open hold, or do not look at holds.
        case Outcome::opened:
        case Outcome::updated:
        case Outcome::frozen:
        case Outcome::unfrozen:
        case Outcome::closed:
        case Outcome::posted:
        case Outcome::held:
        case Outcome::extended:
        case Outcome::captured:
        case Outcome::released:
        case Outcome::reversed:
        case Outcome::refunded:
        case Outcome::done:
        case Outcome::clock_set:
        case Outcome::malformed:
        case Outcome::too_large:
        case Outcome::conflict:
        case Outcome::command_expired:
        case Outcome::account_not_found:
        case Outcome::account_exists:
        case Outcome::same_account:
        case Outcome::zero_amount:
        case Outcome::unbalanced:
        case Outcome::debits_frozen:
        case Outcome::credits_frozen:
        case Outcome::hold_not_found:
        case Outcome::exceeds_hold:
        case Outcome::entry_not_found:
        case Outcome::already_reversed:
        case Outcome::already_refunded:
        case Outcome::refund_exceeds_payment:
        case Outcome::not_zero:
        case Outcome::in_use:
        case Outcome::insufficient_funds:
        case Outcome::amount_overflow:
        case Outcome::group_failed:
        case Outcome::not_supported_across_shards:
        case Outcome::unanswered:
            return false;
    }
    return false;
}

/// True when the outcome is what the books say, or when they cannot say.
bool ShardFold::check_outcome(const CommandDecided& decided, const Derived& derived) {
    if (!derived.is_sure) return true;
    if (derived.crosses) {
        report(Check::wrong_outcome,
               "expected in transit found " + std::string(to_text(decided.outcome)));
        return false;
    }
    const Outcome expected =
        derived.refusal ? derived.refusal->outcome : std::visit(Acceptance{}, decided.command.body);
    if (decided.outcome == expected) {
        const Facts facts = derived.refusal ? derived.refusal->facts : Facts{};
        if (decided.facts != facts)
            report(Check::wrong_facts, "facts are not the state before the command: " +
                                           describe_difference(facts, decided.facts));
        return true;
    }
    if (may_depend_on_past(decided, derived)) return true;
    report(Check::wrong_outcome, "expected " + text_of(derived.refusal, decided.command.body) +
                                     " found " + std::string(to_text(decided.outcome)));
    return false;
}

/// That an event has the parts which its kind and outcome have, and no others.
void ShardFold::check_parts(const CommandDecided& decided) {
    const CommandBody& body = decided.command.body;
    const bool accepted = is_accepted(decided.outcome);
    if (accepted && decided.outcome != std::visit(Acceptance{}, body)) {
        report(Check::wrong_outcome, "the outcome is not one of its command");
    }
    const bool is_hold = hold_named(body) || std::holds_alternative<PlaceHold>(body);
    const bool is_group = std::holds_alternative<Group>(body);
    const bool can_move =
        std::holds_alternative<Transfer>(body) || std::holds_alternative<PlaceHold>(body) ||
        std::holds_alternative<CaptureHold>(body) || std::holds_alternative<Refund>(body);
    const bool is_changed = !decided.changes.empty() || decided.hold || decided.entry;
    if (!accepted && (is_changed || decided.moved)) {
        report(Check::canonical, "a refusal changes nothing");
    }
    if (accepted && !decided.facts.is_empty()) report(Check::canonical, "facts without a refusal");
    if (decided.hold && !is_hold)
        report(Check::canonical, "the state of a hold that the command is not about");
    if (decided.entry && !is_reversal(body))
        report(Check::canonical, "the state of an entry that the command is not about");
    if (decided.moved && !can_move)
        report(Check::canonical, "an amount moved by a command that moves none");
    if (!decided.members.empty() && !is_group) report(Check::canonical, "members without a group");
    if (!decided.group.is_zero() && (is_group || !accepted))
        report(Check::wrong_group, "not an accepted member");
}

/// What cannot be judged is believed.
void ShardFold::adopt_accepted(const CommandDecided& decided) {
    if (const auto* open = std::get_if<OpenAccount>(&decided.command.body);
        open && decided.changes.size() == 1) {
        adopt_opening(decided, *open);
    } else {
        adopt_all(decided.changes);
    }
    if (decided.hold) adopt_hold(decided.command.ledger, *decided.hold);
}

void ShardFold::adopt_opening(const CommandDecided& decided, const OpenAccount& open) {
    const Change& change = decided.changes[0];
    if (change.account.value() > std::uint64_t{books_.accounts.size()} + AccountTable::kGapMax)
        return;
    Account account;
    account.id = open.account;
    account.ledger = decided.command.ledger;
    account.asset = open.asset;
    account.account_class = open.account_class;
    account.is_opening_believed = is_believed_;
    books_.accounts.put(change.account, account);
    if (keeps_history_) history_.resize(books_.accounts.size(), history_start());
    adopt(change);
}

/// Compares the effects with those of the rule for each kind of command.
struct ShardFold::AcceptedCommand {
    ShardFold& fold;
    const CommandDecided& decided;
    Amount moved;

    LedgerId ledger() const { return decided.command.ledger; }

    Leg leg(AccountId id) const {
        Leg leg;
        leg.account = fold.number_of(ledger(), id);
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
            fold.report(Check::wrong_change, "the amount moved does not follow");
    }
    OpenHold before(CommandId id) const { return *fold.books_.holds.find({ledger(), id}); }
    void take_hold(const HoldState& expected) const {
        fold.check_hold(decided.hold, expected);
        fold.adopt_hold(ledger(), decided.hold.value_or(expected));
    }
    void one_change(AccountId id, const std::function<void(Change&)>& alter) const {
        std::optional<Change> expected = fold.follow(leg(id));
        if (expected && decided.changes.size() == 1) {
            alter(*expected);
            fold.check_change(decided.changes[0], *expected);
        } else {
            fold.report(Check::wrong_change, "expected one change, of an account whose totals fit");
            fold.adopt_all(decided.changes);
        }
    }

    void operator()(const Transfer& c) const {
        check_moved(c.amount);
        const std::array legs{posting(c.debit, Side::debit, moved),
                              posting(c.credit, Side::credit, moved)};
        fold.check_changes(decided.changes, legs);
    }
    void operator()(const PostEntry& c) const {
        std::vector<Leg> legs;
        for (const Posting& p : c.postings) {
            if (!p.amount.is_zero()) legs.push_back(posting(p.account, p.side, p.amount));
        }
        fold.check_changes(decided.changes, legs);
    }
    void operator()(const PlaceHold& c) const {
        check_moved(c.amount);
        HoldState expected;
        expected.id = decided.command.id;
        expected.remaining = moved;
        if (c.expires_in_us != 0) expected.expires_at = expiry_of(fold.time_, c.expires_in_us);
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
        fold.check_changes(decided.changes, legs);
        take_hold(expected);
    }
    void operator()(const CaptureHold& c) const {
        check_moved(c.amount);
        HoldState hold = before(c.hold).state;
        const Amount freed = c.keep_rest ? moved : hold.remaining;
        std::vector<Leg> legs = fold.release_legs(hold, freed);
        if (!hold.payee) legs.push_back(leg(c.credit));
        legs[0].posts = Side::debit;
        legs[1].posts = Side::credit;
        legs[0].amount = legs[1].amount = moved;
        hold.remaining = *hold.remaining.minus(freed);
        hold.captured = hold.captured.plus(moved).value_or(Amount::max());
        if (hold.remaining.is_zero()) hold.status = HoldStatus::captured;
        fold.check_changes(decided.changes, legs);
        take_hold(hold);
    }
    void operator()(const ReleaseHold& c) const {
        HoldState hold = before(c.hold).state;
        fold.check_changes(decided.changes, fold.release_legs(hold, hold.remaining));
        hold.remaining = Amount();
        hold.status = HoldStatus::released;
        take_hold(hold);
    }
    void operator()(const ExtendHold& c) const {
        HoldState hold = before(c.hold).state;
        if (hold.expires_at.value() != 0) {
            hold.expires_at = std::max(hold.expires_at, expiry_of(fold.time_, c.expires_in_us));
        }
        fold.check_changes(decided.changes, {});
        take_hold(hold);
    }
    void operator()(const OpenAccount& c) const {
        if (decided.changes.size() != 1) {
            fold.report(Check::wrong_change, "expected one change");
            return;
        }
        Change expected;
        expected.account = AccountNumber(fold.books_.accounts.size());
        expected.version = Version(1);
        expected.limit = c.limit;
        expected.id = c.account;
        const Change& claimed = decided.changes[0];
        if (claimed.account != expected.account) {
            fold.report(Check::account_number,
                        "expected " + std::to_string(expected.account.value()) + " found " +
                            std::to_string(claimed.account.value()));
        } else if (claimed != expected) {
            fold.report(Check::wrong_change,
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
        if (!fold.has_test_clock_)
            fold.report(Check::wrong_outcome, "the deployment has no test clock");
        if (fold.commands_ != 1)
            fold.report(Check::event_order, "setting the clock starts a record");
        if (fold.time_ < c.time)
            fold.report(Check::wrong_outcome, "the record's time is before the time set");
        fold.check_changes(decided.changes, {});
    }
};

void ShardFold::fold_accepted(const CommandDecided& decided, const Derived& derived) {
    std::visit(AcceptedCommand{*this, decided, derived.moved}, decided.command.body);
}

/// Numbers assets as they come; 0 for that of an account which is not known.
std::uint32_t ShardFold::asset_number(AccountNumber account) {
    const Account* known = books_.accounts.known(account);
    if (known == nullptr) return 0;
    const auto next = static_cast<std::uint32_t>(asset_numbers_.size() + 1);
    return asset_numbers_.try_emplace(known->asset, next).first->second;
}

void ShardFold::keep_outcome(const CommandDecided& decided, std::uint64_t content) {
    if (!is_believed_) return;
    const Command& command = decided.command;
    IdRow row = row_of(IdRowKind::decided, command.ledger, command.id);
    row.position = content;
    row.outcome = static_cast<std::uint8_t>(decided.outcome);
    if (is_accepted(decided.outcome)) {
        const std::span<const Change> changes = decided.changes;
        const bool is_capture = std::holds_alternative<CaptureHold>(command.body);
        const bool is_pair =
            (std::holds_alternative<Transfer>(command.body) || is_capture) && changes.size() == 2;
        const bool is_entry = is_pair || std::holds_alternative<PostEntry>(command.body);
        if (is_entry) row.flags = IdRow::kIsEntry;
        if (is_pair) {
            row.flags |= IdRow::kIsPair;
            row.first = changes[0].account.value();
            row.second = changes[1].account.value();
            row.set_amount(changes[0].amount);
        }
        if (std::holds_alternative<PlaceHold>(command.body) && decided.hold) {
            row.flags |= IdRow::kIsHold;
            row.first = decided.hold->payer.value();
            row.second = decided.hold->payee ? decided.hold->payee->value() + 1 : 0;
        }
        if (is_entry && !is_pair) {
            for (std::size_t i = 0; i < changes.size(); ++i) {
                IdRow posting = row_of(IdRowKind::posting, command.ledger, command.id);
                posting.position = i;
                posting.first = changes[i].account.value();
                posting.second = asset_number(changes[i].account);
                posting.flags = changes[i].side == Side::credit ? IdRow::kCredit : std::uint8_t{0};
                posting.set_amount(changes[i].amount);
                sinks_.ids.add(posting);
            }
        }
        const auto named = hold_named(command.body);
        if (named && decided.hold && decided.hold->status != HoldStatus::open) {
            IdRow ended = row_of(IdRowKind::hold_ended, command.ledger, named->hold);
            ended.outcome = static_cast<std::uint8_t>(decided.hold->status);
            sinks_.ids.add(ended);
        }
    }
    sinks_.ids.add(row);
    keep_seen(command);
}

void ShardFold::keep_hold_refusal(const CommandDecided& decided) {
    const auto named = hold_named(decided.command.body);
    if (!named || is_accepted(decided.outcome)) return;
    if (books_.holds.find({decided.command.ledger, named->hold}) != nullptr) return;
    const auto plus_one = [&](AccountId id, std::uint32_t elsewhere) -> std::uint32_t {
        const auto number = books_.accounts.find(decided.command.ledger, id);
        return number ? number->value() + 1 : elsewhere;
    };
    // Without an account the refusal does not rest on the hold.
    if (named->account.is_zero()) return;
    IdRow row = row_of(IdRowKind::hold_refused, decided.command.ledger, named->hold);
    row.outcome = static_cast<std::uint8_t>(decided.outcome);
    row.first = plus_one(named->account, 0);
    row.second = named->credit.is_zero() ? 0 : plus_one(named->credit, IdRow::kElsewhere);
    keep(row);
}

}  // namespace vouch::reconciler
