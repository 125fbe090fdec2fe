#include "events/log/embedded/behind_end.h"

#include <algorithm>
#include <optional>

namespace vouch {
namespace {

constexpr std::uint64_t kScanBytes = 1 << 20;

}  // namespace

Result<BehindEnd::Found> BehindEnd::look(const LogPosition& end, Depth depth) {
    remains_.clear();
    headers_.clear();
    if (depth == Depth::quick) {
        const Result<bool> here = nothing_written(end.segment, end.offset);
        if (!here) return here.error();
        const Result<bool> group = nothing_written(end.segment, group_begin(end.offset));
        if (!group) return group.error();
        const Result<bool> next = nothing_written(end.segment + 1, kGroupAlignment);
        if (!next) return next.error();
        if (*here && *group && *next) return Found::nothing;
    }
    Found behind = Found::nothing;
    for (std::uint32_t ordinal = end.segment;; ++ordinal) {
        const auto segment = segments_.get(ordinal);
        if (!segment) return segment.error();
        if (*segment == nullptr) return behind;
        Result<std::uint64_t> begin = kGroupAlignment;
        if (ordinal == end.segment) begin = next_frame_begin(**segment, end.offset);
        if (!begin) return begin.error();
        if (ordinal == end.segment) next_begin_ = *begin;
        const Result<Found> found = scan(**segment, *begin, end.sequence, depth);
        if (!found) return found.error();
        if (*found == Found::proof_of_damage) return *found;
        if (*found == Found::torn) behind = Found::torn;
    }
}

Result<bool> BehindEnd::nothing_written(std::uint32_t ordinal, std::uint64_t offset) {
    const auto segment = segments_.get(ordinal);
    if (!segment) return segment.error();
    if (*segment == nullptr || offset + kFrameHeaderBytes > (*segment)->header.size) return true;
    HeaderBytes bytes{};
    if (const Status read = (*segment)->file.read(bytes, offset); !read) return read.error();
    return all_zero(bytes) || is_closing_line(bytes);
}

Result<BehindEnd::Found> BehindEnd::scan(const Segment& segment, std::uint64_t begin,
                                         std::uint64_t sequence, Depth depth) {
    std::optional<std::uint64_t> first;
    std::uint64_t last = 0;
    for (std::uint64_t chunk = begin; chunk < segment.header.size; chunk += kScanBytes) {
        buffer_.resize(std::min(kScanBytes, segment.header.size - chunk));
        if (const Status read = segment.file.read(buffer_, chunk); !read) return read.error();
        if (all_zero(buffer_)) continue;  // as most are: what was never written
        for (std::size_t at = 0; at < buffer_.size(); at += kFrameAlignment) {
            const ByteView bytes =
                ByteView(buffer_).subspan(at, std::min(kFrameAlignment, buffer_.size() - at));
            if (all_zero(bytes)) continue;
            if (!first) first = chunk + at;
            last = chunk + at + bytes.size();
            if (bytes.size() < kFrameHeaderBytes) continue;
            const auto frame = frame_header_at(bytes, segment.header, chunk + at);
            if (!frame) continue;
            headers_.push_back(*frame);
            if (frame->durable_below > sequence && depth != Depth::regardless)
                return Found::proof_of_damage;
        }
    }
    if (!first) return Found::nothing;
    remains_.push_back({segment.header.ordinal, static_cast<std::uint32_t>(*first),
                        static_cast<std::uint32_t>(last)});
    return Found::torn;
}

}  // namespace vouch
