#pragma once

#include "events/log/embedded/stored_frames.h"
#include "events/log/embedded/waiting_steps.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch {

/// Where the next frame goes.
struct LogPosition {
    std::uint32_t segment = 0;
    std::uint32_t offset = kGroupAlignment;
    std::uint64_t sequence = 0;

    friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

/// Bytes behind a log's end that are not zero: what a crash left of writes that nobody was told of.
struct Remains {
    std::uint32_t segment;
    std::uint32_t begin;
    std::uint32_t end;
};

/// A header that is intact and lies where it was written.
std::optional<FrameHeader> frame_header_at(ByteView line, const SegmentHeader& segment,
                                           std::uint64_t offset);

/// Where the next frame stands after frames that end at `end`: there, or behind the line that closes
/// their group.
Result<std::uint64_t> next_frame_begin(const Segment& segment, std::uint64_t end);

/// A frame as a walk meets it.
struct WalkedFrame {
    FrameHeader header;
    std::vector<StepEntry> steps;
};

/// Finds the end of a log by walking its frames, from the start or from where the last walk ended.
///
/// Frames of all but the last segment are taken by their headers and tables of steps; records and
/// batches there are checked when they are read. The last segment may hold writes that were never
/// synced, so they are checked there too. A frame of which only the steps are bad counts once a
/// later one proves that it was durable: steps are built again from their record. The first bad
/// frame is the end if nothing after it proves that it was durable once; if something does, it is
/// damage: `corrupt`, with file, byte and sequence, or passed over for who wants all that is left.
/// Whether what stands there may be cut, judge_end says (log_end.h). One thread.
class LogWalk {
public:
    enum class Damage {
        stops,      ///< is a fault
        is_passed,  ///< goes on behind it: a read of a damaged record is `corrupt`
    };

    /// `steps` may be null: then nobody reads steps here.
    LogWalk(SegmentTable& segments, StoredFrames& frames, WaitingSteps* steps,
            Damage damage = Damage::stops)
        : segments_(segments),
          frames_(frames),
          steps_(steps),
          damage_(damage),
          shards_(frames.shard_count()) {}

    enum class Depth {
        thorough,   ///< looks for later frames behind the end, always
        quick,      ///< only where something was written: for one look after another
        regardless  ///< as thorough, but frames that prove damage are only gathered (`behind`)
    };

    /// Walks to the end. Good frames of earlier segments are appended to the stored frames; those
    /// of the last one are kept in `unpublished` until the caller has made them durable.
    Result<LogPosition> find_end(Depth depth);

    /// Where the last frame ends, which is in its group; find_end says where the next group begins.
    LogPosition frames_end() const { return position_; }
    /// The byte of that segment where the next frame would begin. As of the last find_end.
    std::uint64_t next_begin() const { return next_begin_; }
    /// First record of the shard that was not found.
    RecordNumber next_record(ShardId shard) const {
        return RecordNumber(shards_[shard.value()].next_record);
    }
    /// "segment 0 at byte 4096: …": what was expected behind the last frame, and not found.
    std::string describe_end() const;

    /// Where damage was passed of which nothing tells whose records it was; empty when all is known.
    std::string describe_lost() const;

    const std::vector<WalkedFrame>& unpublished() const { return unpublished_; }
    void publish();

    /// What the last thorough walk found behind the end: bytes, and the intact headers among them.
    const std::vector<Remains>& remains() const { return remains_; }
    const std::vector<FrameHeader>& behind() const { return behind_; }

    /// Greatest next_command that the published frames of a shard carry.
    Offset next_command(ShardId shard) const { return Offset(shards_[shard.value()].next_command); }

private:
    struct Shard {
        std::uint64_t next_record = 0;
        std::uint64_t next_command = 0;
    };
    enum class Behind { nothing, torn, proof_of_damage };

    Result<bool> step();
    bool pass_damage();
    void fill_lost(const FrameHeader& next);
    Status accept(WalkedFrame frame);
    Result<std::optional<WalkedFrame>> frame_here(const Segment& segment);
    Result<std::optional<WalkedFrame>> frame_at(const Segment& segment, std::uint64_t offset);
    Result<ByteView> look_at(const Segment& segment, std::uint64_t offset, std::uint64_t size);
    Result<bool> nothing_written(std::uint32_t segment, std::uint64_t offset);
    Status cut_at_bad_body();
    Result<bool> is_good(const WalkedFrame& frame);
    Result<Behind> look_behind(Depth depth);
    Result<Behind> scan(const Segment& segment, std::uint64_t begin, Depth depth);

    SegmentTable& segments_;
    StoredFrames& frames_;
    WaitingSteps* steps_;
    Damage damage_;
    std::uint64_t passed_below_ = 0;  ///< records of frames below this sequence may be bad
    std::uint64_t lost_ = 0;          ///< frames that were passed, of records not known yet
    LogPosition lost_at_;             ///< the last of them
    std::vector<Shard> shards_;
    LogPosition position_;
    std::uint64_t durable_below_ = 0;
    std::vector<WalkedFrame> unpublished_;
    std::size_t checked_ = 0;  ///< of unpublished_: they are good
    std::optional<FrameHeader>
        bad_body_;  ///< the frame at position_, when only its record or steps are bad
    std::vector<Remains> remains_;
    std::vector<FrameHeader> behind_;
    std::uint64_t next_begin_ = kGroupAlignment;  ///< where the frame at position_ would begin

    // Headers of small frames are read many at a time.
    Bytes window_;
    std::uint32_t window_segment_ = 0;
    std::uint64_t window_offset_ = 0;
    Bytes buffer_;
};

}  // namespace vouch
