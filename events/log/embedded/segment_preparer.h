#pragma once

#include "events/log/embedded/segment.h"
#include "events/world/condition.h"
#include "events/world/thread.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace vouch {

/// Makes the next segment while the writer fills the present one, so that the writer never waits
/// for space and a full disk is known early.
///
/// Space is allocated first. Then the segment is written with zeros, as far as time allows: writing
/// into bytes that were written before changes no metadata, so that an fdatasync is one write and
/// no journal commit (measured: half the time for 900 kB). A writer in a hurry takes the segment as
/// it is.
///
/// One thread of its own; the writer's thread calls request and take.
class SegmentPreparer {
public:
    struct Settings {
        std::string directory;
        std::uint32_t shard_count;
        std::uint64_t segment_bytes;
        std::uint64_t reserve_bytes;  ///< that a new segment leaves free on the disk
        bool in_background;  ///< false: everything happens in take, in a fixed order
    };

    SegmentPreparer(Files& files, Settings settings);
    ~SegmentPreparer();
    SegmentPreparer(const SegmentPreparer&) = delete;
    SegmentPreparer& operator=(const SegmentPreparer&) = delete;

    /// Starts to prepare segment `ordinal`.
    void request(std::uint32_t ordinal);

    /// The segment, open for writing. Tries once more to make it if that failed before: the disk
    /// may have space again. `retriable` while there is no room for it.
    Result<Segment> take(std::uint32_t ordinal);
    /// Before the first frame is written to a segment that was taken.
    Status note_begun(std::uint32_t ordinal) {
        return note_newest(files_, settings_.directory, ordinal);
    }

    /// Why the next segment is not there, if so; the log goes on until the present one is full. Any
    /// thread.
    Status last_attempt();

private:
    void run();
    Result<Segment> make(std::uint32_t ordinal, bool& is_new);
    Status fill(const Segment& segment);

    Files& files_;
    const Settings settings_;
    Mutex mutex_;
    Condition changed_;
    std::optional<std::uint32_t> requested_;
    bool busy_ = false;
    bool stopping_ = false;
    std::optional<Segment> made_;
    std::optional<Fault> make_fault_;
    std::optional<Fault>
        fill_fault_;  ///< what was written may be lost unseen: such a segment is not used
    std::atomic<bool> hurry_ = false;  ///< stop filling
    Thread thread_;
};

}  // namespace vouch
