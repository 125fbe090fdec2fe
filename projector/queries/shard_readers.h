#pragma once

#include "projector/queries/shard_reader.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vouch::projector {

/// The views of all shards, by number, as of one moment. One thread.
class ShardReaders {
public:
    static Result<std::unique_ptr<ShardReaders>> open(std::span<ViewStore* const> stores);

    auto begin() const { return readers_.begin(); }
    auto end() const { return readers_.end(); }
    bool has(ShardId shard) const { return shard.value() < readers_.size(); }
    ShardReader& at(ShardId shard) const { return *readers_.at(shard.value()); }
    ShardReader& of_account(AccountId account) const;

    /// Null when the account is not open. Until the next call.
    Result<const AccountInfo*> find_account(LedgerId ledger, AccountId account) const;
    /// An account as people wrote it; as shown_number has it when it is not open or
    /// cannot be read.
    std::string shown(LedgerId ledger, AccountId account) const;

private:
    std::vector<std::unique_ptr<ShardReader>> readers_;
};

}  // namespace vouch::projector
