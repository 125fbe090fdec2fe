#pragma once

#include "events/log/embedded/embedded_log.h"

#include <optional>
#include <string>
#include <vector>

namespace vouch {

/// How a log ends that does not open for writing because records may be lost.
struct LossReport {
    std::string stop;                ///< why it does not open; empty when it does
    std::string torn;                ///< of one that opens: the unfinished write that will be cut
    std::string place;               ///< the file and the bytes of it that have to be put back
    std::vector<RecordNumber> ends;  ///< by shard: the first record that cannot be read
    /// Shards of which lost records are known: by what can still be read of them, or by a witness.
    /// Empty when nothing tells whose the lost record is.
    std::vector<ShardId> losing;
    /// By shard: the last lost record that is known of, whether or not it can be read.
    std::vector<std::optional<RecordNumber>> last_lost;
    /// By shard: how many records stand behind the damage as they were written. Giving up the end
    /// gives them up too.
    std::vector<std::uint64_t> intact;
    /// By shard: the last record behind the end that can still be read; nobody has verified it.
    std::vector<std::optional<StoredRecord>> behind;
    /// By shard: who has seen most of what is lost; empty when nobody has.
    std::vector<std::optional<LogWitness>> seen;
    /// Why the loss cannot be accepted; empty when it can.
    std::string refused;
};

/// Looks, as opening would, and changes nothing. `fenced` while a process writes the log; whatever
/// else opening refuses is a fault here too, or `refused`.
Result<LossReport> examine_loss(const EmbeddedLogOptions& options, Files& files = system_files());

/// Gives up what examine_loss reports: copies it beside the segments, as a torn end is, and cuts
/// it. Gives the files that hold it. Repeated after a crash on the way it cuts what is left.
Result<std::vector<std::string>> cut_lost(const EmbeddedLogOptions& options,
                                          Files& files = system_files());

}  // namespace vouch
