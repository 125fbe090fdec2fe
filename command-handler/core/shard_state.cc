#include "command-handler/core/shard_state.h"

#include "events/check.h"

namespace vouch::command_handler {
namespace {

AccountStanding standing_of(const Change& change) {
    return {.totals = change.totals,
            .limit_below_zero = change.limit.below_zero(),
            .version = change.version,
            .block = change.state.block,
            .closed = change.state.closed,
            .unlimited = change.limit.is_unlimited()};
}

}  // namespace

// With newest_wins no record is begun: a hold's later state may have been loaded already, and putting
// the older one back is harmless, because the events that led to the later one follow.
void ShardState::apply(const Event& event, bool newest_wins) {
    if (const auto* decided = std::get_if<CommandDecided>(&event)) {
        apply(*decided, newest_wins);
    } else if (const auto* expired = std::get_if<HoldExpired>(&event)) {
        apply(*expired, newest_wins);
    }
}

void ShardState::apply(const CommandDecided& event, bool newest_wins) {
    if (const auto* opening = std::get_if<OpenAccount>(&event.command.body); opening && !event.changes.empty()) {
        open(event.command, *opening, event.changes.front(), newest_wins);
        return;
    }
    apply_changes(event.changes, newest_wins);
    if (event.hold) put_hold(event.command.ledger, *event.hold);
}

void ShardState::apply(const HoldExpired& event, bool newest_wins) {
    apply_changes(event.changes, newest_wins);
    put_hold(event.ledger, event.hold);
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
        standing = standing_of(change);
    }
}

void ShardState::open(const Command& command, const OpenAccount& opening, const Change& change, bool newest_wins) {
    if (newest_wins && change.account.value() < accounts_.size()) return;
    VOUCH_ASSERT(change.account == next_account());
    AccountRow row;
    row.standing = standing_of(change);
    row.id = opening.account;
    row.ledger = command.ledger;
    row.asset_index = accounts_.intern(opening.asset);
    row.account_class = opening.account_class;
    accounts_.append(row);
}

void ShardState::put_hold(LedgerId ledger, const HoldState& hold) {
    std::optional<HoldState> before = holds_.put(ledger, hold);
    if (!undo_.empty()) undo_.back().holds.push_back({{ledger, hold.id}, std::move(before)});
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
    undo_to({0, 0, undo_.back().accounts});
    undo_.pop_back();
}

void ShardState::forget_oldest_record() {
    Undo& oldest = undo_.front();
    oldest.standings.clear();
    oldest.holds.clear();
    spare_undo_.push_back(std::move(oldest));
    undo_.pop_front();
}

ShardState::Mark ShardState::mark() const {
    return {undo_.back().standings.size(), undo_.back().holds.size(), accounts_.size()};
}

void ShardState::undo_to(const Mark& mark) {
    Undo& undo = undo_.back();
    while (undo.standings.size() > mark.standings) {
        const StandingBefore& before = undo.standings.back();
        accounts_.row(before.account).standing = before.standing;
        undo.standings.pop_back();
    }
    while (undo.holds.size() > mark.holds) {
        holds_.restore(undo.holds.back().key, undo.holds.back().hold);
        undo.holds.pop_back();
    }
    while (accounts_.size() > mark.accounts) accounts_.remove_last();
}

void ShardState::load_account(const AccountRow& row, Asset asset) {
    AccountRow loaded = row;
    loaded.asset_index = accounts_.intern(asset);
    accounts_.append(loaded);
}

}  // namespace vouch::command_handler
