#pragma once

#include "events/log/log.h"
#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/mac.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace vouch::reconciler {

/// How far a shard's view has come: the first record that it has not applied, and the tag of the
/// record before (the genesis tag when it has applied none).
struct ViewPosition {
    ShardId shard;
    RecordNumber next_record;
    Digest digest{};
};

/// Between which shards a transit account stands: value goes from `from` to `to`.
struct ViewTransit {
    ShardId from;
    ShardId to;
    friend bool operator==(const ViewTransit&, const ViewTransit&) = default;
};

/// A view's newest row of an account; a transit account's id is zero.
struct ViewAccount {
    AccountNumber number;
    LedgerId ledger;
    AccountId id;
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    Version version;
    Totals totals;
    Limit limit;
    AccountState state;
    std::optional<ViewTransit> transit = {};
};

/// A view's row of one change of an account. An event that changes an account several times gives
/// several rows, in the order of the changes.
struct ViewHistoryRow {
    AccountNumber number;
    EventNumber event;
    Version version;
    Totals totals;
    Limit limit;
    AccountState state;
    /// Of a posting: what statements show. Empty and zero for other changes.
    std::optional<Side> side;
    Amount amount;
};

/// A view's row of a command id: the event that holds its outcome, which is that of the group for a
/// member of a group that failed. Of a command that crosses shards, until its outcome is there, the
/// event that says so.
struct ViewIdRow {
    LedgerId ledger;
    CommandId id;
    EventNumber event;
};

/// Reads a projection for comparison with the log. The reconciler does not know the projector; the
/// program that has both implements this.
///
/// All calls of one shard see the same state of the view, that of `position`, however the projector
/// goes on (a snapshot). Called from one thread. A visitor is called once a row, in the order
/// given; it returns false to stop early, which is no fault.
class ViewReader {
public:
    template <class Row>
    using Visitor = std::function<bool(const Row&)>;

    virtual ~ViewReader() = default;

    virtual Result<ViewPosition> position(ShardId shard) = 0;
    /// By ascending account number, one for each account.
    virtual Status visit_accounts(ShardId shard, const Visitor<ViewAccount>& visit) = 0;
    /// By ascending account number, then event, then version.
    virtual Status visit_history(ShardId shard, const Visitor<ViewHistoryRow>& visit) = 0;
    /// In any order.
    virtual Status visit_ids(ShardId shard, const Visitor<ViewIdRow>& visit) = 0;
};

}  // namespace vouch::reconciler
