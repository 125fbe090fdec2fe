#pragma once

#include "events/entries/event.h"
#include "events/money/amount.h"
#include "events/result.h"
#include "projector/views/row_key.h"
#include "projector/views/view_rows.h"
#include "projector/views/view_store.h"

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

namespace vouch::projector {

class ShardReader;

/// Each hold that is open though it expires at or before `by`, from a time on, in the order of
/// expiry, ledger and id, until the visitor says false.
using DueVisitor = std::function<bool(const HoldExpiryKey& key, const HoldRow& hold)>;
Status visit_due(ShardReader& shard, Timestamp from, Timestamp by, const DueVisitor& visit);

/// What holds that are due set aside on a shard's accounts: they expire at or before a time by
/// which no record has said so yet. The reader outlives it. One thread.
class DueHolds {
public:
    explicit DueHolds(ShardReader& shard) : shard_(shard) {}

    struct Sums {
        Amount debits;
        Amount credits;
    };
    /// Of holds that expire by `by`, as of the events before `end`, whose newest change of the
    /// account is `newest`. `by` is not before the last of these events.
    Result<Sums> of(const Change& newest, EventNumber end, Timestamp by);

private:
    Result<std::optional<Change>> expired_after(const Change& newest, EventNumber end,
                                                Timestamp by);
    Status find_open(Timestamp by);
    bool add(const HoldState& hold);

    ShardReader& shard_;
    std::unique_ptr<RowCursor> history_;  // made when it is first needed
    std::optional<Timestamp> open_by_;
    std::unordered_map<AccountNumber, Sums> open_;  // by then, of holds that are still open
};

}  // namespace vouch::projector
