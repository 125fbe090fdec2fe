#include "events/log/embedded/frame_window.h"

#include "events/log/embedded/crc32c.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace vouch {
namespace {

constexpr std::uint64_t kWindowBytes = 16 << 10;

HeaderBytes header_bytes(ByteView bytes) {
    HeaderBytes header{};
    std::memcpy(header.data(), bytes.data(), header.size());
    return header;
}

}  // namespace

std::optional<FrameHeader> frame_header_at(ByteView line, const SegmentHeader& segment,
                                           std::uint64_t offset) {
    std::optional<FrameHeader> frame = decode_frame_header(
        header_bytes(line), segment.salt, segment.ordinal, static_cast<std::uint32_t>(offset));
    if (frame && frame_extent(*frame) > segment.size - offset) frame.reset();
    return frame;
}

Result<std::uint64_t> next_frame_begin(const Segment& segment, std::uint64_t end) {
    const std::uint64_t begin = group_begin(end);
    if (begin == end || end + kFrameHeaderBytes > segment.header.size) return end;
    HeaderBytes line{};
    if (const Status read = segment.file.read(line, end); !read) return read.error();
    return is_closing_line(line) ? begin : end;
}

/// Unless the group is closed, what stands where the next one begins can be part of it, torn
/// before: it counts only as the frame that it must be.
Result<std::optional<WalkedFrame>> FrameWindow::frame_here(const Segment& segment,
                                                           const LogPosition& position) {
    Result<std::optional<WalkedFrame>> frame = frame_at(segment, position.offset);
    const std::uint64_t begin = group_begin(position.offset);
    if (!frame || *frame || begin == position.offset) return frame;
    if (begin + kFrameHeaderBytes > segment.header.size) return frame;
    const Result<ByteView> line = look_at(segment, position.offset, kFrameHeaderBytes);
    if (!line) return line.error();
    const bool is_closed = is_closing_line(*line);
    Result<std::optional<WalkedFrame>> first = frame_at(segment, begin);
    if (!first || !*first || is_closed) return first;
    const FrameHeader& header = (*first)->header;
    const bool is_group =
        header.sequence == position.sequence && header.durable_below == header.sequence;
    if (!is_group) return std::optional<WalkedFrame>();
    return first;
}

Result<std::optional<WalkedFrame>> FrameWindow::frame_at(const Segment& segment,
                                                         std::uint64_t offset) {
    std::optional<WalkedFrame> none;
    if (offset + kFrameHeaderBytes > segment.header.size) return none;
    const Result<ByteView> bytes = look_at(segment, offset, kFrameHeaderBytes);
    if (!bytes) return bytes.error();
    const std::optional<FrameHeader> header = frame_header_at(*bytes, segment.header, offset);
    if (!header) return none;
    WalkedFrame frame{*header, {}};
    if (header->steps > 0) {
        const Result<ByteView> table =
            look_at(segment, offset + kFrameHeaderBytes, header->steps * kStepEntryBytes);
        if (!table) return table.error();
        if (crc32c(0, *table) != header->table_crc) return none;
        frame.steps = decode_step_table(*table);
    }
    return std::optional(std::move(frame));
}

Result<ByteView> FrameWindow::look_at(const Segment& segment, std::uint64_t offset,
                                      std::uint64_t size) {
    const bool inside = window_segment_ == segment.header.ordinal && offset >= window_offset_ &&
                        offset + size <= window_offset_ + window_.size();
    if (!inside) {
        window_.resize(std::min(std::max(kWindowBytes, size), segment.header.size - offset));
        window_segment_ = segment.header.ordinal;
        window_offset_ = offset;
        if (const Status read = segment.file.read(window_, offset); !read) {
            window_.clear();
            return read.error();
        }
    }
    return ByteView(window_).subspan(offset - window_offset_, size);
}

}  // namespace vouch
