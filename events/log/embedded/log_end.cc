#include "events/log/embedded/log_end.h"

#include <algorithm>

namespace vouch {
namespace {

Result<bool> has_empty_sector(const Segment& segment, std::uint64_t begin, std::uint64_t extent) {
    const std::uint64_t end =
        std::min((begin + extent + kSectorBytes - 1) / kSectorBytes * kSectorBytes,
                 segment.header.size);
    begin = begin / kSectorBytes * kSectorBytes;
    Bytes bytes(end - begin);
    if (const Status read = segment.file.read(bytes, begin); !read) return read.error();
    for (std::size_t at = 0; at < bytes.size(); at += kSectorBytes) {
        const std::size_t size = std::min<std::size_t>(kSectorBytes, bytes.size() - at);
        if (all_zero(ByteView(bytes).subspan(at, size))) return true;
    }
    return false;
}

/// Judges a place where the frame `sequence` has its header if it was written.
Result<EndKind> judge_place(const Segment& segment, std::uint64_t offset, std::uint64_t sequence) {
    if (offset + kFrameHeaderBytes > segment.header.size) return EndKind::torn;
    HeaderBytes line{};
    if (const Status read = segment.file.read(line, offset); !read) return read.error();
    if (all_zero(line)) return EndKind::torn;
    const std::optional<FrameHeader> header = frame_header_at(line, segment.header, offset);
    if (!header) return EndKind::rotten;
    // A later frame of a group that lacks this one.
    if (header->sequence != sequence) return EndKind::torn;
    const Result<bool> lacks = has_empty_sector(segment, offset, frame_extent(*header));
    if (!lacks) return lacks.error();
    return *lacks ? EndKind::torn : EndKind::rotten;
}

}  // namespace

std::string describe(EndKind kind) {
    switch (kind) {
        case EndKind::torn:
            return "what stands there is an unfinished write, which was never acknowledged";
        case EndKind::rotten:
            return "no sector of it is missing, so this is no unfinished write: it was written "
                   "whole, may have been acknowledged, and has changed since";
    }
    return "";
}

Result<EndKind> judge_end(SegmentTable& segments, LogPosition frames_end) {
    const auto segment = segments.get(frames_end.segment);
    if (!segment) return segment.error();
    if (*segment == nullptr) return EndKind::torn;
    const Result<std::uint64_t> next = next_frame_begin(**segment, frames_end.offset);
    if (!next) return next.error();
    const Result<EndKind> here = judge_place(**segment, *next, frames_end.sequence);
    if (!here || *here == EndKind::rotten) return here;
    const auto following = segments.get(frames_end.segment + 1);
    if (!following) return following.error();
    if (*following == nullptr) return EndKind::torn;
    return judge_place(**following, kGroupAlignment, frames_end.sequence);
}

}  // namespace vouch
