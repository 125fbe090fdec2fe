#include "projector/queries/shard_readers.h"

#include "events/check.h"
#include "events/money/shard_of.h"
#include "events/seal/deployment.h"

#include <utility>

namespace vouch::projector {

Result<std::unique_ptr<ShardReaders>> ShardReaders::open(std::span<ViewStore* const> stores) {
    VOUCH_ASSERT(!stores.empty() && stores.size() <= kShardsMax);
    auto out = std::make_unique<ShardReaders>();
    for (std::uint32_t number = 0; number < stores.size(); ++number) {
        Result<std::unique_ptr<ShardReader>> shard =
            ShardReader::open(ShardId(number), *stores[number]);
        if (!shard) return shard.error();
        out->readers_.push_back(*std::move(shard));
    }
    return out;
}

ShardReader& ShardReaders::of_account(AccountId account) const {
    return *readers_[shard_of(account, static_cast<std::uint32_t>(readers_.size())).value()];
}

Result<const AccountInfo*> ShardReaders::find_account(LedgerId ledger, AccountId account) const {
    ShardReader& shard = of_account(account);
    const Result<std::optional<AccountNumber>> number = shard.find_account(ledger, account);
    if (!number) return number.error();
    if (!*number) return nullptr;
    return shard.account(**number);
}

std::string ShardReaders::shown(LedgerId ledger, AccountId account) const {
    const Result<const AccountInfo*> info = find_account(ledger, account);
    return info && *info != nullptr ? (*info)->shown() : shown_number(account);
}

}  // namespace vouch::projector
