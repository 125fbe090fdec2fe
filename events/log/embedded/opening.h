#pragma once

#include "events/log/embedded/embedded_log.h"
#include "events/log/embedded/log_walk.h"
#include "events/log/log_witness.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vouch {

/// The steps of opening a log, for writer and reader alike.

/// `configuration` for options that no log can have.
Status check_options(const EmbeddedLogOptions& options);

/// `configuration`: a log that was made is not there.
Fault log_is_gone(const std::string& directory);
/// As log_is_gone when there is no such directory.
Status find_directory(Files& files, const std::string& directory);

/// Holds the log's directory for one writing process while the file is open. `fenced`, saying who
/// has it, otherwise.
Result<File> lock_directory(Files& files, const std::string& directory);

/// The same by the log's first segment, when the directory is locked: whoever takes a lock file for
/// stale and removes it leaves that.
Result<File> lock_first_segment(Files& files, const std::string& directory);

/// Whether a process has the log open for writing. Shares its lock for a moment, which keeps a
/// writer waiting: only for when something is wrong.
Result<bool> has_writer(Files& files, const std::string& directory);

/// `configuration` when the log's first segment is missing or of another number of shards than
/// `shard_count` (0: any). Gives the number of shards.
Result<std::uint32_t> check_shard_count(SegmentTable& segments, const std::string& directory,
                                        std::uint32_t shard_count);

/// `corrupt` when what a walk did not find may have been acknowledged: a witness has seen it (null:
/// there are none), or the bytes there are no torn write. Changes nothing.
Status check_end(SegmentTable& segments, const LogWalk& walk, std::uint32_t shard_count,
                 LogWitnesses* witnesses);

/// Copies what stands behind the end of a walk to files beside the segments, durably, and gives
/// their names: "cut-<segment>-<byte>-<n>", the bytes from that byte on. None is ever overwritten.
/// `retriable` when the disk is full; nothing is kept in part then.
Result<std::vector<std::string>> keep_remains(Files& files, const std::string& directory,
                                              const LogWalk& walk);

/// Makes what a walk found durable and what it cut vanish, so that a new group can follow.
Status secure_end(Files& files, const std::string& directory, const LogWalk& walk);

}  // namespace vouch
