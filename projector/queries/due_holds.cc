#include "projector/queries/due_holds.h"

#include "projector/queries/shard_reader.h"
#include "projector/views/row_key.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace vouch::projector {

namespace {

/// No hold that is open in the newest state expires before: what was due at an earlier record's
/// time has expired. Empty without any record.
Result<std::optional<Timestamp>> first_expiry(ShardReader& shard) {
    const std::optional<Timestamp> last = shard.last_time();
    if (!last || last->value() == std::numeric_limits<std::int64_t>::min())
        return std::optional<Timestamp>();
    const std::unique_ptr<RowCursor> rows = shard.cursor();
    constexpr RecordNumber kLast(std::numeric_limits<std::uint64_t>::max());
    rows->seek_at_or_before(record_time_key(Timestamp(last->value() - 1), kLast).view());
    if (Status status = rows->status(); !status) return status.error();
    std::optional<RecordTimeKey> before;
    if (rows->is_valid()) before = decode_record_time_key(rows->key());
    return std::optional(before ? before->time : Timestamp(0));
}

}  // namespace

Status visit_due(ShardReader& shard, Timestamp from, Timestamp by, const DueVisitor& visit) {
    const Result<std::optional<Timestamp>> first = first_expiry(shard);
    if (!first) return first.error();
    if (!*first) return {};
    const std::unique_ptr<RowCursor> rows = shard.cursor();
    for (rows->seek(hold_expiry_key(std::max(**first, from), LedgerId(0), CommandId()).view());
         rows->is_valid() && is_kind(rows->key(), RowKind::hold_expiry); rows->next()) {
        const std::optional<HoldExpiryKey> key = decode_hold_expiry_key(rows->key());
        if (!key) return shard.corrupt("a hold's expiry row is damaged");
        if (key->expires_at > by) break;
        const Result<std::optional<HoldRow>> row = shard.find_hold(key->ledger, key->id);
        if (!row) return row.error();
        if (!*row) return shard.corrupt("a hold that expires is not there");
        const HoldState& hold = (*row)->hold;
        const bool is_open =
            hold.status == HoldStatus::open && hold.expires_at == key->expires_at;
        if (is_open && !visit(*key, **row)) return {};
    }
    return rows->status();
}

// A record begins with the expiry of all that is due at its time. So what is due behind a cut has
// expired right behind it; or it is open to this day, in books that have come no further.
Result<DueHolds::Sums> DueHolds::of(const Change& newest, EventNumber end, Timestamp by) {
    Sums due;
    if (newest.totals.debits_held.is_zero() && newest.totals.credits_held.is_zero()) return due;
    const Result<std::optional<Change>> expired = expired_after(newest, end, by);
    if (!expired) return expired.error();
    if (*expired) {
        const Totals& before = newest.totals;
        const Totals& after = (*expired)->totals;
        const std::optional<Amount> debits = before.debits_held.minus(after.debits_held);
        const std::optional<Amount> credits = before.credits_held.minus(after.credits_held);
        if (!debits || !credits) return shard_.corrupt("an expiry that holds more than was held");
        due = {*debits, *credits};
    }
    if (Status found = find_open(by); !found) return found.error();
    const auto open = open_.find(newest.account);
    if (open == open_.end()) return due;
    const std::optional<Amount> debits = due.debits.plus(open->second.debits);
    const std::optional<Amount> credits = due.credits.plus(open->second.credits);
    if (!debits || !credits || *debits > newest.totals.debits_held ||
        *credits > newest.totals.credits_held) {
        return shard_.corrupt("more is due than is held");
    }
    return Sums{*debits, *credits};
}

/// The account after the holds that expired right behind the cut.
Result<std::optional<Change>> DueHolds::expired_after(const Change& newest, EventNumber end,
                                                      Timestamp by) {
    std::optional<Change> after;
    if (end >= shard_.cut({})->end) return after;
    if (!history_) history_ = shard_.cursor();
    std::optional<EventWalk> events;
    for (history_->seek(history_key(newest.account, end, 0).view()); history_->is_valid();
         history_->next()) {
        const std::optional<HistoryKey> key = decode_history_key(history_->key());
        if (!key || key->account != newest.account) break;
        if (!events) events.emplace(shard_.shard(), shard_.cursor());
        if (Status found = events->seek(key->event); !found) return found.error();
        if (const Result<bool> read = events->next(); !read) return read.error();
        const auto* expired = std::get_if<HoldExpired>(&events->event());
        if (expired == nullptr || expired->hold.expires_at > by) break;
        after = decode_history(newest.account, history_->value());
        if (!after) return shard_.corrupt("a history row is damaged");
    }
    if (Status status = history_->status(); !status) return status.error();
    return after;
}

/// Of holds that are open in the newest state.
Status DueHolds::find_open(Timestamp by) {
    if (open_by_ == by) return {};
    // The present goes on from question to question: what was found before it stays due.
    const std::optional<Timestamp> found_by = std::exchange(open_by_, std::nullopt);
    const bool goes_on = found_by && *found_by < by;
    if (!goes_on) open_.clear();
    const Timestamp from = goes_on ? Timestamp(found_by->value() + 1) : Timestamp(0);
    bool fits = true;
    const Status visited =
        visit_due(shard_, from, by, [&](const HoldExpiryKey&, const HoldRow& row) {
            return fits = add(row.hold);
        });
    if (!visited) return visited;
    if (!fits) return shard_.corrupt("more is due than an account can hold");
    open_by_ = by;
    return {};
}

bool DueHolds::add(const HoldState& hold) {
    const auto add_to = [&](Amount& sum) {
        const std::optional<Amount> more = sum.plus(hold.remaining);
        if (more) sum = *more;
        return more.has_value();
    };
    return add_to(open_[hold.payer].debits) && (!hold.payee || add_to(open_[*hold.payee].credits));
}

}  // namespace vouch::projector
