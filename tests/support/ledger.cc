#include "tests/support/ledger.h"

#include "events/check.h"

#include <variant>

namespace vouch::test {

namespace {

std::string number_text(Amount amount) { return model::to_integer(amount).str(); }

}  // namespace

std::string render(const Told& told) {
    if (told.stage == Told::Stage::forwarded) return "forwarded";
    std::string text(told.stage == Told::Stage::in_transit ? "in_transit" : to_text(told.outcome));
    if (told.repeated) text += " repeated";
    text += model::render(told.facts);
    if (told.moved) text += " moved " + number_text(*told.moved);
    for (const MemberOutcome& member : told.members) {
        text +=
            " [" + std::string(to_text(member.outcome)) + (member.repeated ? " repeated]" : "]");
    }
    return text;
}

std::string render(const AccountView& a) {
    std::string text = "#" + std::to_string(a.number.value()) + " " + a.asset.text() + " " +
                       std::string(to_text(a.account_class)) + " v" +
                       std::to_string(a.version.value());
    text += " dr " + number_text(a.totals.debits_posted) + "+" + number_text(a.totals.debits_held);
    text +=
        " cr " + number_text(a.totals.credits_posted) + "+" + number_text(a.totals.credits_held);
    text += " limit " + (a.limit.is_unlimited() ? "unlimited" : number_text(a.limit.below_zero()));
    return text + " " + std::string(to_text(a.state)) + " " + std::string(to_text(a.state.block));
}

// --- The model --------------------------------------------------------------------------------

std::vector<Told> ModelLedger::play(std::span<const OwnedCommand> batch, Timestamp now) {
    const auto keep = [this](const std::vector<model::Effect>& effects) {
        effects_.insert(effects_.end(), effects.begin(), effects.end());
    };
    keep(model_.begin_record(now));
    std::vector<Told> told;
    for (const OwnedCommand& command : batch) {
        const model::Verdict verdict = model_.decide(command.view());
        keep(verdict.effects);
        told.push_back({Told::Stage::decided, verdict.outcome, verdict.repeated, verdict.facts,
                        verdict.moved, verdict.members});
    }
    return told;
}

BooksView ModelLedger::books() const {
    BooksView view;
    const model::Books& books = model_.books();
    for (const auto& [key, account] : books.accounts) {
        AccountView& row = view.accounts[key];
        row.number = account.number;
        row.asset = account.asset;
        row.account_class = account.account_class;
        row.limit = account.limit ? Limit(model::to_amount(*account.limit)) : Limit::unlimited();
        row.state = account.state;
        row.version = Version(account.version);
        row.totals = {
            model::to_amount(account.debits.posted), model::to_amount(account.credits.posted),
            model::to_amount(account.debits.held), model::to_amount(account.credits.held)};
    }
    for (const auto& [key, hold] : books.holds) {
        HoldState& state = view.holds[key];
        state.id = key.second;
        state.payer = books.accounts.at({key.first, hold.payer}).number;
        if (hold.payee) state.payee = books.accounts.at({key.first, *hold.payee}).number;
        state.remaining = model::to_amount(hold.remaining);
        state.captured = model::to_amount(hold.captured);
        state.expires_at = Timestamp(hold.expires_at);
        state.status = hold.status;
    }
    return view;
}

// --- Events -----------------------------------------------------------------------------------

AccountView& EventFold::row_of(AccountNumber number) {
    const auto transit = transits_.find(number);
    return transit != transits_.end() ? transit->second : books_.accounts.at(names_.at(number));
}

void EventFold::add_changes(std::span<const Change> changes) {
    for (const Change& change : changes) {
        AccountView& row = row_of(change.account);
        row.version = change.version;
        row.totals = change.totals;
        row.limit = change.limit;
        row.state = change.state;
    }
}

namespace {

/// What an outcome has, of a command decided at once or in transit before.
template <class Decided>
void fill(model::Effect& effect, const Decided& decided) {
    effect.outcome = decided.outcome;
    effect.changes.assign(decided.changes.begin(), decided.changes.end());
    effect.hold = decided.hold;
    if (decided.entry) {
        const auto& refunded = decided.entry->refunded;
        effect.entry = model::EntryAfter{
            decided.entry->id, decided.entry->reversed, {refunded.begin(), refunded.end()}};
    }
    effect.facts = decided.facts;
    effect.moved = decided.moved;
}

}  // namespace

void EventFold::add(const Event& event) {
    model::Effect effect;
    if (const auto* decided = std::get_if<CommandDecided>(&event)) {
        const Command& command = decided->command;
        if (decided->outcome == Outcome::opened) {
            const OpenAccount& open = std::get<OpenAccount>(command.body);
            const AccountNumber number = decided->changes.front().account;
            names_[number] = {command.ledger, open.account};
            AccountView& row = books_.accounts[names_[number]];
            row.number = number;
            row.asset = open.asset;
            row.account_class = open.account_class;
        }
        add_changes(decided->changes);
        if (decided->hold) books_.holds[{command.ledger, decided->hold->id}] = *decided->hold;

        effect.ledger = command.ledger;
        effect.id = command.id;
        effect.content = model::content_of(command);
        fill(effect, *decided);
        effect.group = decided->group;
        effect.members.assign(decided->members.begin(), decided->members.end());
    } else if (const auto* conflict = std::get_if<ConflictSeen>(&event)) {
        effect.kind = model::Effect::Kind::conflict;
        effect.ledger = conflict->command.ledger;
        effect.id = conflict->command.id;
        effect.content = model::content_of(conflict->command);
        effect.outcome = Outcome::conflict;
    } else if (const auto* expired = std::get_if<HoldExpired>(&event)) {
        add_changes(expired->changes);
        books_.holds[{expired->ledger, expired->hold.id}] = expired->hold;
        effect.kind = model::Effect::Kind::expired;
        effect.ledger = expired->ledger;
        effect.id = expired->hold.id;
        effect.hold = expired->hold;
        effect.changes.assign(expired->changes.begin(), expired->changes.end());
    } else if (const auto* in_transit = std::get_if<CommandInTransit>(&event)) {
        add_changes(in_transit->changes);
        const LedgerId ledger = in_transit->command.ledger;
        if (in_transit->hold) books_.holds[{ledger, in_transit->hold->id}] = *in_transit->hold;
        in_transit_[{ledger, in_transit->command.id}] = model::content_of(in_transit->command);
        return;
    } else if (const auto* answered = std::get_if<CommandAnswered>(&event)) {
        add_changes(answered->changes);
        if (answered->hold) books_.holds[{answered->ledger, answered->hold->id}] = *answered->hold;
        effect.ledger = answered->ledger;
        effect.id = answered->id;
        effect.content = in_transit_.at({answered->ledger, answered->id});
        fill(effect, *answered);
    } else if (const auto* followed = std::get_if<StepFollowed>(&event)) {
        add_changes(followed->changes);
        return;
    } else if (const auto* opened = std::get_if<TransitOpened>(&event)) {
        AccountView& row = transits_[opened->change.account];
        row.number = opened->change.account;
        row.asset = opened->asset;
        row.account_class = AccountClass::liability;
        add_changes({&opened->change, 1});
        return;
    } else {
        return;  // the log's own: terms, seals, what could not be read
    }
    effects_.push_back(std::move(effect));
}

}  // namespace vouch::test
