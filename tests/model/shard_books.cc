#include "tests/model/shard_books.h"

#include "events/money/outcome.h"
#include "events/money/shard_of.h"

#include <algorithm>
#include <variant>

namespace vouch::test {

using model::Integer;
using model::to_integer;

namespace {

/// Of one that goes wrong, the first faults tell; the rest follows from them.
constexpr std::size_t kFaultsMax = 8;

Integer posted_of(const Totals& totals) {
    return to_integer(totals.debits_posted) - to_integer(totals.credits_posted);
}
Integer held_of(const Totals& totals) {
    return to_integer(totals.debits_held) - to_integer(totals.credits_held);
}

}  // namespace

void ShardBooks::fault(const std::string& what) {
    if (faults_.size() < kFaultsMax)
        faults_.push_back("event " + std::to_string(events_) + ": " + what);
}

const ShardBooks::Account* ShardBooks::find(Keyed<AccountId> key) const {
    const auto found = numbers_.find(key);
    return found == numbers_.end() ? nullptr : &rows_.at(found->second);
}

std::vector<const ShardBooks::Account*> ShardBooks::accounts() const {
    std::vector<const Account*> all;
    for (const auto& [key, number] : numbers_) all.push_back(&rows_.at(number));
    return all;
}

std::vector<const ShardBooks::Account*> ShardBooks::transits() const {
    std::vector<const Account*> all;
    for (const auto& [number, row] : rows_) {
        if (row.transit) all.push_back(&row);
    }
    return all;
}

// --- Accounts and holds -----------------------------------------------------------------------

void ShardBooks::open(ShardId shard, const Account& account) {
    const NumberKey number{shard, account.newest.account};
    if (!rows_.emplace(number, account).second) fault("an account number is given twice");
    rows_[number].newest.version = Version(0);
    if (account.transit) return;
    if (!numbers_.emplace(Keyed<AccountId>{account.ledger, account.id}, number).second)
        fault("an account is opened twice");
}

void ShardBooks::check_change(const Account& account, const Change& next) {
    const std::string where = account.transit ? "transit account" : id_text(account.id);
    if (next.version != account.newest.version.next()) fault(where + ": version has a gap");
    if (account.newest.state.closed) fault(where + ": changed after it was closed");
    if (next.state.closed && posted_of(next.totals) != 0) fault(where + ": closed with a balance");
    if (next.state.closed && account.unanswered != 0) fault(where + ": closed too early");
}

void ShardBooks::check_limit(const Account& account) {
    const Totals& totals = account.newest.totals;
    const Side normal = normal_side(account.account_class);
    const Integer credits = to_integer(totals.credits_posted) + to_integer(totals.credits_held);
    if (Integer(credits + account.unanswered) >> 128 != 0)
        fault(id_text(account.id) + ": no room for what is unanswered");
    const Limit& limit = account.newest.limit;
    if (limit.is_unlimited()) return;
    // Coming back lowers an account that debits raise.
    const Side lowering = opposite(normal);
    Integer lowered = to_integer(totals.posted(lowering)) + to_integer(totals.held(lowering));
    if (lowering == Side::credit) lowered += account.unanswered;
    if (lowered > to_integer(totals.posted(normal)) + to_integer(limit.below_zero()))
        fault(id_text(account.id) + ": beyond its limit");
}

void ShardBooks::take_changes(ShardId shard, std::span<const Change> changes) {
    for (const Change& change : changes) {
        const auto found = rows_.find({shard, change.account});
        if (found == rows_.end()) {
            fault("a change of an unknown account");
            continue;
        }
        Account& row = found->second;
        check_change(row, change);
        const Integer posted = posted_of(change.totals) - posted_of(row.newest.totals);
        const Integer held = held_of(change.totals) - held_of(row.newest.totals);
        const Money money{row.ledger, row.asset};
        Sums& sums = sums_[{shard, money}];
        sums.posted += posted;
        sums.held += held;
        if (row.transit) {
            in_transit_[money] -= posted;
            auto& [leads, follows] =
                held_in_transit_[{row.transit->first, row.transit->second, money}];
            (shard == row.transit->first ? leads : follows) -= held;
        }
        row.newest = change;
        changed_.push_back({shard, change.account});
    }
}

void ShardBooks::take_hold(ShardId shard, LedgerId ledger, const HoldState& hold) {
    HoldState& known = holds_[{ledger, hold.id}];
    changed_hold_ = {ledger, hold.id};
    left_before_ = known.remaining;
    const auto payer = rows_.find({shard, hold.payer});
    if (payer == rows_.end()) return fault("a hold of an unknown account");
    if (!hold.payee) {
        one_sided_[{shard, {ledger, payer->second.asset}}] +=
            to_integer(hold.remaining) - to_integer(known.remaining);
    }
    if (!hold.remote_payee.is_zero()) {
        const Money money{ledger, payer->second.asset};
        left_of_holds_[{shard, shard_of(hold.remote_payee, shards_), money}].first +=
            to_integer(hold.remaining) - to_integer(known.remaining);
    }
    if (hold.status != HoldStatus::open && !hold.remaining.is_zero())
        fault("a closed hold has something left");
    if (known.status != HoldStatus::open && hold.status == HoldStatus::open)
        fault("a closed hold is open again");
    known = hold;
}

void ShardBooks::take_followed_hold(ShardId shard, LedgerId ledger, const HoldState& hold) {
    HoldState& known = followed_holds_[{shard, {ledger, hold.id}}];
    const auto payer = rows_.find({shard, hold.payer});
    if (payer == rows_.end() || !payer->second.transit)
        return fault("a followed hold of no transit account");
    const auto& [from, to] = *payer->second.transit;
    left_of_holds_[{from, to, {ledger, payer->second.asset}}].second -=
        to_integer(hold.remaining) - to_integer(known.remaining);
    known = hold;
}

void ShardBooks::check_sums(ShardId shard) {
    for (const auto& [key, sums] : sums_) {
        if (key.first != shard) continue;
        const std::string where =
            "shard " + std::to_string(shard.value()) + " " + key.second.second.text();
        if (sums.posted != 0) fault(where + ": debits exceed credits by " + sums.posted.str());
        const auto alone = one_sided_.find(key);
        const Integer expected = alone == one_sided_.end() ? Integer(0) : alone->second;
        if (sums.held != expected)
            fault(where + ": held debits exceed credits by " + sums.held.str());
    }
    for (const auto& [money, in_transit] : in_transit_) {
        const std::string where = money.second.text();
        const Integer& in_flight = in_flight_[money];
        if (in_flight < 0) fault(where + ": more has arrived than was sent");
        if (in_transit != in_flight) {
            fault(where + ": transit accounts have " + in_transit.str() + ", under way are " +
                  in_flight.str());
        }
    }
    for (const auto& [key, held] : held_in_transit_) {
        if (held == left_of_holds_[key]) continue;
        fault("held in transit are " + held.first.str() + " and " + held.second.str() +
              ", other than holds have left");
    }
}

/// What was captured of a hold is what its captures took, or have under way.
void ShardBooks::count_captured(const Command& command, const Integer& amount) {
    const auto* capture = std::get_if<CaptureHold>(&command.body);
    if (capture == nullptr) return;
    changed_hold_ = {command.ledger, capture->hold};
    captured_[*changed_hold_] += amount;
}

void ShardBooks::check_captured() {
    if (!changed_hold_) return;
    const Integer told = to_integer(holds_[*changed_hold_].captured);
    const Integer& taken = captured_[*changed_hold_];
    if (told != taken) {
        fault("hold " + id_text(changed_hold_->second) + " says captured " + told.str() +
              ", its captures took " + taken.str());
    }
    changed_hold_.reset();
}

// --- Commands ---------------------------------------------------------------------------------

std::optional<Integer> ShardBooks::amount_of(const Command& command,
                                             std::optional<Amount> moved) const {
    if (std::holds_alternative<PlaceHold>(command.body)) return Integer(0);
    if (moved) return to_integer(*moved);
    if (const auto* transfer = std::get_if<Transfer>(&command.body))
        return to_integer(transfer->amount);
    if (const auto* capture = std::get_if<CaptureHold>(&command.body))
        return capture->amount ? std::optional(to_integer(*capture->amount)) : std::nullopt;
    if (const auto* refund = std::get_if<Refund>(&command.body))
        return refund->amount ? std::optional(to_integer(*refund->amount)) : std::nullopt;
    if (const auto* reverse = std::get_if<Reverse>(&command.body)) {
        const auto entry = followed_entries_.find({command.ledger, reverse->entry});
        if (entry == followed_entries_.end()) return std::nullopt;
        return entry->second;
    }
    return Integer(0);  // a hold is released
}

void ShardBooks::take_in_transit(ShardId shard, const CommandInTransit& sent) {
    const Keyed<CommandId> key{sent.command.ledger, sent.command.id};
    ++crossings_begun_;
    take_changes(shard, sent.changes);
    if (sent.hold) take_hold(shard, sent.command.ledger, *sent.hold);
    accepted_.push_back({own(sent.command), false, std::nullopt, std::nullopt, true});

    Crossing crossing;
    crossing.place = accepted_.size() - 1;
    const std::optional<Integer> amount = amount_of(sent.command, sent.moved);
    if (!amount) return fault("it is not known what a command in transit moves");
    crossing.sent = *amount;
    if (!sent.changes.empty()) {
        const auto payer = rows_.find({shard, sent.changes.front().account});
        if (payer != rows_.end()) {
            crossing.money = {sent.command.ledger, payer->second.asset};
            crossing.payer = payer->first;
            payer->second.unanswered += crossing.sent;
        }
    }
    in_flight_[crossing.money] += crossing.sent;
    count_captured(sent.command, crossing.sent);
    if (outcomes_.contains(key) || !crossings_.emplace(key, crossing).second)
        fault("a command begins twice");
}

void ShardBooks::take_outcome(ShardId shard, const CommandAnswered& answered) {
    const Keyed<CommandId> key{answered.ledger, answered.id};
    if (!outcomes_.emplace(key, answered.outcome).second) fault("a command has two outcomes");
    take_changes(shard, answered.changes);
    if (answered.hold) take_hold(shard, answered.ledger, *answered.hold);
    const auto found = crossings_.find(key);
    if (found == crossings_.end()) return fault("an outcome of nothing in transit");
    const Crossing& crossing = found->second;
    Accepted& accepted = accepted_.at(crossing.place);
    accepted.outcome = answered.outcome;
    if (is_accepted(answered.outcome)) {
        const Integer taken = crossing.taken.value_or(0);
        const Integer told = amount_of(accepted.command.view(), answered.moved).value_or(-1);
        if (told != taken) fault("told is " + told.str() + ", taken " + taken.str());
        const bool is_posted = taken != 0 && taken <= crossing.sent;
        accepted.moved = is_posted ? std::optional(model::to_amount(taken)) : answered.moved;
    } else {
        ++crossings_refused_;
        if (crossing.taken.value_or(0) != 0) fault("refused, and taken nevertheless");
        count_captured(accepted.command.view(), -crossing.sent);
        if (crossing.payer) check_held_again(answered, crossing);
    }
    if (!crossing.is_followed) fault("an outcome before the other shard has followed");
    // What was not taken has come back by this event's changes.
    in_flight_[crossing.money] -= crossing.sent - crossing.taken.value_or(0);
    if (crossing.payer) rows_.at(*crossing.payer).unanswered -= crossing.sent;
    crossings_.erase(found);
}

/// What a named payee refused is held again where it can be.
void ShardBooks::check_held_again(const CommandAnswered& answered, const Crossing& crossing) {
    const auto* capture = std::get_if<CaptureHold>(&accepted_.at(crossing.place).command.head.body);
    const auto hold =
        capture == nullptr ? holds_.end() : holds_.find({answered.ledger, capture->hold});
    if (hold == holds_.end() || hold->second.payee || hold->second.status != HoldStatus::open)
        return;
    if (hold->second.remaining > left_before_) return;
    ++holds_cut_;
    const Totals& totals = rows_.at(*crossing.payer).newest.totals;
    const Integer debits = to_integer(totals.debits_posted) + to_integer(totals.debits_held);
    if (Integer(debits + crossing.sent) >> 128 == 0) fault("what came back is not held again");
}

void ShardBooks::take_decided(ShardId shard, const CommandDecided& decided) {
    const Command& command = decided.command;
    const Keyed<CommandId> key{command.ledger, command.id};
    if (!outcomes_.emplace(key, decided.outcome).second) fault("a command has two outcomes");
    if (decided.outcome == Outcome::opened) {
        const auto& body = std::get<OpenAccount>(command.body);
        open(shard, {command.ledger,
                     body.account,
                     body.asset,
                     body.account_class,
                     {},
                     decided.changes.front()});
    }
    take_changes(shard, decided.changes);
    if (decided.hold) take_hold(shard, command.ledger, *decided.hold);
    if (!is_accepted(decided.outcome)) return;
    count_captured(command, amount_of(command, decided.moved).value_or(0));
    accepted_.push_back({own(command), false, decided.outcome, decided.moved, false});
}

void ShardBooks::take_followed(ShardId shard, const StepFollowed& followed) {
    const Keyed<CommandId> key{followed.step.ledger, followed.step.command};
    take_changes(shard, followed.changes);
    if (followed.hold) take_followed_hold(shard, key.first, *followed.hold);
    const auto* release = std::get_if<ReleaseStep>(&followed.step.kind);
    if (release != nullptr && release->expired) return;
    const auto found = crossings_.find(key);
    if (found == crossings_.end()) return fault("a step of nothing in transit");
    Crossing& crossing = found->second;
    if (crossing.is_followed) return fault("a step is followed twice");
    crossing.is_followed = true;
    if (!is_accepted(followed.outcome)) return;
    const bool is_new =
        !std::holds_alternative<CaptureStep>(followed.step.kind) && release == nullptr;
    if (is_new && followed.changes.size() == 2) {
        const auto payee = rows_.find({shard, followed.changes[1].account});
        if (payee != rows_.end() && blocks(payee->second.newest.state.block, Side::credit))
            fault(id_text(payee->second.id) + ": takes money while its credits are frozen");
    }
    Integer taken = 0;
    if (const auto* credit = std::get_if<CreditStep>(&followed.step.kind)) {
        taken = to_integer(followed.moved.value_or(credit->amount));
        if (credit->makes_entry) followed_entries_[key] = taken;
    }
    if (const auto* capture = std::get_if<CaptureStep>(&followed.step.kind)) {
        taken = to_integer(capture->amount);
        followed_entries_[key] = taken;
    }
    crossing.taken = taken;
    in_flight_[crossing.money] -= taken;
}

void ShardBooks::take(ShardId shard, const Event& event) {
    if (const auto* decided = std::get_if<CommandDecided>(&event)) {
        take_decided(shard, *decided);
    } else if (const auto* sent = std::get_if<CommandInTransit>(&event)) {
        take_in_transit(shard, *sent);
    } else if (const auto* answered = std::get_if<CommandAnswered>(&event)) {
        take_outcome(shard, *answered);
    } else if (const auto* followed = std::get_if<StepFollowed>(&event)) {
        take_followed(shard, *followed);
    } else if (const auto* opened = std::get_if<TransitOpened>(&event)) {
        open(shard, {opened->ledger, AccountId(), opened->asset, AccountClass::liability,
                     std::pair{opened->from, opened->to}, opened->change});
        take_changes(shard, {&opened->change, 1});
    } else if (const auto* expired = std::get_if<HoldExpired>(&event)) {
        take_changes(shard, expired->changes);
        take_hold(shard, expired->ledger, expired->hold);
        OwnedCommand release;
        release.head.ledger = expired->ledger;
        release.head.body =
            ReleaseHold{expired->hold.id, rows_.at({shard, expired->hold.payer}).id};
        accepted_.push_back({release, true, Outcome::released, std::nullopt, false});
    }
    check_sums(shard);
    check_captured();
    for (const NumberKey& changed : changed_) check_limit(rows_.at(changed));
    changed_.clear();
    ++events_;
}

bool ShardBooks::is_under_way() const {
    const auto is_even = [](const auto& each) {
        return each.second.first + each.second.second == 0;
    };
    return !crossings_.empty() || !std::ranges::all_of(held_in_transit_, is_even) ||
           std::ranges::any_of(in_transit_, [](const auto& each) { return each.second != 0; });
}

void ShardBooks::check_at_rest() {
    if (!crossings_.empty()) fault(std::to_string(crossings_.size()) + " commands have no outcome");
    for (const auto& [money, amount] : in_transit_) {
        if (amount != 0) fault(amount.str() + " is left in transit");
    }
    for (const auto& [key, held] : held_in_transit_) {
        // One shard has it on its credit side, the other on its debit side.
        if (held.first + held.second != 0)
            fault("held in transit: " + held.first.str() + " and " + held.second.str());
    }
    for (const auto& [key, hold] : holds_) {
        if (hold.remote_payee.is_zero()) continue;
        const ShardId follows = shard_of(hold.remote_payee, shards_);
        const auto followed = followed_holds_.find({follows, key});
        const bool is_known = followed != followed_holds_.end();
        const Integer left = is_known ? to_integer(followed->second.remaining) : Integer(0);
        if (hold.status != HoldStatus::refused && !is_known) fault("a hold nobody followed");
        if (left != to_integer(hold.remaining)) fault("two shards differ in what a hold has left");
    }
}

}  // namespace vouch::test
