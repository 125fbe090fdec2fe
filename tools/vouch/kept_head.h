#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/reading/kept_records.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vouch::cli {

/// Where a shard's durable records end: what is noted elsewhere, to be held against the books
/// later.
struct ShardHead {
    /// The newest record.
    struct Newest {
        RecordNumber record;
        Digest digest{};
        Timestamp time;
    };
    ShardId shard;
    std::optional<Newest> newest;  ///< empty for a shard without records
};

/// Reads and verifies each shard's newest record, without keys all but its tag. `corrupt` when it
/// is not what was written.
Result<std::vector<ShardHead>> read_heads(LogReader& log, const Deployment& deployment,
                                          const EpochKeys* keys);

/// One JSON object a line, one for each shard.
std::string to_json_lines(const Deployment& deployment, const std::vector<ShardHead>& heads,
                          bool is_verified);

/// Reads a file of such lines. `configuration`, naming line and field, for anything else, and for
/// one of other books.
Result<std::vector<reconciler::KeptRecord>> read_kept_head(const std::filesystem::path& file,
                                                           const Deployment& deployment);

}  // namespace vouch::cli
