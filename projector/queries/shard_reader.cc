#include "projector/queries/shard_reader.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "projector/views/row_key.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace vouch::projector {
namespace {

Fault corrupt_view(ShardId shard, const std::string& what) {
    return {FaultCode::corrupt, "view of shard " + std::to_string(shard.value()) + ": " + what};
}

/// No hold that is open in the newest state expires before: what was due at an earlier record's time
/// has expired. Empty without any record.
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

EventWalk::EventWalk(ShardId shard, std::unique_ptr<RowCursor> cursor)
    : shard_(shard), cursor_(std::move(cursor)) {}

Status EventWalk::seek(EventNumber event) {
    const bool is_in_block =
        !spans_.empty() && event >= first_ && event.value() - first_.value() < spans_.size();
    if (!is_in_block) {
        spans_.clear();
        cursor_->seek_at_or_before(event_block_key(event).view());
        const Result<bool> loaded = load_block();
        if (!loaded) return loaded.error();
        if (!*loaded) return corrupt_view(shard_, "no event " + std::to_string(event.value()));
    }
    // One past the block's end is the next block's first event.
    const std::uint64_t index = event.value() - first_.value();
    if (index > spans_.size()) {
        return corrupt_view(shard_, "no event " + std::to_string(event.value()));
    }
    index_ = static_cast<std::size_t>(index);
    return {};
}

Result<bool> EventWalk::next() {
    if (index_ == spans_.size()) {
        const EventNumber expected(first_.value() + spans_.size());
        if (spans_.empty()) {
            cursor_->seek(event_block_key(EventNumber(0)).view());
        } else {
            cursor_->next();
        }
        const Result<bool> loaded = load_block();
        if (!loaded || !*loaded) return loaded;
        if (first_ != expected) {
            return corrupt_view(shard_, "no event " + std::to_string(expected.value()));
        }
        index_ = 0;
    }
    arena_.clear();
    Result<Event> event = decode_event(spans_[index_], arena_);
    if (!event) {
        return corrupt_view(shard_, "event " + std::to_string(first_.value() + index_) + ": " +
                                        event.error().message);
    }
    event_ = *std::move(event);
    ++index_;
    return true;
}

Result<bool> EventWalk::load_block() {
    const Status status = cursor_->status();
    if (!status) return status.error();
    if (!cursor_->is_valid() || !is_kind(cursor_->key(), RowKind::event_block)) return false;
    const std::optional<EventNumber> first = decode_event_block_key(cursor_->key());
    const ByteView value = cursor_->value();
    block_.assign(value.begin(), value.end());
    const std::optional<EventBlock> block = decode_event_block(block_);
    if (!first || !block) return corrupt_view(shard_, "a block of events is damaged");
    first_ = *first;
    header_ = block->header;
    spans_.clear();
    EventReader reader(block->events);
    while (true) {
        const auto bytes = reader.next();
        if (!bytes) return corrupt_view(shard_, bytes.error().message);
        if (!*bytes) break;
        spans_.push_back(**bytes);
    }
    if (spans_.empty()) return corrupt_view(shard_, "a block without events");
    return true;
}

RecordedAt EventWalk::recorded() const {
    VOUCH_ASSERT(index_ > 0);
    return {shard_, header_.record, EventNumber(first_.value() + index_ - 1), header_.time};
}

ShardReader::ShardReader(ShardId shard, std::unique_ptr<ViewSnapshot> snapshot)
    : shard_(shard),
      snapshot_(std::move(snapshot)),
      history_(snapshot_->cursor()),
      updates_(snapshot_->cursor()) {}

Result<std::unique_ptr<ShardReader>> ShardReader::open(ShardId shard, ViewStore& store) {
    Result<std::unique_ptr<ViewSnapshot>> snapshot = store.snapshot();
    if (!snapshot) return snapshot.error();
    return std::unique_ptr<ShardReader>(new ShardReader(shard, *std::move(snapshot)));
}

AsOf ShardReader::as_of() const {
    AsOf out{shard_, {}};
    const std::optional<ViewPosition>& position = snapshot_->position();
    if (position && position->next_record.value() > 0) {
        out.record = RecordNumber(position->next_record.value() - 1);
    }
    return out;
}

std::optional<Timestamp> ShardReader::last_time() const {
    const std::optional<ViewPosition>& position = snapshot_->position();
    if (!position || position->next_record.value() == 0) return std::nullopt;
    return position->time;
}

Fault ShardReader::corrupt(const std::string& what) const { return corrupt_view(shard_, what); }

Result<std::optional<Bytes>> ShardReader::get(const RowKey& key) {
    Bytes value;
    const Result<bool> found = snapshot_->get(key.view(), value);
    if (!found) return found.error();
    if (!*found) return std::optional<Bytes>();
    return std::optional<Bytes>(std::move(value));
}

Result<ShardReader::Cut> ShardReader::cut(std::optional<Timestamp> at) {
    if (!at) {
        const std::optional<ViewPosition>& position = snapshot_->position();
        return Cut{position ? position->next_event : EventNumber(0), as_of().record};
    }
    const std::unique_ptr<RowCursor> cursor = snapshot_->cursor();
    constexpr RecordNumber kLast(std::numeric_limits<std::uint64_t>::max());
    cursor->seek_at_or_before(record_time_key(*at, kLast).view());
    const Status status = cursor->status();
    if (!status) return status.error();
    if (!cursor->is_valid() || !is_kind(cursor->key(), RowKind::record_time)) return Cut{};
    const std::optional<RecordTimeKey> key = decode_record_time_key(cursor->key());
    const std::optional<RecordEvents> events = decode_record_events(cursor->value());
    if (!key || !events) return corrupt("a record's row is damaged");
    return Cut{events->end(), key->record};
}

// Rows name no record by its number alone: the blocks of events, which know theirs, are halved
// until the record's first one is left.
Result<std::optional<EventNumber>> ShardReader::first_event_of(RecordNumber record) {
    const std::optional<RecordNumber> last = as_of().record;
    if (!last || *last < record) return std::optional<EventNumber>();
    const std::unique_ptr<RowCursor> cursor = snapshot_->cursor();
    std::uint64_t low = 0;
    std::uint64_t high = snapshot_->position()->next_event.value();
    std::optional<RecordNumber> found;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        cursor->seek_at_or_before(event_block_key(EventNumber(middle)).view());
        const Status status = cursor->status();
        if (!status) return status.error();
        if (!cursor->is_valid()) return corrupt("no event " + std::to_string(middle));
        const std::optional<EventNumber> first = decode_event_block_key(cursor->key());
        const std::optional<EventBlock> block = decode_event_block(cursor->value());
        if (!first || !block) return corrupt("a block of events is damaged");
        if (block->header.record < record) {
            low = middle + 1;
        } else {
            high = first->value();
            found = block->header.record;
        }
    }
    if (found != record) return corrupt("no record " + std::to_string(record.value()));
    return std::optional(EventNumber(high));
}

Result<std::optional<AccountNumber>> ShardReader::find_account(LedgerId ledger, AccountId id) {
    const Result<std::optional<Bytes>> row = get(account_id_key(ledger, id));
    if (!row) return row.error();
    if (!*row) return std::optional<AccountNumber>();
    const std::optional<std::uint64_t> number = decode_number(**row);
    if (!number || *number > std::numeric_limits<std::uint32_t>::max()) {
        return corrupt("an account's id row is damaged");
    }
    return std::optional(AccountNumber(static_cast<std::uint32_t>(*number)));
}

Result<const AccountInfo*> ShardReader::account(AccountNumber number) {
    const auto known = accounts_.find(number);
    if (known != accounts_.end()) return &known->second;
    Result<AccountInfo> read = read_account(number);
    if (!read) return read.error();
    if (accounts_.size() >= kAccountsCachedMax) accounts_.clear();
    return &accounts_.emplace(number, *std::move(read)).first->second;
}

Result<AccountInfo> ShardReader::read_account(AccountNumber number) {
    const Result<std::optional<Bytes>> row = get(account_opened_key(number));
    if (!row) return row.error();
    if (!*row) return corrupt("account number " + std::to_string(number.value()) + " is not open");
    std::optional<AccountOpened> opened = decode_account_opened(**row);
    if (!opened) return corrupt("an account's row is damaged");
    AccountInfo out;
    out.ledger = opened->ledger;
    out.id = opened->id;
    out.number = number;
    out.name = std::move(opened->name);
    out.asset = opened->asset;
    out.account_class = opened->account_class;
    out.chart_code = std::move(opened->chart_code);
    out.owner = std::move(opened->owner);
    out.risk_class = opened->risk_class;
    out.metadata = std::move(opened->metadata);
    out.transit = opened->transit;
    out.opened = {shard_, opened->record, opened->event, opened->time};
    const Status updated = add_updates(out);
    if (!updated) return updated.error();
    return out;
}

Status ShardReader::add_updates(AccountInfo& account) {
    // The account's rows of this kind are all that has its number as prefix.
    const RowKey first = account_update_key(account.number, AccountField::risk_class);
    const ByteView prefix = first.view().first(first.view().size() - 1);
    for (updates_->seek(prefix); updates_->is_valid() && starts_with(updates_->key(), prefix);
         updates_->next()) {
        const auto field = static_cast<AccountField>(updates_->key().back());
        if (field == AccountField::risk_class) {
            const std::optional<std::uint64_t> risk_class = decode_number(updates_->value());
            if (!risk_class || *risk_class > 255) return corrupt("a risk class is damaged");
            account.risk_class = static_cast<std::uint8_t>(*risk_class);
        } else {
            std::optional<MetadataPairs> metadata = decode_metadata(updates_->value());
            if (!metadata) return corrupt("an account's metadata is damaged");
            account.metadata = *std::move(metadata);
        }
    }
    return updates_->status();
}

Result<std::optional<Change>> ShardReader::newest_change(AccountNumber account, EventNumber end) {
    if (end.value() == 0) return std::optional<Change>();
    std::optional<Change> change;
    if (snapshot_->newest_history(account, end, newest_)) {
        change = decode_history(account, newest_);
    } else {
        constexpr std::uint16_t kLastChange = std::numeric_limits<std::uint16_t>::max();
        history_->seek_at_or_before(
            history_key(account, EventNumber(end.value() - 1), kLastChange).view());
        const Status status = history_->status();
        if (!status) return status.error();
        if (!history_->is_valid()) return std::optional<Change>();
        const std::optional<HistoryKey> key = decode_history_key(history_->key());
        if (!key || key->account != account) return std::optional<Change>();
        change = decode_history(account, history_->value());
    }
    if (!change) return corrupt("a history row is damaged");
    return change;
}

// A record begins with the expiry of all that is due at its time. So what is due behind a cut has
// expired right behind it; or it is open to this day, in books that have come no further.
Result<ShardReader::Due> ShardReader::due_of(const Change& newest, EventNumber end, Timestamp by) {
    Due due;
    if (newest.totals.debits_held.is_zero() && newest.totals.credits_held.is_zero()) return due;
    const Result<std::optional<Change>> expired = expired_after(newest, end, by);
    if (!expired) return expired.error();
    if (*expired) {
        const Totals& before = newest.totals;
        const Totals& after = (*expired)->totals;
        const std::optional<Amount> debits = before.debits_held.minus(after.debits_held);
        const std::optional<Amount> credits = before.credits_held.minus(after.credits_held);
        if (!debits || !credits) return corrupt("an expiry that holds more than was held");
        due = {*debits, *credits};
    }
    if (Status found = find_due(by); !found) return found.error();
    const auto open = due_.find(newest.account);
    if (open == due_.end()) return due;
    const std::optional<Amount> debits = due.debits.plus(open->second.debits);
    const std::optional<Amount> credits = due.credits.plus(open->second.credits);
    if (!debits || !credits || *debits > newest.totals.debits_held ||
        *credits > newest.totals.credits_held) {
        return corrupt("more is due than is held");
    }
    return Due{*debits, *credits};
}

/// The account after the holds that expired right behind the cut.
Result<std::optional<Change>> ShardReader::expired_after(const Change& newest, EventNumber end,
                                                         Timestamp by) {
    std::optional<Change> after;
    if (end >= cut({})->end) return after;
    std::optional<EventWalk> events;
    for (history_->seek(history_key(newest.account, end, 0).view()); history_->is_valid();
         history_->next()) {
        const std::optional<HistoryKey> key = decode_history_key(history_->key());
        if (!key || key->account != newest.account) break;
        if (!events) events.emplace(shard_, snapshot_->cursor());
        if (Status found = events->seek(key->event); !found) return found.error();
        if (const Result<bool> read = events->next(); !read) return read.error();
        const auto* expired = std::get_if<HoldExpired>(&events->event());
        if (expired == nullptr || expired->hold.expires_at > by) break;
        after = decode_history(newest.account, history_->value());
        if (!after) return corrupt("a history row is damaged");
    }
    if (Status status = history_->status(); !status) return status.error();
    return after;
}

/// Of holds that are open in the newest state.
Status ShardReader::find_due(Timestamp by) {
    if (due_by_ == by) return {};
    // The present goes on from question to question: what was found before it stays due.
    const std::optional<Timestamp> found_by = std::exchange(due_by_, std::nullopt);
    const bool goes_on = found_by && *found_by < by;
    if (!goes_on) due_.clear();
    const Result<std::optional<Timestamp>> first = first_expiry(*this);
    if (!first) return first.error();
    if (!*first) return {};
    const Timestamp from = goes_on ? std::max(**first, Timestamp(found_by->value() + 1)) : **first;
    const std::unique_ptr<RowCursor> rows = snapshot_->cursor();
    for (rows->seek(hold_expiry_key(from, LedgerId(0), CommandId()).view());
         rows->is_valid() && is_kind(rows->key(), RowKind::hold_expiry); rows->next()) {
        const std::optional<HoldExpiryKey> key = decode_hold_expiry_key(rows->key());
        if (!key) return corrupt("a hold's expiry row is damaged");
        if (key->expires_at > by) break;
        if (Status added = add_due(key->ledger, key->id, key->expires_at); !added) return added;
    }
    if (Status status = rows->status(); !status) return status;
    due_by_ = by;
    return {};
}

Status ShardReader::add_due(LedgerId ledger, CommandId id, Timestamp expires_at) {
    const Result<std::optional<HoldRow>> row = find_hold(ledger, id);
    if (!row) return row.error();
    if (!*row) return corrupt("a hold that expires is not there");
    const HoldState& hold = (*row)->hold;
    if (hold.status != HoldStatus::open || hold.expires_at != expires_at) return {};
    const auto add = [&](Amount& sum) {
        const std::optional<Amount> more = sum.plus(hold.remaining);
        if (more) sum = *more;
        return more.has_value();
    };
    const bool fits = add(due_[hold.payer].debits) &&
                      (!hold.payee || add(due_[*hold.payee].credits));
    return fits ? Status() : Status(corrupt("more is due than an account can hold"));
}

Result<std::optional<EventNumber>> ShardReader::find_command(LedgerId ledger, CommandId id) {
    const Result<std::optional<Bytes>> row = get(command_key(ledger, id));
    if (!row) return row.error();
    if (*row) {
        const std::optional<std::uint64_t> event = decode_number(**row);
        if (!event) return corrupt("a command's row is damaged");
        return std::optional(EventNumber(*event));
    }
    const RowKey first = failed_member_key(ledger, id, EventNumber(0));
    const std::unique_ptr<RowCursor> members = snapshot_->cursor();
    members->seek(first.view());
    const Status status = members->status();
    if (!status) return status.error();
    const ByteView prefix = first.view().first(first.view().size() - 8);
    if (!members->is_valid() || !starts_with(members->key(), prefix)) {
        return std::optional<EventNumber>();
    }
    return decode_trailing_event(members->key());
}

Result<std::optional<HoldRow>> ShardReader::find_hold(LedgerId ledger, CommandId id) {
    const Result<std::optional<Bytes>> row = get(hold_key(ledger, id));
    if (!row) return row.error();
    if (!*row) return std::optional<HoldRow>();
    const std::optional<HoldRow> hold = decode_hold(id, **row);
    if (!hold) return corrupt("a hold's row is damaged");
    return hold;
}

Result<std::optional<EntryStateRow>> ShardReader::find_entry_state(LedgerId ledger, CommandId id,
                                                                   Leader leader) {
    const Result<std::optional<Bytes>> row = get(entry_state_key(ledger, id, leader));
    if (!row) return row.error();
    if (!*row) return std::optional<EntryStateRow>();
    std::optional<EntryStateRow> state = decode_entry_state(**row);
    if (!state) return corrupt("an entry's row is damaged");
    return state;
}

Result<std::vector<Refunded>> ShardReader::find_refunded(LedgerId ledger, CommandId entry,
                                                         Leader leader) {
    std::vector<Refunded> found;
    const RowKey first = refunded_key(ledger, entry, leader, 0);
    const ByteView prefix = first.view().first(first.view().size() - sizeof(std::uint32_t));
    const std::unique_ptr<RowCursor> rows = snapshot_->cursor();
    for (rows->seek(first.view()); rows->is_valid() && starts_with(rows->key(), prefix);
         rows->next()) {
        const std::optional<Refunded> refunded = decode_refunded(rows->value());
        if (!refunded) return corrupt("a refunded sum's row is damaged");
        found.push_back(*refunded);
    }
    if (const Status status = rows->status(); !status) return status.error();
    return found;
}

}  // namespace vouch::projector
