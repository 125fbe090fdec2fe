#pragma once

#include "events/money/amount.h"
#include "events/money/asset.h"
#include "events/money/hold.h"
#include "events/result.h"
#include "projector/queries/recorded_at.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::projector {

/// A hold as it is now; one that crossed, as it is on its payer's shard, which leads.
struct HoldAnswer {
    CommandId id;
    std::string id_text;  ///< as it was sent; empty where the event has no text
    LedgerId ledger;
    std::string payer;  ///< as shown
    std::string payee;  ///< empty: none yet
    Asset asset;
    Amount amount;  ///< as placed
    Amount remaining;
    Amount captured;
    HoldStatus status = HoldStatus::open;
    Timestamp expires_at;  ///< 0: never
    RecordedAt placed;
    EventNumber last_event;
    AsOf as_of;
    bool in_transit = false;         ///< the payee's shard has not said yet whether it takes it
    std::vector<RecordedAt> others;  ///< where else the id is a command's: see Books
    bool is_due = false;             ///< open, and past its end: the next record says so

    /// False of one that ends after the year 9999, too: no record is that late.
    bool expires() const;
    /// "due", or the status.
    std::string_view shown_status() const;
};

class ShardReader;
class ShardReaders;

/// The hold that a shard leads, but for `is_due` and `others`; empty when it leads none of that id.
Result<std::optional<HoldAnswer>> hold_on(const ShardReaders& shards, ShardReader& shard,
                                          LedgerId ledger, CommandId id);

}  // namespace vouch::projector
