#pragma once

#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/mac.h"
#include "events/seal/record.h"
#include "events/seal/record_macs.h"

#include <optional>
#include <span>

namespace vouch {

/// Says whether stored bytes are the record that stands at a place of a shard's chain: their form,
/// their deployment, chain, shard and number, the body by the table, and the tag by its epoch's
/// key. What the record says about the ones before it is the caller's to compare.
///
/// Faults are `corrupt`, and name shard and record. One thread. Deployment and keys are borrowed.
class RecordVerifier {
public:
    /// `keys` null: all is checked but the tag.
    RecordVerifier(const Deployment& deployment, ShardId shard, const EpochKeys* keys)
        : deployment_(&deployment), shard_(shard) {
        if (keys != nullptr) macs_.emplace(*keys, shard);
    }

    /// A record, whole.
    Result<RecordView> verify(RecordNumber number, std::span<const std::byte> bytes);
    /// What stands before a body, off a record's first bytes (parse_front).
    Result<RecordFront> verify_front(RecordNumber number, std::span<const std::byte> bytes);

    Fault corrupt(RecordNumber number, const std::string& what) const;

private:
    Status check(RecordNumber number, const RecordHeader& header, const Tag& tag,
                 const Digest& digest);

    const Deployment* deployment_;
    ShardId shard_;
    std::optional<RecordMacs> macs_;  ///< empty: tags are not checked
};

}  // namespace vouch
