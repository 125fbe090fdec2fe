#pragma once

#include "events/log/log.h"
#include "events/result.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace vouch::reconciler {

/// Records before a shard's first end that are looked at for steps taken: what the log may tell of
/// two shards' ends in another order than it tells of their steps, at most.
inline constexpr std::uint64_t kCutTailRecords = 64;

/// Where each shard of a log beside running writers is to be read to, so that no record takes steps
/// of a record left out: all ends are taken first; then a shard's end is moved behind every record
/// of it whose steps an included record takes.
///
/// Only what may have been written meanwhile is read: the records between two takings of the ends,
/// and a short tail before. A record that was taken from and is not there stays out; the replay
/// says so. A fault is the log's, of taking an end.
Result<std::vector<RecordNumber>> closed_cut(LogReader& log);

/// The same for a copy that has to stand alone: brokers may show that a record's steps were taken
/// before they show the record. Such a record is waited for (kWholeCutLooks); `retriable` when it
/// does not come.
Result<std::vector<RecordNumber>> whole_cut(LogReader& log);
inline constexpr int kWholeCutLooks = 20;
inline constexpr std::chrono::milliseconds kWholeCutPause{100};

}  // namespace vouch::reconciler
