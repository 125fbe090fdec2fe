#include "command-handler/core/shard_state.h"

#include "events/check.h"
#include "events/entries/event.h"

#include <type_traits>
#include <variant>

namespace vouch::command_handler {
namespace {

/// Member by member: a copy of a whole one would wait for the stores that make it.
void set_standing(AccountStanding& standing, const Change& change) {
    standing.totals = change.totals;
    standing.limit_below_zero = change.limit.below_zero();
    standing.version = change.version;
    standing.block = change.state.block;
    standing.closed = change.state.closed;
    standing.unlimited = change.limit.is_unlimited();
}

}  // namespace

// With newest_wins no record is begun: a hold's later state may have been loaded already, and
// putting the older one back is harmless, because the events that led to the later one follow.
void ShardState::apply(const Event& event, EventNumber number, bool newest_wins) {
    const auto visitor = [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, CommandInTransit>) {
            apply(e, number, newest_wins);
        } else if constexpr (ChangesAccounts<E>) {
            apply(e, newest_wins);
        }
    };
    std::visit(visitor, event);
}

void ShardState::apply(const CommandDecided& event, bool newest_wins) {
    if (const auto* opening = std::get_if<OpenAccount>(&event.command.body);
        opening && !event.changes.empty()) {
        open(event.command, *opening, event.changes.front(), newest_wins);
        return;
    }
    apply_changes(event.changes, newest_wins);
    if (event.hold) put_hold(holds_, event.command.ledger, *event.hold);
}

void ShardState::apply(const CommandAnswered& event, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    if (event.hold) put_hold(holds_, event.ledger, *event.hold);
    end_crossing({event.ledger, event.id}, newest_wins);
}

void ShardState::apply(const HoldExpired& event, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    put_hold(holds_, event.ledger, event.hold);
}

// A crossing that was loaded already is the same one: a command crosses once.
void ShardState::apply(const CommandInTransit& event, EventNumber number, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    if (event.hold) put_hold(holds_, event.command.ledger, *event.hold);
    const CrossingKey key{event.command.ledger, event.command.id};
    if (newest_wins && crossings_.find(key)) return;
    add_crossing(event, number);
}

void ShardState::apply(const StepFollowed& event, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    if (!event.hold) return;
    const std::optional<TransitKey> transit = transit_key(event.hold->payer);
    VOUCH_ASSERT(transit.has_value());
    put_hold(followed_holds_[transit->from.value()], event.step.ledger, *event.hold);
}

void ShardState::apply(const TransitOpened& event, bool newest_wins) {
    if (newest_wins && event.change.account.value() < accounts_.size()) return;
    VOUCH_ASSERT(event.change.account == next_account());
    AccountRow row;
    set_standing(row.standing, event.change);
    row.ledger = event.ledger;
    row.account_class = AccountClass::liability;
    load_transit(row, {event.ledger, event.from, event.to, event.asset});
}

void ShardState::apply_changes(std::span<const Change> changes, bool newest_wins) {
    for (const Change& change : changes) {
        VOUCH_ASSERT(change.account.value() < accounts_.size());
        AccountStanding& standing = accounts_.row(change.account).standing;
        if (newest_wins) {
            if (change.version <= standing.version) continue;
        } else {
            VOUCH_ASSERT(change.version == standing.version.next());
            if (!undo_.empty()) undo_.back().standings.push_back({change.account, standing});
        }
        set_standing(standing, change);
    }
}

void ShardState::open(const Command& command, const OpenAccount& opening, const Change& change,
                      bool newest_wins) {
    if (newest_wins && change.account.value() < accounts_.size()) return;
    VOUCH_ASSERT(change.account == next_account());
    AccountRow row;
    set_standing(row.standing, change);
    row.id = opening.account;
    row.ledger = command.ledger;
    row.asset_index = accounts_.intern(opening.asset);
    row.account_class = opening.account_class;
    accounts_.append(row);
}

void ShardState::put_hold(HoldTable& table, LedgerId ledger, const HoldState& hold) {
    std::optional<HoldState> before = table.put(ledger, hold);
    if (!undo_.empty())
        undo_.back().holds.push_back({&table, {ledger, hold.id}, std::move(before)});
}

void ShardState::add_crossing(const CommandInTransit& event, EventNumber number) {
    const CrossingTable::Place place = crossings_.add(event, number);
    count_crossing(place, true);
    if (undo_.empty()) return;
    undo_.back().crossings.push_back({{event.command.ledger, event.command.id}, place, false});
}

// What ends stays in its place until the record is durable. With newest_wins it may be gone
// already.
void ShardState::end_crossing(const CrossingKey& key, bool newest_wins) {
    const std::optional<CrossingTable::Place> place = crossings_.take(key);
    VOUCH_ASSERT(place.has_value() || newest_wins);
    if (!place) return;
    count_crossing(*place, false);
    if (undo_.empty()) {
        crossings_.free(*place);
    } else {
        undo_.back().crossings.push_back({key, *place, true});
    }
}

void ShardState::count_crossing(CrossingTable::Place place, bool is_new) {
    const Crossing& crossing = crossings_.at(place);
    if (!crossing.can_return) return;
    std::uint32_t& count = accounts_.row(crossing.payer).crossings;
    count = is_new ? count + 1 : count - 1;
}

void ShardState::remove_last_account() {
    const AccountNumber last(static_cast<std::uint32_t>(accounts_.size() - 1));
    if (accounts_.row(last).id.is_zero()) transits_.remove(last);
    accounts_.remove_last();
}

void ShardState::begin_record() {
    if (spare_undo_.empty()) {
        undo_.emplace_back();
    } else {
        undo_.push_back(std::move(spare_undo_.back()));
        spare_undo_.pop_back();
    }
    undo_.back().accounts = accounts_.size();
}

void ShardState::undo_newest_record() {
    undo_to({0, 0, 0, undo_.back().accounts});
    undo_.pop_back();
}

void ShardState::forget_oldest_record() {
    Undo& oldest = undo_.front();
    oldest.standings.clear();
    oldest.holds.clear();
    for (const CrossingBefore& before : oldest.crossings) {
        if (before.was_there) crossings_.free(before.place);
    }
    oldest.crossings.clear();
    spare_undo_.push_back(std::move(oldest));
    undo_.pop_front();
}

ShardState::Mark ShardState::mark() const {
    const Undo& newest = undo_.back();
    return {newest.standings.size(), newest.holds.size(), newest.crossings.size(),
            accounts_.size()};
}

void ShardState::undo_to(const Mark& mark) {
    Undo& undo = undo_.back();
    while (undo.standings.size() > mark.standings) {
        const StandingBefore& before = undo.standings.back();
        accounts_.row(before.account).standing = before.standing;
        undo.standings.pop_back();
    }
    while (undo.holds.size() > mark.holds) {
        const HoldBefore& before = undo.holds.back();
        before.table->restore(before.key, before.hold);
        undo.holds.pop_back();
    }
    while (undo.crossings.size() > mark.crossings) {
        const CrossingBefore& before = undo.crossings.back();
        if (before.was_there) {
            crossings_.put_back(before.place);
            count_crossing(before.place, true);
        } else {
            const std::optional<CrossingTable::Place> place = crossings_.take(before.key);
            VOUCH_ASSERT(place == before.place);
            count_crossing(before.place, false);
            crossings_.free(before.place);
        }
        undo.crossings.pop_back();
    }
    while (accounts_.size() > mark.accounts) remove_last_account();
}

void ShardState::load_account(const AccountRow& row, Asset asset) {
    AccountRow loaded = row;
    loaded.asset_index = accounts_.intern(asset);
    accounts_.append(loaded);
}

void ShardState::load_transit(const AccountRow& row, const TransitKey& key) {
    transits_.add(key, next_account());
    load_account(row, key.asset);
}

void ShardState::load_crossing(const CrossingKey& key, Crossing crossing) {
    count_crossing(crossings_.add(key, std::move(crossing)), true);
}

}  // namespace vouch::command_handler
