#pragma once

#include "events/money/number.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/mac.h"

#include <cstddef>
#include <map>

namespace vouch {

/// What seals a shard's records, by epoch, each made when it is first needed. One thread.
class RecordMacs {
public:
    /// `keys` outlive it.
    RecordMacs(const EpochKeys& keys, ShardId shard) : keys_(&keys), shard_(shard) {}

    Mac& of(Epoch epoch) {
        const auto known = macs_.find(epoch);
        if (known != macs_.end()) return known->second;
        if (macs_.size() == kMacsKept) macs_.erase(macs_.begin());
        return macs_.emplace(epoch, Mac(keys_->record_key(shard_, epoch))).first->second;
    }

private:
    /// Reads go back and forth between the epochs of old records.
    static constexpr std::size_t kMacsKept = 16;

    const EpochKeys* keys_;
    ShardId shard_;
    std::map<Epoch, Mac> macs_;
};

}  // namespace vouch
