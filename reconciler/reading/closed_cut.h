#pragma once

#include "events/log/log.h"
#include "events/result.h"

#include <cstdint>
#include <vector>

namespace vouch::reconciler {

/// Records before a shard's first end that are looked at for steps taken, of a log that shows_late:
/// those of the time that what is recorded may be shown late by, at least and at most so many.
inline constexpr std::uint64_t kCutTailRecordsMin = 64;
inline constexpr std::uint64_t kCutTailRecordsMax = 4096;

/// A cut of a log: each shard's end, in the order of shards.
struct Cut {
    std::vector<RecordNumber> ends;
    /// Whether all is in it whose steps one of its records takes, and all that others had seen.
    bool is_whole = true;
};

/// Where each shard of a log beside running writers is to be read to, so that no record takes steps
/// of a record left out: all ends are taken first; then a shard's end is moved behind every record
/// of it whose steps an included record takes.
///
/// Only what may have been written meanwhile is read: the records between two takings of the ends;
/// where the log shows_late also a tail before. What was taken from, or was seen by others up to
/// `seen` (each shard's end, or nothing), and is not there, is waited for then; what does not come
/// stays out, and its reader says so. A fault is the log's, of taking an end.
Result<Cut> closed_cut(LogReader& log, const std::vector<RecordNumber>& seen = {});

/// The same for a copy that has to stand alone: `retriable` when it is not whole.
Result<std::vector<RecordNumber>> whole_cut(LogReader& log);

/// Whether ends are nowhere before others, of which there may be fewer.
bool reaches(const std::vector<RecordNumber>& ends, const std::vector<RecordNumber>& others);

}  // namespace vouch::reconciler
