#pragma once

#include "events/log/log.h"
#include "events/world/files.h"

#include <span>
#include <string>

namespace vouch {

/// Makes a log in a directory that holds none, of another log's records: of each shard those before
/// its entry of `ends`, with the same numbers, bytes and input positions. Steps are not kept with
/// them: whoever writes there builds those again that were under way, from their senders' records.
/// The log is durable on return.
///
/// Nothing is verified. `corrupt` for bytes that are no record, or where one is missing;
/// `retriable`, with what was made still there, when the disk has no room beside kLogReserveBytes.
Status fill_log(LogReader& from, std::span<const RecordNumber> ends, const std::string& into,
                Files& files = system_files());

}  // namespace vouch
