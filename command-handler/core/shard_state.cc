#include "command-handler/core/shard_state.h"

#include "events/check.h"

#include <type_traits>
#include <utility>
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

/// Whether an account is new, and then its row is the next one. With `newest_wins` it may have been
/// loaded already.
bool is_opened_by(const Change& change, const AccountTable& accounts, bool newest_wins) {
    if (newest_wins && change.account < accounts.next()) return false;
    VOUCH_ASSERT(change.account == accounts.next());
    return true;
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
    const auto* opening = std::get_if<OpenAccount>(&event.command.body);
    if (opening == nullptr || event.changes.empty()) {
        apply_changes(event.changes, newest_wins);
        if (event.hold) put_hold(tables_.holds, event.command.ledger, *event.hold);
        return;
    }
    const Change& change = event.changes.front();
    if (!is_opened_by(change, tables_.accounts, newest_wins)) return;
    AccountRow row;
    set_standing(row.standing, change);
    row.id = opening->account;
    row.ledger = event.command.ledger;
    row.account_class = opening->account_class;
    tables_.open_account(row, opening->asset);
}

// With newest_wins the crossing may be gone already.
void ShardState::apply(const CommandAnswered& event, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    if (event.hold) put_hold(tables_.holds, event.ledger, *event.hold);
    const CrossingKey key{event.ledger, event.id};
    const std::optional<CrossingTable::Place> place = tables_.crossings.take(key);
    VOUCH_ASSERT(place.has_value() || newest_wins);
    if (place) changes_.keep_ended(key, *place);
}

void ShardState::apply(const HoldExpired& event, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    put_hold(tables_.holds, event.ledger, event.hold);
}

// A crossing that was loaded already is the same one: a command crosses once.
void ShardState::apply(const CommandInTransit& event, EventNumber number, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    if (event.hold) put_hold(tables_.holds, event.command.ledger, *event.hold);
    const CrossingKey key{event.command.ledger, event.command.id};
    if (newest_wins && tables_.crossings.find(key)) return;
    changes_.keep_begun(key, tables_.crossings.add(event, number));
}

void ShardState::apply(const StepFollowed& event, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    if (!event.hold) return;
    const std::optional<TransitKey> transit = tables_.transits.key_of(event.hold->payer);
    VOUCH_ASSERT(transit.has_value());
    put_hold(tables_.followed_holds[transit->from.value()], event.step.ledger, *event.hold);
}

void ShardState::apply(const TransitOpened& event, bool newest_wins) {
    if (!is_opened_by(event.change, tables_.accounts, newest_wins)) return;
    AccountRow row;
    set_standing(row.standing, event.change);
    row.ledger = event.ledger;
    row.account_class = AccountClass::liability;
    tables_.open_transit(row, {event.ledger, event.from, event.to, event.asset});
}

void ShardState::apply_changes(std::span<const Change> changes, bool newest_wins) {
    for (const Change& change : changes) {
        VOUCH_ASSERT(change.account < tables_.accounts.next());
        AccountStanding& standing = tables_.accounts.row(change.account).standing;
        if (newest_wins) {
            if (change.version <= standing.version) continue;
        } else {
            VOUCH_ASSERT(change.version == standing.version.next());
            changes_.keep_standing(change.account, standing);
        }
        set_standing(standing, change);
    }
}

void ShardState::put_hold(HoldTable& table, LedgerId ledger, const HoldState& hold) {
    std::optional<HoldState> before = table.put(ledger, hold);
    changes_.keep_hold(table, {ledger, hold.id}, std::move(before));
}

}  // namespace vouch::command_handler
