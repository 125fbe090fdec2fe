#include "command-handler/core/open_changes.h"

#include "events/check.h"

namespace vouch::command_handler {

void OpenChanges::begin_record() {
    if (spare_.empty()) {
        records_.emplace_back();
    } else {
        records_.push_back(std::move(spare_.back()));
        spare_.pop_back();
    }
    records_.back().accounts = tables_.accounts.size();
}

void OpenChanges::undo_newest_record() {
    undo_to({0, 0, 0, records_.back().accounts});
    records_.pop_back();
}

void OpenChanges::forget_oldest_record() {
    Before& oldest = records_.front();
    oldest.standings.clear();
    oldest.holds.clear();
    for (const CrossingBefore& before : oldest.crossings) {
        if (before.was_there) tables_.crossings.free(before.place);
    }
    oldest.crossings.clear();
    spare_.push_back(std::move(oldest));
    records_.pop_front();
}

OpenChanges::Mark OpenChanges::mark() const {
    const Before& newest = records_.back();
    return {newest.standings.size(), newest.holds.size(), newest.crossings.size(),
            tables_.accounts.size()};
}

void OpenChanges::undo_to(const Mark& mark) {
    Before& newest = records_.back();
    while (newest.standings.size() > mark.standings) {
        const StandingBefore& before = newest.standings.back();
        tables_.accounts.row(before.account).standing = before.standing;
        newest.standings.pop_back();
    }
    while (newest.holds.size() > mark.holds) {
        const HoldBefore& before = newest.holds.back();
        before.table->restore(before.key, before.hold);
        newest.holds.pop_back();
    }
    while (newest.crossings.size() > mark.crossings) {
        const CrossingBefore& before = newest.crossings.back();
        if (before.was_there) {
            tables_.crossings.put_back(before.place);
        } else {
            const std::optional<CrossingTable::Place> place = tables_.crossings.take(before.key);
            VOUCH_ASSERT(place == before.place);
            tables_.crossings.free(before.place);
        }
        newest.crossings.pop_back();
    }
    while (tables_.accounts.size() > mark.accounts) tables_.remove_last_account();
}

void OpenChanges::keep_ended(const CrossingKey& key, CrossingTable::Place place) {
    if (records_.empty()) {
        tables_.crossings.free(place);
    } else {
        records_.back().crossings.push_back({key, place, true});
    }
}

}  // namespace vouch::command_handler
