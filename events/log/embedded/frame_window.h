#pragma once

#include "events/log/embedded/segment.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace vouch {

/// Where the next frame goes.
struct LogPosition {
    std::uint32_t segment = 0;
    std::uint32_t offset = kGroupAlignment;
    std::uint64_t sequence = 0;

    friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

/// A header that is intact and lies where it was written.
std::optional<FrameHeader> frame_header_at(ByteView line, const SegmentHeader& segment,
                                           std::uint64_t offset);

/// Where the next frame stands after frames that end at `end`: there, or behind the line that
/// closes their group.
Result<std::uint64_t> next_frame_begin(const Segment& segment, std::uint64_t end);

/// A frame by its header and its table of steps.
struct WalkedFrame {
    FrameHeader header;
    std::vector<StepEntry> steps;
};

/// What frames are read through, one after the other: headers of small ones many at a time. One
/// thread.
class FrameWindow {
public:
    /// What was read may be other bytes by now.
    void forget() { window_.clear(); }

    /// The intact frame at that byte; empty when there is none. Its record and steps are not read.
    Result<std::optional<WalkedFrame>> frame_at(const Segment& segment, std::uint64_t offset);

    /// The one that goes on with the group of the position, or else begins the next one.
    Result<std::optional<WalkedFrame>> frame_here(const Segment& segment,
                                                  const LogPosition& position);

private:
    Result<ByteView> look_at(const Segment& segment, std::uint64_t offset, std::uint64_t size);

    Bytes window_;
    std::uint32_t window_segment_ = 0;
    std::uint64_t window_offset_ = 0;
};

}  // namespace vouch
