#include "events/log/embedded/log_walk.h"

#include "events/log/embedded/crc32c.h"

#include <algorithm>
#include <cstring>

namespace vouch {
namespace {

constexpr std::uint64_t kWindowBytes = 16 << 10;
constexpr std::uint64_t kScanBytes = 1 << 20;

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

Result<LogPosition> LogWalk::find_end(Depth depth) {
    std::optional<std::uint64_t> doubted;
    while (true) {
        window_.clear();
        while (true) {
            const Result<bool> more = step();
            if (!more) return more.error();
            if (!*more) break;
        }
        if (const Status cut = cut_at_bad_body(); !cut) return cut.error();
        const Result<Behind> behind = look_behind(depth);
        if (!behind) return behind.error();
        if (*behind != Behind::proof_of_damage) {
            const auto segment = segments_.get(position_.segment);
            if (!segment) return segment.error();
            LogPosition end = position_;
            if (*segment != nullptr) {
                end.offset = static_cast<std::uint32_t>(
                    std::min(group_begin(position_.offset), (*segment)->header.size));
            }
            return end;
        }
        // A running writer may have finished the frame between our look at it and at those behind
        // it, so it gets a second look; then it is either good or damaged for good.
        if (doubted == position_.sequence) {
            if (damage_ == Damage::is_passed && pass_damage()) continue;
            return Fault{FaultCode::corrupt,
                         describe_end() + "; frames behind it prove that it was durable"};
        }
        doubted = position_.sequence;
    }
}

/// Goes on behind damage, whose proof was found: past a record alone, or to the next intact frame.
/// False when there is none.
bool LogWalk::pass_damage() {
    if (bad_body_) {
        passed_below_ = bad_body_->sequence + 1;
        return true;
    }
    const auto next = std::ranges::find_if(behind_, [this](const FrameHeader& frame) {
        return frame.sequence >= position_.sequence;
    });
    if (next == behind_.end()) return false;
    lost_ += next->sequence - position_.sequence;
    lost_at_ = position_;
    lost_at_.offset = static_cast<std::uint32_t>(next_begin_);
    // The writer begins a segment only when everything in the one before is durable.
    if (next->segment != position_.segment) publish();
    position_ = {next->segment, next->offset, next->sequence};
    return true;
}

/// What a shard lost shows by the number of its next record. Frames without bytes stand for it.
void LogWalk::fill_lost(const FrameHeader& next) {
    Shard& shard = shards_[next.shard];
    if (next.record < shard.next_record || next.record - shard.next_record > lost_) return;
    for (; shard.next_record < next.record; ++shard.next_record, --lost_) {
        FrameHeader lost{};
        lost.sequence = lost_at_.sequence;
        lost.durable_below = durable_below_;
        lost.record = shard.next_record;
        lost.shard = next.shard;
        lost.record_crc = kLostCrc;
        lost.segment = lost_at_.segment;
        lost.offset = lost_at_.offset;
        unpublished_.push_back({lost, {}});
    }
}

std::string LogWalk::describe_lost() const {
    if (lost_ == 0) return {};
    return "segment " + std::to_string(lost_at_.segment) + " at byte " +
           std::to_string(lost_at_.offset) + ": " + std::to_string(lost_) +
           " records of shards that have none behind them cannot be read";
}

void LogWalk::publish() {
    for (const auto& [header, steps] : unpublished_) {
        frames_.append(header);
        if (steps_ != nullptr) steps_->append(header, steps);
        Shard& shard = shards_[header.shard];
        shard.next_command = std::max(shard.next_command, header.next_command);
    }
    unpublished_.clear();
    checked_ = 0;
}

Result<bool> LogWalk::step() {
    const auto segment = segments_.get(position_.segment);
    if (!segment) return segment.error();
    if (*segment == nullptr) return false;
    Result<std::optional<WalkedFrame>> frame = frame_here(**segment);
    if (!frame) return frame.error();
    if (!*frame) {
        const auto next = segments_.get(position_.segment + 1);
        if (!next) return next.error();
        if (*next == nullptr) return false;
        frame = frame_at(**next, kGroupAlignment);
        if (!frame) return frame.error();
        if (!*frame || (*frame)->header.sequence != position_.sequence) return false;
        // The writer begins a segment only when everything in the one before is durable.
        publish();
    }
    if (const Status accepted = accept(std::move(**frame)); !accepted) return accepted.error();
    return true;
}

Status LogWalk::accept(WalkedFrame walked) {
    const FrameHeader frame = walked.header;
    const auto broken = [&](const std::string& what, std::uint64_t expected, std::uint64_t found) {
        return Fault{FaultCode::corrupt,
                     "segment " + std::to_string(frame.segment) + " at byte " +
                         std::to_string(frame.offset) + ": shard " + std::to_string(frame.shard) +
                         " record " + std::to_string(frame.record) + ": " + what + ", expected " +
                         std::to_string(expected) + " found " + std::to_string(found)};
    };
    if (frame.sequence != position_.sequence) {
        return broken("frame out of sequence", position_.sequence, frame.sequence);
    }
    if (frame.shard >= shards_.size()) {
        return broken("shard is beyond the deployment's last", shards_.size() - 1, frame.shard);
    }
    fill_lost(frame);
    Shard& shard = shards_[frame.shard];
    if (frame.record != shard.next_record) {
        return broken("record number", shard.next_record, frame.record);
    }
    if (frame.durable_below > frame.sequence || frame.durable_below < durable_below_) {
        return broken("durable-below out of order", durable_below_, frame.durable_below);
    }
    if (frame.durable_below == frame.sequence && frame.offset % kGroupAlignment != 0) {
        return broken("its group begins at a byte", group_begin(frame.offset), frame.offset);
    }
    std::uint64_t steps_length = 0;
    for (const StepEntry& steps : walked.steps) {
        if (steps.to >= shards_.size() || steps.to == frame.shard) {
            return broken("steps are for no other shard, of so many", shards_.size(), steps.to);
        }
        steps_length += steps.length;
    }
    if (frame.steps_length != steps_length) {
        return broken("bytes of steps", frame.steps_length, steps_length);
    }
    durable_below_ = frame.durable_below;
    ++shard.next_record;
    unpublished_.push_back(std::move(walked));
    position_ = {frame.segment, static_cast<std::uint32_t>(frame.offset + frame_extent(frame)),
                 frame.sequence + 1};
    return {};
}

/// The one that goes on with the group, or else begins the next one. Unless the group is closed,
/// what stands where the next one begins can be part of it, torn before: it counts only as the frame
/// that it must be.
Result<std::optional<WalkedFrame>> LogWalk::frame_here(const Segment& segment) {
    Result<std::optional<WalkedFrame>> frame = frame_at(segment, position_.offset);
    const std::uint64_t begin = group_begin(position_.offset);
    if (!frame || *frame || begin == position_.offset) return frame;
    if (begin + kFrameHeaderBytes > segment.header.size) return frame;
    const Result<ByteView> line = look_at(segment, position_.offset, kFrameHeaderBytes);
    if (!line) return line.error();
    const bool is_closed = is_closing_line(*line);
    Result<std::optional<WalkedFrame>> first = frame_at(segment, begin);
    if (!first || !*first || is_closed) return first;
    const FrameHeader& header = (*first)->header;
    const bool is_group =
        header.sequence == position_.sequence && header.durable_below == header.sequence;
    if (!is_group) return std::optional<WalkedFrame>();
    return first;
}

Result<std::optional<WalkedFrame>> LogWalk::frame_at(const Segment& segment, std::uint64_t offset) {
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

Result<ByteView> LogWalk::look_at(const Segment& segment, std::uint64_t offset,
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

Status LogWalk::cut_at_bad_body() {
    bad_body_.reset();
    for (; checked_ < unpublished_.size(); ++checked_) {
        const Result<bool> good = is_good(unpublished_[checked_]);
        if (!good) return good.error();
        if (!*good) break;
    }
    if (checked_ == unpublished_.size()) return {};
    const FrameHeader bad = unpublished_[checked_].header;
    bad_body_ = bad;
    position_ = {bad.segment, bad.offset, bad.sequence};
    durable_below_ = checked_ == 0 ? 0 : unpublished_[checked_ - 1].header.durable_below;
    for (std::size_t i = unpublished_.size(); i > checked_; --i) {
        const FrameHeader& cut = unpublished_[i - 1].header;
        --shards_[cut.shard].next_record;
        if (is_lost(cut.length, cut.record_crc)) ++lost_;
    }
    unpublished_.resize(checked_);
    return {};
}

Result<bool> LogWalk::is_good(const WalkedFrame& frame) {
    const FrameHeader& header = frame.header;
    if (header.sequence < passed_below_ || is_lost(header.length, header.record_crc)) return true;
    const auto segment = segments_.get(header.segment);
    if (!segment) return segment.error();
    VOUCH_ASSERT(*segment != nullptr);
    buffer_.resize(std::uint64_t{header.length} + header.steps_length);
    const Status read = (*segment)->file.read(buffer_, header.offset + frame_prefix(header));
    if (!read) return read.error();
    ByteView rest(buffer_);
    if (crc32c(0, rest.first(header.length)) != header.record_crc) return false;
    rest = rest.subspan(header.length);
    // No loss, and nothing that a crash left, where a later frame proves that it was durable.
    if (unpublished_.back().header.durable_below > header.sequence) return true;
    for (const StepEntry& steps : frame.steps) {
        if (crc32c(0, rest.first(steps.length)) != steps.crc) return false;
        rest = rest.subspan(steps.length);
    }
    return true;
}

Result<LogWalk::Behind> LogWalk::look_behind(Depth depth) {
    remains_.clear();
    behind_.clear();
    if (depth == Depth::quick) {
        const Result<bool> here = nothing_written(position_.segment, position_.offset);
        if (!here) return here.error();
        const Result<bool> group =
            nothing_written(position_.segment, group_begin(position_.offset));
        if (!group) return group.error();
        const Result<bool> next = nothing_written(position_.segment + 1, kGroupAlignment);
        if (!next) return next.error();
        if (*here && *group && *next) return Behind::nothing;
    }
    Behind behind = Behind::nothing;
    for (std::uint32_t ordinal = position_.segment;; ++ordinal) {
        const auto segment = segments_.get(ordinal);
        if (!segment) return segment.error();
        if (*segment == nullptr) return behind;
        Result<std::uint64_t> begin = kGroupAlignment;
        if (ordinal == position_.segment) begin = next_frame_begin(**segment, position_.offset);
        if (!begin) return begin.error();
        if (ordinal == position_.segment) next_begin_ = *begin;
        const Result<Behind> found = scan(**segment, *begin, depth);
        if (!found) return found.error();
        if (*found == Behind::proof_of_damage) return *found;
        if (*found == Behind::torn) behind = Behind::torn;
    }
}

Result<bool> LogWalk::nothing_written(std::uint32_t ordinal, std::uint64_t offset) {
    const auto segment = segments_.get(ordinal);
    if (!segment) return segment.error();
    if (*segment == nullptr || offset + kFrameHeaderBytes > (*segment)->header.size) return true;
    HeaderBytes bytes{};
    if (const Status read = (*segment)->file.read(bytes, offset); !read) return read.error();
    return all_zero(bytes) || is_closing_line(bytes);
}

Result<LogWalk::Behind> LogWalk::scan(const Segment& segment, std::uint64_t begin, Depth depth) {
    std::optional<std::uint64_t> first;
    std::uint64_t last = 0;
    for (std::uint64_t chunk = begin; chunk < segment.header.size; chunk += kScanBytes) {
        buffer_.resize(std::min(kScanBytes, segment.header.size - chunk));
        if (const Status read = segment.file.read(buffer_, chunk); !read) return read.error();
        for (std::size_t at = 0; at < buffer_.size(); at += kFrameAlignment) {
            const ByteView bytes =
                ByteView(buffer_).subspan(at, std::min(kFrameAlignment, buffer_.size() - at));
            if (all_zero(bytes)) continue;
            if (!first) first = chunk + at;
            last = chunk + at + bytes.size();
            if (bytes.size() < kFrameHeaderBytes) continue;
            const auto frame = frame_header_at(bytes, segment.header, chunk + at);
            if (!frame) continue;
            behind_.push_back(*frame);
            if (frame->durable_below > position_.sequence && depth != Depth::regardless)
                return Behind::proof_of_damage;
        }
    }
    if (!first) return Behind::nothing;
    remains_.push_back({segment.header.ordinal, static_cast<std::uint32_t>(*first),
                        static_cast<std::uint32_t>(last)});
    return Behind::torn;
}

std::string LogWalk::describe_end() const {
    std::string where = "segment " + std::to_string(position_.segment) + " at byte " +
                        std::to_string(next_begin_) + ": ";
    if (bad_body_) {
        where += "shard " + std::to_string(bad_body_->shard) + " record " +
                 std::to_string(bad_body_->record) + ": record or steps fail their checksum";
    } else {
        where += "expected frame " + std::to_string(position_.sequence) + " with";
        for (std::size_t i = 0; i < shards_.size(); ++i) {
            where += (i == 0 ? " shard " : " or shard ") + std::to_string(i) + " record " +
                     std::to_string(shards_[i].next_record);
        }
        where += ", found no frame";
    }
    return where;
}

}  // namespace vouch
