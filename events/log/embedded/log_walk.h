#pragma once

#include "events/log/embedded/behind_end.h"
#include "events/log/embedded/frame_window.h"
#include "events/log/embedded/stored_frames.h"
#include "events/log/embedded/waiting_steps.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch {

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
          behind_end_(segments),
          shards_(frames.shard_count()) {}

    using Depth = BehindEnd::Depth;

    /// Walks to the end. Good frames of earlier segments are appended to the stored frames; those
    /// of the last one are kept in `unpublished` until the caller has made them durable.
    Result<LogPosition> find_end(Depth depth);

    /// Where the last frame ends, which is in its group; find_end says where the next group begins.
    LogPosition frames_end() const { return position_; }
    /// The byte of that segment where the next frame would begin. As of the last find_end.
    std::uint64_t next_begin() const { return behind_end_.next_begin(); }
    /// First record of the shard that was not found.
    RecordNumber next_record(ShardId shard) const {
        return RecordNumber(shards_[shard.value()].next_record);
    }
    /// "log/00000000.segment at byte 4096: …": what was expected behind the last frame, and not
    /// found.
    std::string describe_end() const;

    /// Where damage was passed of which nothing tells whose records it was; empty when all is
    /// known.
    std::string describe_lost() const;

    const std::vector<WalkedFrame>& unpublished() const { return unpublished_; }
    void publish();

    /// What the last thorough walk found behind the end: bytes, and the intact headers among them.
    const std::vector<Remains>& remains() const { return behind_end_.remains(); }
    const std::vector<FrameHeader>& behind() const { return behind_end_.headers(); }

    /// Greatest next_command that the published frames of a shard carry.
    Offset next_command(ShardId shard) const { return Offset(shards_[shard.value()].next_command); }

private:
    struct Shard {
        std::uint64_t next_record = 0;
        std::uint64_t next_command = 0;
    };

    Result<bool> step();
    bool pass_damage();
    void fill_lost(const FrameHeader& next);
    Status accept(WalkedFrame frame);
    Status cut_at_bad_body();
    Result<bool> is_good(const WalkedFrame& frame);

    SegmentTable& segments_;
    StoredFrames& frames_;
    WaitingSteps* steps_;
    Damage damage_;
    FrameWindow window_;
    BehindEnd behind_end_;
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
    Bytes buffer_;
};

}  // namespace vouch
