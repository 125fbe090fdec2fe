#pragma once

#include "events/log/embedded/embedded_log.h"
#include "events/log/embedded/log_walk.h"

#include <string>

namespace vouch {

/// The steps of opening a log, for writer and reader alike.

/// `configuration` for options that no log can have.
Status check_options(const EmbeddedLogOptions& options);

/// Makes the log's directory, durably, unless it is there.
Status ensure_directory(Disk& disk, const std::string& directory);

/// Holds the log's directory for one writing process while the file is open. `fenced`, saying who
/// has it, otherwise.
Result<File> lock_directory(Disk& disk, const std::string& directory);

/// `configuration` when the log's first segment is missing or of another number of shards than
/// `shard_count` (0: any). Gives the number of shards.
Result<std::uint32_t> check_shard_count(SegmentTable& segments, const std::string& directory,
                                        std::uint32_t shard_count);

/// Makes what a walk found durable and what it cut vanish, so that new frames can follow `end`.
Status secure_end(Disk& disk, const std::string& directory, const LogWalk& walk, LogPosition end);

}  // namespace vouch
