#include "tools/vouch/view_rows_reader.h"

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

Fault corrupt_row(ShardId shard, std::string_view kind) {
    return {FaultCode::corrupt, "view of shard " + std::to_string(shard.value()) +
                                    ": a row of kind " + std::string(kind) +
                                    " that no projector wrote"};
}

bool is_kind(ByteView key, RowKind kind) {
    return !key.empty() && key[0] == static_cast<std::byte>(kind);
}

/// Calls `row` for every row of a kind, in the order of keys, until it gives false.
template <class Row>
Status visit_kind(ViewSnapshot& snapshot, RowKind kind, Row row) {
    const std::unique_ptr<RowCursor> cursor = snapshot.cursor();
    for (cursor->seek(RowKey(kind).view()); cursor->is_valid() && is_kind(cursor->key(), kind);
         cursor->next()) {
        const Result<bool> go_on = row(*cursor);
        if (!go_on) return go_on.error();
        if (!*go_on) return {};
    }
    return cursor->status();
}

std::uint64_t big_endian_at(ByteView key, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (const std::byte byte : key.subspan(at, size))
        value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
}

/// Command and failed member rows begin alike: kind (u8), ledger (u32), id (16 bytes).
constexpr std::size_t kIdKeyBytes = 1 + 4 + 16;

struct IdOfKey {
    LedgerId ledger;
    CommandId id;
    friend bool operator==(const IdOfKey&, const IdOfKey&) = default;
};

std::optional<IdOfKey> id_of(ByteView key) {
    if (key.size() < kIdKeyBytes) return std::nullopt;
    return IdOfKey{LedgerId(static_cast<std::uint32_t>(big_endian_at(key, 1, 4))),
                   CommandId(big_endian_at(key, 5, 8), big_endian_at(key, 13, 8))};
}

}  // namespace

Result<std::unique_ptr<ViewRowsReader>> ViewRowsReader::open(
    const Deployment& deployment, const std::vector<projector::ViewStore*>& stores) {
    std::unique_ptr<ViewRowsReader> reader(new ViewRowsReader(deployment));
    for (projector::ViewStore* store : stores) {
        Result<std::unique_ptr<ViewSnapshot>> snapshot = store->snapshot();
        if (!snapshot) return snapshot.error();
        reader->snapshots_.push_back(std::move(*snapshot));
    }
    return reader;
}

Result<reconciler::ViewPosition> ViewRowsReader::position(ShardId shard) {
    const std::optional<projector::ViewPosition>& found = snapshots_.at(shard.value())->position();
    if (!found) {
        return reconciler::ViewPosition{
            .shard = shard, .next_record = RecordNumber(0), .digest = deployment_.genesis_tag};
    }
    return reconciler::ViewPosition{
        .shard = shard, .next_record = found->next_record, .digest = found->digest};
}

Status ViewRowsReader::visit_accounts(ShardId shard,
                                      const Visitor<reconciler::ViewAccount>& visit) {
    ViewSnapshot& snapshot = *snapshots_.at(shard.value());
    const std::unique_ptr<RowCursor> history = snapshot.cursor();
    return visit_kind(snapshot, RowKind::account_opened, [&](const RowCursor& row) -> Result<bool> {
        const std::optional<AccountNumber> number = projector::decode_account_opened_key(row.key());
        const std::optional<projector::AccountOpened> opened =
            projector::decode_account_opened(row.value());
        if (!number || !opened) return corrupt_row(shard, "account_opened");
        // The newest state is the last row of the account's history.
        constexpr EventNumber kLast(std::numeric_limits<std::uint64_t>::max());
        history->seek_at_or_before(
            projector::history_key(*number, kLast, std::numeric_limits<std::uint16_t>::max())
                .view());
        if (!history->is_valid()) return corrupt_row(shard, "account_opened, without history,");
        const std::optional<projector::HistoryKey> key =
            projector::decode_history_key(history->key());
        if (!key || key->account != *number)
            return corrupt_row(shard, "account_opened, without history,");
        const std::optional<Change> newest = projector::decode_history(*number, history->value());
        if (!newest) return corrupt_row(shard, "history");
        std::optional<reconciler::ViewTransit> transit;
        if (opened->transit)
            transit = reconciler::ViewTransit{opened->transit->from, opened->transit->to};
        return visit({.number = *number,
                      .ledger = opened->ledger,
                      .id = opened->id,
                      .asset = opened->asset,
                      .account_class = opened->account_class,
                      .version = newest->version,
                      .totals = newest->totals,
                      .limit = newest->limit,
                      .state = newest->state,
                      .transit = transit});
    });
}

Status ViewRowsReader::visit_history(ShardId shard,
                                     const Visitor<reconciler::ViewHistoryRow>& visit) {
    return visit_kind(*snapshots_.at(shard.value()), RowKind::history,
                      [&](const RowCursor& row) -> Result<bool> {
                          const std::optional<projector::HistoryKey> key =
                              projector::decode_history_key(row.key());
                          if (!key) return corrupt_row(shard, "history");
                          const std::optional<Change> change =
                              projector::decode_history(key->account, row.value());
                          if (!change) return corrupt_row(shard, "history");
                          return visit({.number = key->account,
                                        .event = key->event,
                                        .version = change->version,
                                        .totals = change->totals,
                                        .limit = change->limit,
                                        .state = change->state,
                                        .side = change->side,
                                        .amount = change->amount});
                      });
}

Status ViewRowsReader::visit_ids(ShardId shard, const Visitor<reconciler::ViewIdRow>& visit) {
    ViewSnapshot& snapshot = *snapshots_.at(shard.value());
    bool stopped = false;
    const Status commands =
        visit_kind(snapshot, RowKind::command, [&](const RowCursor& row) -> Result<bool> {
            const std::optional<IdOfKey> id = id_of(row.key());
            const std::optional<std::uint64_t> event = projector::decode_number(row.value());
            if (!id || !event) return corrupt_row(shard, "command");
            stopped = !visit({.ledger = id->ledger, .id = id->id, .event = EventNumber(*event)});
            return !stopped;
        });
    if (!commands || stopped) return commands;
    // A member of a failed group that had no outcome of its own before: its first failed group.
    std::optional<IdOfKey> last;
    Bytes value;
    return visit_kind(snapshot, RowKind::failed_member, [&](const RowCursor& row) -> Result<bool> {
        const std::optional<IdOfKey> id = id_of(row.key());
        const std::optional<EventNumber> event = projector::decode_trailing_event(row.key());
        if (!id || !event) return corrupt_row(shard, "failed_member");
        if (last == id) return true;
        last = id;
        const Result<bool> has_own =
            snapshot.get(projector::command_key(id->ledger, id->id).view(), value);
        if (!has_own || *has_own) return has_own;
        return visit({.ledger = id->ledger, .id = id->id, .event = *event});
    });
}

}  // namespace vouch::cli
