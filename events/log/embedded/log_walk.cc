#include "events/log/embedded/log_walk.h"

#include "events/log/embedded/crc32c.h"

#include <algorithm>

namespace vouch {

Result<LogPosition> LogWalk::find_end(Depth depth) {
    std::optional<std::uint64_t> doubted;
    while (true) {
        window_.forget();
        while (true) {
            const Result<bool> more = step();
            if (!more) return more.error();
            if (!*more) break;
        }
        if (const Status cut = cut_at_bad_body(); !cut) return cut.error();
        const Result<BehindEnd::Found> behind = behind_end_.look(position_, depth);
        if (!behind) return behind.error();
        if (*behind != BehindEnd::Found::proof_of_damage) {
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
    const auto next = std::ranges::find_if(behind(), [this](const FrameHeader& frame) {
        return frame.sequence >= position_.sequence;
    });
    if (next == behind().end()) return false;
    lost_ += next->sequence - position_.sequence;
    lost_at_ = position_;
    lost_at_.offset = static_cast<std::uint32_t>(next_begin());
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
    return segments_.path(lost_at_.segment) + " at byte " + std::to_string(lost_at_.offset) +
           ": " + std::to_string(lost_) +
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
    Result<std::optional<WalkedFrame>> frame = window_.frame_here(**segment, position_);
    if (!frame) return frame.error();
    if (!*frame) {
        const auto next = segments_.get(position_.segment + 1);
        if (!next) return next.error();
        if (*next == nullptr) return false;
        frame = window_.frame_at(**next, kGroupAlignment);
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
                     segments_.path(frame.segment) + " at byte " +
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

std::string LogWalk::describe_end() const {
    std::string where =
        segments_.path(position_.segment) + " at byte " + std::to_string(next_begin()) + ": ";
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
