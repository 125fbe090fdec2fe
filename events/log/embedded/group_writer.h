#pragma once

#include "events/log/embedded/log_walk.h"
#include "events/log/embedded/segment_preparer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace vouch {

/// A commit on its way to the disk. The bytes of record and steps are borrowed from whoever
/// commits.
struct QueuedFrame {
    FrameHeader header;  ///< the writer fills in where it lies and durable_below
    std::vector<StepEntry> steps;
    Bytes table;                 ///< `steps`, encoded
    std::vector<ByteView> body;  ///< the record's pieces, then the batches of steps
};

/// Writes frames to the end of the log and syncs them. One thread.
class GroupWriter {
public:
    GroupWriter(SegmentPreparer& preparer, Segment segment, LogPosition position)
        : preparer_(preparer), segment_(std::move(segment)), position_(position) {}

    /// Writes as many of the first frames as fit into one segment, with one pwritev and one
    /// fdatasync, and says how many: they are durable then. At least one frame is given, and each
    /// fits into an empty segment. After a fault nothing more may be written: a sync that failed
    /// can not be repeated, because the kernel has forgotten what was not written.
    Result<std::size_t> write(std::span<QueuedFrame> frames);

private:
    std::size_t place(std::span<QueuedFrame> frames);

    SegmentPreparer& preparer_;
    Segment segment_;
    LogPosition position_;
    bool next_requested_ = false;
    std::vector<HeaderBytes> headers_;
    std::vector<iovec> pieces_;
};

}  // namespace vouch
