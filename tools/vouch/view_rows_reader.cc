#include "tools/vouch/view_rows_reader.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/hex.h"
#include "projector/views/row_key.h"
#include "projector/views/view_rows.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace vouch::cli {

namespace {

using projector::RowCursor;
using projector::RowKey;
using projector::RowKind;
using projector::ViewSnapshot;
using projector::is_kind;

/// The key names the row, but for kinds of which it holds a text.
Fault corrupt_row(ShardId shard, ByteView key) {
    const bool has_text = is_kind(key, RowKind::context) || is_kind(key, RowKind::owner);
    return {FaultCode::corrupt, "view of shard " + std::to_string(shard.value()) + " row " +
                                    hex(has_text ? key.first(1) : key) +
                                    ": a row that no projector wrote"};
}

/// The rows of a view that is not there.
class NoRows final : public RowCursor {
public:
    void seek(ByteView) override {}
    void seek_at_or_before(ByteView) override {}
    void next() override {}
    bool is_valid() const override { return false; }
    ByteView key() const override { return {}; }
    ByteView value() const override { return {}; }
    Status status() const override { return {}; }
};

class NoView final : public ViewSnapshot {
public:
    const std::optional<projector::ViewPosition>& position() const override { return nowhere_; }
    Result<bool> get(ByteView, Bytes&) override { return false; }
    std::unique_ptr<RowCursor> cursor() override { return std::make_unique<NoRows>(); }
    bool newest_history(AccountNumber, EventNumber, Bytes&) override { return false; }

private:
    const std::optional<projector::ViewPosition> nowhere_;
};

/// Calls `row` for every row of a kind at or after `from`, in the order of keys, until it gives
/// false.
template <class Row>
Status visit_from(ViewSnapshot& snapshot, const RowKey& from, Row row) {
    const auto kind = static_cast<RowKind>(from.view()[0]);
    const std::unique_ptr<RowCursor> cursor = snapshot.cursor();
    for (cursor->seek(from.view()); cursor->is_valid() && is_kind(cursor->key(), kind);
         cursor->next()) {
        const Result<bool> go_on = row(*cursor);
        if (!go_on) return go_on.error();
        if (!*go_on) return {};
    }
    return cursor->status();
}

template <class Row>
Status visit_kind(ViewSnapshot& snapshot, RowKind kind, Row row) {
    return visit_from(snapshot, RowKey(kind), row);
}

/// Rows of a kind one by one, which `Decode` makes of a cursor's row.
template <class Row, std::optional<Row> (*decode)(const RowCursor&)>
class RowsInOrder final : public reconciler::ViewRows<Row> {
public:
    RowsInOrder(ViewSnapshot& snapshot, ShardId shard, RowKind kind)
        : cursor_(snapshot.cursor()), shard_(shard), kind_(kind) {}

    Result<std::optional<Row>> next() override {
        if (is_started_) {
            cursor_->next();
        } else {
            cursor_->seek(RowKey(kind_).view());
            is_started_ = true;
        }
        if (!cursor_->is_valid()) {
            if (Status read = cursor_->status(); !read) return read.error();
            return std::optional<Row>();
        }
        if (!is_kind(cursor_->key(), kind_)) return std::optional<Row>();
        std::optional<Row> row = decode(*cursor_);
        if (!row) return corrupt_row(shard_, cursor_->key());
        return row;
    }

private:
    std::unique_ptr<RowCursor> cursor_;
    ShardId shard_;
    RowKind kind_;
    bool is_started_ = false;
};

std::optional<reconciler::ViewEventBlock> event_block_of(const RowCursor& row) {
    const std::optional<EventNumber> first = projector::decode_event_block_key(row.key());
    const std::optional<projector::EventBlock> block = projector::decode_event_block(row.value());
    if (!first || !block) return std::nullopt;
    return reconciler::ViewEventBlock{*first, block->header.record, block->header.time,
                                      block->events};
}

std::optional<reconciler::ViewRecordTime> record_time_of(const RowCursor& row) {
    const std::optional<projector::RecordTimeKey> key =
        projector::decode_record_time_key(row.key());
    const std::optional<projector::RecordEvents> events =
        projector::decode_record_events(row.value());
    if (!key || !events) return std::nullopt;
    return reconciler::ViewRecordTime{key->time, key->record, events->first_event,
                                      events->event_count};
}

/// Takes a key apart behind its kind. What is not there reads as zero, and `is_done` is then false.
class KeyParts {
public:
    explicit KeyParts(ByteView key) : rest_(key.subspan(1)) {}

    std::uint64_t number(std::size_t size) { return from_big_endian(raw(size)); }
    std::string_view text() {
        const ByteView bytes = raw(number(1));
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    LedgerId ledger() { return LedgerId(static_cast<std::uint32_t>(number(4))); }
    AccountNumber account() { return AccountNumber(static_cast<std::uint32_t>(number(4))); }
    EventNumber event() { return EventNumber(number(8)); }
    template <class Id>
    Id id() {
        const std::uint64_t high = number(8);
        return Id(high, number(8));
    }
    std::optional<ShardId> leader() {
        const std::uint64_t number_plus_one = number(2);
        if (number_plus_one == 0) return std::nullopt;
        return ShardId(static_cast<std::uint32_t>(number_plus_one - 1));
    }
    bool is_done() const { return !has_failed_ && rest_.empty(); }

private:
    ByteView raw(std::size_t size) {
        if (size > rest_.size()) {
            has_failed_ = true;
            return {};
        }
        const ByteView taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }

    ByteView rest_;
    bool has_failed_ = false;
};

/// Makes the reconciler's rows of the projector's. What a row borrows lives until the next one.
class RowParts {
public:
    /// False for bytes that no projector wrote.
    bool read(RowKind kind, ByteView key_bytes, ByteView value) {
        KeyParts key(key_bytes);
        return read_row(kind, key, value) && key.is_done();
    }
    /// What was read last.
    const reconciler::ViewRow& row() const { return row_; }

private:
    bool read_row(RowKind kind, KeyParts& key, ByteView value) {
        switch (kind) {
            case RowKind::account_opened:
                return account(key.account(), value);
            case RowKind::account_update:
                return update(key, value);
            case RowKind::account_id:
                return account_id(key, value);
            case RowKind::hold:
                return hold(key, value);
            case RowKind::entry_state:
                return entry(key, value);
            case RowKind::refunded:
                return refunded(key, value);
            case RowKind::context:
            case RowKind::owner:
            case RowKind::failed_member:
            case RowKind::conflict:
            case RowKind::hold_expiry:
                return value.empty() && without_value(kind, key);
            // Read elsewhere.
            case RowKind::position:
            case RowKind::history:
            case RowKind::command:
            case RowKind::event_block:
            case RowKind::record_time:
                break;
        }
        return false;
    }
    bool without_value(RowKind kind, KeyParts& key) {
        if (kind == RowKind::hold_expiry) {
            const Timestamp expires_at = projector::unbiased(key.number(8));
            const LedgerId ledger = key.ledger();
            return keep(reconciler::ViewHoldExpiry{ledger, key.id<CommandId>(), expires_at});
        }
        // The parts of a list are taken in its order.
        const LedgerId ledger = key.ledger();
        if (kind == RowKind::failed_member)
            return keep(reconciler::ViewFailedMember{ledger, key.id<CommandId>(), key.event()});
        if (kind == RowKind::conflict)
            return keep(reconciler::ViewConflict{ledger, key.id<CommandId>(), key.event()});
        if (kind == RowKind::owner)
            return keep(reconciler::ViewOwner{ledger, key.text(), key.account()});
        return keep(reconciler::ViewContext{ledger, key.text(), key.event()});
    }
    bool account(AccountNumber number, ByteView value) {
        opened_ = projector::decode_account_opened(value);
        if (!opened_) return false;
        std::optional<reconciler::ViewTransit> transit;
        if (opened_->transit)
            transit = reconciler::ViewTransit{opened_->transit->from, opened_->transit->to};
        return keep(reconciler::ViewAccount{number,
                                       opened_->ledger,
                                       opened_->id,
                                       opened_->asset,
                                       opened_->account_class,
                                       opened_->risk_class,
                                       opened_->name,
                                       opened_->chart_code,
                                       opened_->owner,
                                       pairs(opened_->metadata),
                                       transit,
                                       opened_->event,
                                       opened_->record,
                                       opened_->time});
    }
    bool update(KeyParts& key, ByteView value) {
        const AccountNumber number = key.account();
        const auto field = static_cast<projector::AccountField>(key.number(1));
        if (field == projector::AccountField::risk_class) {
            const std::optional<std::uint64_t> risk_class = projector::decode_number(value);
            if (!risk_class || *risk_class > 0xff) return false;
            return keep(reconciler::ViewRiskClass{number, static_cast<std::uint8_t>(*risk_class)});
        }
        metadata_ = projector::decode_metadata(value);
        if (field != projector::AccountField::metadata || !metadata_) return false;
        return keep(reconciler::ViewMetadata{number, pairs(*metadata_)});
    }
    bool account_id(KeyParts& key, ByteView value) {
        const std::optional<std::uint64_t> number = projector::decode_number(value);
        if (!number || *number > std::numeric_limits<std::uint32_t>::max()) return false;
        return keep(reconciler::ViewAccountId{key.ledger(), key.id<AccountId>(),
                                              AccountNumber(static_cast<std::uint32_t>(*number))});
    }
    bool hold(KeyParts& key, ByteView value) {
        const LedgerId ledger = key.ledger();
        const std::optional<projector::HoldRow> hold =
            projector::decode_hold(key.id<CommandId>(), value);
        if (!hold) return false;
        return keep(reconciler::ViewHold{ledger, hold->hold, hold->event});
    }
    bool entry(KeyParts& key, ByteView value) {
        const std::optional<projector::EntryStateRow> state = projector::decode_entry_state(value);
        return state && keep(reconciler::ViewEntry{key.ledger(), key.id<CommandId>(), key.leader(),
                                                   state->reversed, state->event});
    }
    bool refunded(KeyParts& key, ByteView value) {
        const LedgerId ledger = key.ledger();
        const CommandId id = key.id<CommandId>();
        const std::optional<ShardId> leader = key.leader();
        const std::optional<Refunded> sum = projector::decode_refunded(value);
        if (!sum || sum->posting != key.number(4)) return false;
        return keep(reconciler::ViewRefunded{ledger, id, leader, *sum});
    }
    template <class Row>
    bool keep(const Row& row) {
        row_.emplace<Row>(row);
        return true;
    }
    std::span<const Metadata> pairs(
        const std::vector<std::pair<std::string, std::string>>& texts) {
        pairs_.clear();
        for (const auto& [key, value] : texts) pairs_.push_back({key, value});
        return pairs_;
    }

    reconciler::ViewRow row_;
    std::optional<projector::AccountOpened> opened_;
    std::optional<std::vector<std::pair<std::string, std::string>>> metadata_;
    std::vector<Metadata> pairs_;
};

/// Rows that are compared in an order of their own, or by their position.
bool is_read_elsewhere(RowKind kind) {
    return kind == RowKind::history || kind == RowKind::command || kind == RowKind::event_block ||
           kind == RowKind::record_time;
}

}  // namespace

std::unique_ptr<ViewRowsReader> ViewRowsReader::open(
    const Deployment& deployment, const std::vector<projector::ViewStore*>& stores) {
    std::unique_ptr<ViewRowsReader> reader(new ViewRowsReader(deployment));
    reader->faults_.resize(stores.size());
    for (std::size_t i = 0; i < stores.size(); ++i) {
        std::unique_ptr<ViewSnapshot> rows = std::make_unique<NoView>();
        if (stores[i] != nullptr) {
            Result<std::unique_ptr<ViewSnapshot>> snapshot = stores[i]->snapshot();
            if (snapshot)
                rows = std::move(*snapshot);
            else
                reader->faults_[i] = snapshot.error();
        }
        reader->snapshots_.push_back(std::move(rows));
    }
    return reader;
}

Result<reconciler::ViewPosition> ViewRowsReader::position(ShardId shard) {
    if (const auto& fault = faults_.at(shard.value())) return *fault;
    const std::optional<projector::ViewPosition>& found = snapshots_.at(shard.value())->position();
    if (!found) {
        return reconciler::ViewPosition{
            .shard = shard, .next_record = RecordNumber(0), .digest = deployment_.genesis_tag};
    }
    return reconciler::ViewPosition{
        .shard = shard,
        .next_record = found->next_record,
        .digest = found->digest,
        .next_event = found->next_event,
        .time = found->time};
}

Status ViewRowsReader::visit_history(ShardId shard, AccountNumber from,
                                     const Visitor<reconciler::ViewHistoryRow>& visit) {
    return visit_from(*snapshots_.at(shard.value()),
                      projector::history_key(from, EventNumber(0), 0),
                      [&](const RowCursor& row) -> Result<bool> {
                          const std::optional<projector::HistoryKey> key =
                              projector::decode_history_key(row.key());
                          if (!key) return corrupt_row(shard, row.key());
                          const std::optional<Change> change =
                              projector::decode_history(key->account, row.value());
                          if (!change) return corrupt_row(shard, row.key());
                          return visit({.number = key->account,
                                        .event = key->event,
                                        .change = key->change,
                                        .version = change->version,
                                        .totals = change->totals,
                                        .limit = change->limit,
                                        .state = change->state,
                                        .side = change->side,
                                        .amount = change->amount});
                      });
}

Status ViewRowsReader::visit_ids(ShardId shard, const Visitor<reconciler::ViewIdRow>& visit) {
    return visit_kind(
        *snapshots_.at(shard.value()), RowKind::command, [&](const RowCursor& row) -> Result<bool> {
            KeyParts key(row.key());
            const LedgerId ledger = key.ledger();
            const CommandId id = key.id<CommandId>();
            const std::optional<std::uint64_t> event = projector::decode_number(row.value());
            if (!key.is_done() || !event) return corrupt_row(shard, row.key());
            return visit({.ledger = ledger, .id = id, .event = EventNumber(*event)});
        });
}

Status ViewRowsReader::visit_rows(ShardId shard, const Visitor<reconciler::ViewRow>& visit) {
    const std::unique_ptr<RowCursor> cursor = snapshots_.at(shard.value())->cursor();
    RowParts parts;
    // Over all there is, so that a row of no kind is met too.
    for (cursor->seek({}); cursor->is_valid();) {
        const ByteView key = cursor->key();
        if (key.empty()) return corrupt_row(shard, key);
        const auto kind = static_cast<RowKind>(key[0]);
        if (is_read_elsewhere(kind)) {
            cursor->seek(RowKey(static_cast<RowKind>(static_cast<std::uint8_t>(kind) + 1)).view());
            continue;
        }
        if (kind != RowKind::position || key.size() != 1) {
            if (!parts.read(kind, key, cursor->value())) return corrupt_row(shard, key);
            if (!visit(parts.row())) return {};
        }
        cursor->next();
    }
    return cursor->status();
}

std::unique_ptr<reconciler::ViewRows<reconciler::ViewEventBlock>> ViewRowsReader::event_blocks(
    ShardId shard) {
    return std::make_unique<RowsInOrder<reconciler::ViewEventBlock, event_block_of>>(
        *snapshots_.at(shard.value()), shard, RowKind::event_block);
}

std::unique_ptr<reconciler::ViewRows<reconciler::ViewRecordTime>> ViewRowsReader::record_times(
    ShardId shard) {
    return std::make_unique<RowsInOrder<reconciler::ViewRecordTime, record_time_of>>(
        *snapshots_.at(shard.value()), shard, RowKind::record_time);
}

}  // namespace vouch::cli
