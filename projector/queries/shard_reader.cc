#include "projector/queries/shard_reader.h"

#include "projector/queries/corrupt_view.h"
#include "projector/views/row_key.h"

#include <limits>
#include <utility>

namespace vouch::projector {

ShardReader::ShardReader(ShardId shard, std::unique_ptr<ViewSnapshot> snapshot)
    : shard_(shard),
      snapshot_(std::move(snapshot)),
      history_(snapshot_->cursor()),
      updates_(snapshot_->cursor()),
      due_(*this) {}

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

Result<bool> ShardReader::names(LedgerId ledger) {
    RowKey first(RowKind::command);
    first.put_u32(ledger.value());
    const std::unique_ptr<RowCursor> commands = snapshot_->cursor();
    commands->seek(first.view());
    if (const Status status = commands->status(); !status) return status.error();
    return commands->is_valid() && starts_with(commands->key(), first.view());
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

Result<std::vector<EventNumber>> ShardReader::find_conflicts(LedgerId ledger, CommandId id,
                                                             std::size_t max) {
    std::vector<EventNumber> found;
    const RowKey first = conflict_key(ledger, id, EventNumber(0));
    const ByteView prefix = first.view().first(first.view().size() - sizeof(std::uint64_t));
    const std::unique_ptr<RowCursor> rows = snapshot_->cursor();
    for (rows->seek(first.view());
         found.size() < max && rows->is_valid() && starts_with(rows->key(), prefix); rows->next()) {
        const std::optional<EventNumber> event = decode_trailing_event(rows->key());
        if (!event) return corrupt("a conflict's row is damaged");
        found.push_back(*event);
    }
    if (const Status status = rows->status(); !status) return status.error();
    return found;
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
