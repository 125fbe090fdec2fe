#include "events/log/embedded/group_writer.h"

#include "events/log/descriptors.h"

#include <algorithm>
#include <array>

namespace vouch {
namespace {

constexpr std::array<std::byte, kGroupAlignment> kPadding{};
const HeaderBytes kClosing = closing_line();

iovec piece_of(ByteView bytes) {
    // pwritev never writes through its pieces; iovec has only one spelling for both directions.
    return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

/// Descriptors come back, as room does; nothing was written yet.
Fault waits_for(Fault fault) {
    if (is_out_of_descriptors(fault.message)) fault.code = FaultCode::retriable;
    return fault;
}

}  // namespace

Result<std::size_t> GroupWriter::write(std::span<QueuedFrame> frames) {
    const std::uint64_t first = frame_extent(frames.front().header);
    if (first > segment_.header.size - position_.offset) {
        Result<Segment> next = preparer_.take(position_.segment + 1);
        if (!next) return waits_for(next.error());
        if (const Status noted = preparer_.note_begun(position_.segment + 1); !noted)
            return waits_for(noted.error());
        segment_ = std::move(*next);
        position_.segment = segment_.header.ordinal;
        position_.offset = kGroupAlignment;
        next_requested_ = false;
    }
    const std::uint64_t begin = position_.offset;
    const std::size_t count = place(frames);
    if (const Status put = segment_.file.write(pieces_, begin); !put) return put.error();
    if (const Status synced = segment_.file.fdatasync(); !synced) return synced.error();
    // Before it is acknowledged: a file that somebody removed takes it along.
    if (const Status named = segment_.file.check_named(); !named) return named.error();
    // Not sooner, so that small books stay one segment; not later, so that the disk has time.
    if (!next_requested_ && position_.offset > segment_.header.size / 2) {
        preparer_.request(position_.segment + 1);
        next_requested_ = true;
    }
    return count;
}

std::size_t GroupWriter::place(std::span<QueuedFrame> frames) {
    const std::uint64_t durable_below = position_.sequence;
    headers_.clear();
    headers_.reserve(frames.size());  // pieces_ point into it
    pieces_.clear();
    for (QueuedFrame& frame : frames) {
        const std::uint64_t extent = frame_extent(frame.header);
        if (extent > segment_.header.size - position_.offset) break;
        if (headers_.size() == kGroupFramesMax) break;
        frame.header.sequence = position_.sequence;
        frame.header.durable_below = durable_below;
        frame.header.segment = position_.segment;
        frame.header.offset = position_.offset;
        headers_.push_back(encode_frame_header(frame.header, segment_.header.salt));
        pieces_.push_back(piece_of(headers_.back()));
        if (!frame.table.empty()) pieces_.push_back(piece_of(frame.table));
        for (const ByteView bytes : frame.body) pieces_.push_back(piece_of(bytes));
        const std::uint64_t padding = extent - frame_bytes(frame.header);
        pieces_.push_back(piece_of(ByteView(kPadding).first(padding)));
        position_.sequence += 1;
        position_.offset += static_cast<std::uint32_t>(extent);
    }
    const std::uint64_t end = std::min(group_begin(position_.offset), segment_.header.size);
    std::uint64_t room = end - position_.offset;
    if (room >= kClosing.size()) {
        pieces_.push_back(piece_of(kClosing));
        room -= kClosing.size();
    }
    pieces_.push_back(piece_of(ByteView(kPadding).first(room)));
    position_.offset = static_cast<std::uint32_t>(end);
    return headers_.size();
}

}  // namespace vouch
