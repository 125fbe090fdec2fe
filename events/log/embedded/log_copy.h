#pragma once

#include "events/log/embedded/log_walk.h"

#include <string>

namespace vouch {

/// Copies a log up to `end` into a directory that holds none: the segments before that of the end
/// as they are, of that one what stands before the end, with zeros behind it, as when nothing more
/// had ever been written. The copy is durable on return, and a log of its own. `retriable`, with
/// what was made still there, when the disk has no room for it beside kLogReserveBytes.
Status copy_log(Files& files, SegmentTable& segments, const LogPosition& end,
                const std::string& into);

}  // namespace vouch
