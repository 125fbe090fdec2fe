#pragma once

#include "events/log/embedded/frame_window.h"

#include <cstdint>
#include <vector>

namespace vouch {

/// Bytes behind a log's end that are not zero: what a crash left of writes that nobody was told of.
struct Remains {
    std::uint32_t segment;
    std::uint32_t begin;
    std::uint32_t end;
};

/// Looks at what stands behind a log's end. One thread.
class BehindEnd {
public:
    explicit BehindEnd(SegmentTable& segments) : segments_(segments) {}

    enum class Depth {
        thorough,   ///< looks for later frames behind the end, always
        quick,      ///< only where something was written: for one look after another
        regardless  ///< as thorough, but frames that prove damage are only gathered (`headers`)
    };
    enum class Found { nothing, torn, proof_of_damage };

    Result<Found> look(const LogPosition& end, Depth depth);

    /// What the last thorough look found: bytes, and the intact headers among them.
    const std::vector<Remains>& remains() const { return remains_; }
    const std::vector<FrameHeader>& headers() const { return headers_; }
    /// The byte of the end's segment where the next frame would begin.
    std::uint64_t next_begin() const { return next_begin_; }

private:
    Result<bool> nothing_written(std::uint32_t segment, std::uint64_t offset);
    Result<Found> scan(const Segment& segment, std::uint64_t begin, std::uint64_t sequence,
                       Depth depth);

    SegmentTable& segments_;
    std::vector<Remains> remains_;
    std::vector<FrameHeader> headers_;
    std::uint64_t next_begin_ = kGroupAlignment;
    Bytes buffer_;
};

}  // namespace vouch
