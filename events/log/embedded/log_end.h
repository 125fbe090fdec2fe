#pragma once

#include "events/log/embedded/log_walk.h"

#include <cstdint>
#include <string>

namespace vouch {

/// Disks write sectors of this size whole or not at all: the one thing that is assumed of them.
inline constexpr std::uint64_t kSectorBytes = 512;

/// What bytes behind a log's end are.
enum class EndKind {
    torn,   ///< what a crash left of a write that nobody was told of
    rotten  ///< a frame that was written whole and has changed since: it may have been acknowledged
};

/// Judges the bytes at a log's end, of which no later frame proves anything.
///
/// Groups are written into zeros. So a frame that lacks something lacks whole sectors, and they are
/// zeros: a bad frame without such a sector is rotten, and so is a bad header that is not all
/// zeros, since it lies within one sector. A header is looked for where the next frame stands if it
/// was written: behind the last one in its group, behind the line that closes the group, and where
/// the next segment's first group begins.
///
/// Rot that turns a whole sector to zeros is taken for a tear; only witnesses tell it.
Result<EndKind> judge_end(SegmentTable& segments, LogPosition frames_end);

/// Whether it can have been acknowledged, and why; goes on a sentence.
std::string describe(EndKind kind);

}  // namespace vouch
