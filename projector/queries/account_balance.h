#pragma once

#include "events/money/account.h"
#include "events/money/amount.h"
#include "events/money/asset.h"
#include "projector/queries/metadata_pairs.h"
#include "projector/queries/recorded_at.h"
#include "projector/views/view_rows.h"

#include <cstdint>
#include <optional>
#include <string>

namespace vouch::projector {

/// An account without a name. One whose ULID is a number of 26 digits, the first of them no zero,
/// was named by that number: by chance one id in 10^13 is. Every other is shown in hexadecimal.
std::string shown_number(AccountId id);

/// What an account is: as it was opened, with risk class and metadata as they are now.
struct AccountInfo {
    LedgerId ledger;
    AccountId id;
    AccountNumber number;
    std::string name;  ///< empty when opened by number
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    std::string chart_code;
    std::string owner;
    std::uint8_t risk_class = 0;
    MetadataPairs metadata;
    RecordedAt opened;
    std::optional<TransitRoute> transit;  ///< given for a transit account: it has no id

    /// As people wrote it: the name, else the id as shown_number has it; "transit 0>1" for what is
    /// on its way between two shards.
    std::string shown() const;
};

/// An account and what is on it.
struct AccountBalance {
    AccountInfo account;
    Totals totals;
    Limit limit;
    AccountState state;
    Version version;
    AsOf as_of;
    /// Of what is held, by holds that are due: they have come to their end, the next record says
    /// so, and what they hold is available.
    Amount debits_due{};
    Amount credits_due{};
    /// Whether the answer is for ever; given for one about a time.
    std::optional<bool> settled{};

    Totals without_due() const;
};

/// "unlimited", or an amount.
std::string limit_text(const Limit& limit, Scale scale);

/// Where an account comes among all: by shard, and then in the order of opening.
struct AccountPosition {
    ShardId shard;
    AccountNumber number;
    friend auto operator<=>(const AccountPosition&, const AccountPosition&) = default;
};

}  // namespace vouch::projector
