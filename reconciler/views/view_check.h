#pragma once

#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"
#include "reconciler/reading/view_position.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace vouch::reconciler {

/// A view's row of one change of an account. An event that changes an account several times gives
/// several rows, in the order of the changes.
struct ViewHistoryRow {
    AccountNumber number;
    EventNumber event;
    std::uint16_t change = 0;  ///< which of the event's
    Version version;
    Totals totals;
    Limit limit;
    AccountState state;
    /// Of a posting: what statements show. Empty and zero for other changes.
    std::optional<Side> side;
    Amount amount;
};

/// A view's row of a command id: the event that holds its outcome. Of a command that crosses
/// shards, until its outcome is there, the event that says so.
struct ViewIdRow {
    LedgerId ledger;
    CommandId id;
    EventNumber event;
};

/// Between which shards a transit account stands: value goes from `from` to `to`.
struct ViewTransit {
    ShardId from;
    ShardId to;
};

/// An account as it was opened; a transit account has no id.
struct ViewAccount {
    AccountNumber number;
    LedgerId ledger;
    AccountId id;
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    std::uint8_t risk_class = 0;
    std::string_view name;
    std::string_view chart_code;
    std::string_view owner;
    std::span<const Metadata> metadata;
    std::optional<ViewTransit> transit;
    EventNumber event;
    RecordNumber record;
    Timestamp time;
};
struct ViewAccountId {
    LedgerId ledger;
    AccountId id;
    AccountNumber number;
};
struct ViewOwner {
    LedgerId ledger;
    std::string_view owner;
    AccountNumber number;
};
struct ViewRiskClass {
    AccountNumber number;
    std::uint8_t risk_class = 0;
};
struct ViewMetadata {
    AccountNumber number;
    std::span<const Metadata> metadata;
};
/// The newest state of a hold, and the event that led to it.
struct ViewHold {
    LedgerId ledger;
    HoldState hold;
    EventNumber event;
};
struct ViewHoldExpiry {
    LedgerId ledger;
    CommandId id;
    Timestamp expires_at;
};
/// What became of an entry: of this shard, or of another one that led it.
struct ViewEntry {
    LedgerId ledger;
    CommandId id;
    std::optional<ShardId> leader;
    bool reversed = false;
    EventNumber event;
};
struct ViewRefunded {
    LedgerId ledger;
    CommandId id;
    std::optional<ShardId> leader;
    Refunded refunded;
};
struct ViewContext {
    LedgerId ledger;
    std::string_view context;
    EventNumber event;
};
/// Of each member of a group that failed.
struct ViewFailedMember {
    LedgerId ledger;
    CommandId id;
    EventNumber event;
};
/// Of each command of other content that was sent under an id behind its first.
struct ViewConflict {
    LedgerId ledger;
    CommandId id;
    EventNumber event;
};
/// Any row that is found by what it is about. Texts live as long as the call that gives the row.
using ViewRow = std::variant<ViewAccount, ViewAccountId, ViewOwner, ViewRiskClass, ViewMetadata,
                             ViewHold, ViewHoldExpiry, ViewEntry, ViewRefunded, ViewContext,
                             ViewFailedMember, ViewConflict>;

/// Events of one record, as they stand in its body.
struct ViewEventBlock {
    EventNumber first;
    RecordNumber record;
    Timestamp time;
    ByteView events;  ///< until the next row
};
struct ViewRecordTime {
    Timestamp time;
    RecordNumber record;
    EventNumber first_event;
    std::uint32_t event_count = 0;
};
/// Rows in the order of the log, one by one.
template <class Row>
class ViewRows {
public:
    virtual ~ViewRows() = default;
    /// Empty at the end.
    virtual Result<std::optional<Row>> next() = 0;
};

/// Reads a projection for comparison with the log. The reconciler does not know the projector; the
/// program that has both implements this.
///
/// All calls of one shard see the same state of the view, that of `position`, however the projector
/// goes on (a snapshot). Called from one thread. A visitor is called once a row, in the order
/// given; it returns false to stop early, which is no fault. `corrupt` for bytes that are no row.
class ViewReader {
public:
    template <class Row>
    using Visitor = std::function<bool(const Row&)>;

    virtual ~ViewReader() = default;

    virtual Result<ViewPosition> position(ShardId shard) = 0;
    /// By ascending account number, from this one on, then event, then change.
    virtual Status visit_history(ShardId shard, AccountNumber from,
                                 const Visitor<ViewHistoryRow>& visit) = 0;
    /// In any order.
    virtual Status visit_ids(ShardId shard, const Visitor<ViewIdRow>& visit) = 0;
    /// In any order.
    virtual Status visit_rows(ShardId shard, const Visitor<ViewRow>& visit) = 0;
    /// By ascending event number.
    virtual std::unique_ptr<ViewRows<ViewEventBlock>> event_blocks(ShardId shard) = 0;
    /// By ascending time, then record.
    virtual std::unique_ptr<ViewRows<ViewRecordTime>> record_times(ShardId shard) = 0;
};

}  // namespace vouch::reconciler
