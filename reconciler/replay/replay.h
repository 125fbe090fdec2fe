#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/world/files.h"
#include "reconciler/archive/archive_reader.h"
#include "reconciler/reading/kept_records.h"
#include "reconciler/verdict/report.h"
#include "reconciler/views/view_check.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace vouch::reconciler {

struct ReplayProgress {
    std::uint64_t records = 0;
    std::uint64_t records_expected = 0;
    std::uint64_t events = 0;
};

/// Memory of the id check, over all its buffers; ids beyond it go to temporary files. Of several
/// shards half as much again for what they sent each other and for ids that two of them have seen;
/// with views a quarter for their rows.
inline constexpr std::size_t kIdMemoryBytesDefault = 256u << 20;
/// Chunks that are read and not yet folded, for each thread.
inline constexpr std::size_t kChunksPerThread = 3;

/// The last record of a shard that is read.
struct LastRecord {
    ShardId shard;
    RecordNumber record;
};

struct ReplayOptions {
    /// Borrowed. Null: everything but the MACs is checked, and the report says so.
    const EpochKeys* keys = nullptr;
    /// Borrowed. Null: no projection is compared.
    ViewReader* views = nullptr;
    /// Where those stand who keep what they have seen of the log.
    std::vector<ViewPosition> positions;
    /// Whether of each shard somebody who counts for its end has seen that, and why not.
    bool is_end_known = false;
    std::string end_doubt;
    /// An archive's trailer and form. Borrowed; null when the log is no archive.
    const ArchiveReader* archive = nullptr;
    /// Records that the log must have: a head that was kept elsewhere. Empty: none was kept.
    std::optional<std::vector<KeptRecord>> kept;
    /// An archive that was kept elsewhere: what it holds must be the beginning of the log.
    /// Borrowed; may be null.
    ArchiveReader* since = nullptr;
    /// Shards that are read up to a record and no further; the others to their ends. Not beside
    /// `views`.
    std::vector<LastRecord> until;

    /// Whether the commands that were sent are held against the records, where somebody keeps them.
    bool inputs = false;

    unsigned threads = 0;  ///< 0: one for each core
    std::size_t id_memory_bytes = kIdMemoryBytesDefault;
    TemporaryPlace temporary;
    std::function<void(const ReplayProgress&)>
        progress;  ///< may be empty; called about once a chunk
};

/// Replays a whole log: checks every record and every event against docs/rules.md, in parallel and
/// in bounded memory (accounts, open holds, what is in transit, id_memory_bytes, chunks). Beside
/// running writers a closed cut is read (closed_cut.h): what was sent and is not yet taken there is
/// in flight, which is no finding.
///
/// `configuration` when a record that is named in `until` is not there. Never writes to the log. A
/// finding does not stop it; a fault is one of what this program needs
/// itself (temporary files, the views' store).
Result<ReplayReport> replay(LogReader& log, const Deployment& deployment,
                            const ReplayOptions& options);

}  // namespace vouch::reconciler
