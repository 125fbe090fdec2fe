#include "events/log/embedded/recovery.h"

#include "events/log/embedded/crc32c.h"
#include "events/log/embedded/log_end.h"
#include "events/log/embedded/opening.h"

#include <algorithm>
#include <set>

namespace vouch {
namespace {

/// Segments with bytes behind the end, at most: a group lies in one, and the next is made ahead.
/// What reaches further is no end that was lost but a log that was broken in its middle.
constexpr std::size_t kSegmentsLostMax = 2;

/// A log held against writers and walked to where it stops making sense.
struct Walked {
    File lock;
    std::unique_ptr<SegmentTable> segments;
    std::unique_ptr<StoredFrames> frames;
    std::unique_ptr<LogWalk> walk;
};

Result<Walked> walk_regardless(const EmbeddedLogOptions& options, Disk& disk) {
    if (const Status there = find_directory(disk, options.directory); !there) return there.error();
    Result<File> lock = lock_directory(disk, options.directory);
    if (!lock) return lock.error();
    const Result<std::uint32_t> count = count_segments(disk, options.directory);
    if (!count) return count.error();
    if (*count == 0) return log_is_gone(options.directory);
    Walked walked{std::move(*lock), std::make_unique<SegmentTable>(disk, options.directory),
                  nullptr, nullptr};
    const Result<std::uint32_t> shards =
        check_shard_count(*walked.segments, options.directory, options.shard_count);
    if (!shards) return shards.error();
    walked.frames = std::make_unique<StoredFrames>(*walked.segments, *shards);
    walked.walk = std::make_unique<LogWalk>(*walked.segments, *walked.frames, nullptr);
    const Result<LogPosition> end = walked.walk->find_end(LogWalk::Depth::regardless);
    if (!end) return end.error();
    return walked;
}

/// Shards with records behind the end: the frame at the end itself too, where its header is good.
std::set<ShardId> shards_behind(const LogWalk& walk, std::uint32_t shard_count) {
    std::set<ShardId> shards;
    for (const FrameHeader& frame : walk.behind()) {
        if (frame.shard < shard_count && frame.record >= walk.next_record(ShardId(frame.shard)).value())
            shards.insert(ShardId(frame.shard));
    }
    return shards;
}

/// Of each shard with intact frames behind the end, the record of the last one that has it intact.
Status read_behind(SegmentTable& segments, const LogWalk& walk,
                   std::vector<std::optional<StoredRecord>>& last) {
    for (const FrameHeader& frame : walk.behind()) {
        if (frame.shard >= last.size()) continue;
        std::optional<StoredRecord>& known = last[frame.shard];
        const RecordNumber number(frame.record);
        if (number < walk.next_record(ShardId(frame.shard)) || (known && number <= known->number))
            continue;
        const auto segment = segments.get(frame.segment);
        if (!segment) return segment.error();
        Bytes bytes(frame.length);
        const std::uint64_t at = std::uint64_t{frame.offset} + frame_prefix(frame);
        if (const Status read = (*segment)->file.read(bytes, at); !read) return read;
        if (crc32c(0, bytes) == frame.record_crc) known = StoredRecord{number, std::move(bytes)};
    }
    return {};
}

/// Why the end cannot be given up; empty when it can. Records that took steps of a lost one are no
/// reason: they stand behind it, and go with it.
std::string find_refusal(const SegmentTable& segments, const LogWalk& walk) {
    if (walk.remains().size() <= kSegmentsLostMax) return "";
    return "more than the last segment would be lost: put " +
           segments.path(walk.frames_end().segment) + " back from a copy";
}

}  // namespace

Result<LossReport> examine_loss(const EmbeddedLogOptions& options, Disk& disk) {
    Result<Walked> walked = walk_regardless(options, disk);
    if (!walked) return walked.error();
    const LogWalk& walk = *walked->walk;
    const std::uint32_t shard_count = walked->frames->shard_count();
    LossReport report;
    for (std::uint32_t i = 0; i < shard_count; ++i)
        report.ends.push_back(walk.next_record(ShardId(i)));
    const std::uint64_t end = walk.frames_end().sequence;
    const bool is_damage = std::any_of(walk.behind().begin(), walk.behind().end(),
                                       [&](const FrameHeader& f) { return f.durable_below > end; });
    const Status good = check_end(*walked->segments, walk, shard_count, options.witnesses);
    if (is_damage) {
        report.stop = walk.describe_end() + "; frames behind it prove that it was durable";
    } else if (!good) {
        if (good.error().code != FaultCode::corrupt) return good.error();
        report.stop = good.error().message;
    }
    if (report.stop.empty()) return report;
    report.behind.resize(shard_count);
    if (Status read = read_behind(*walked->segments, walk, report.behind); !read)
        return read.error();
    std::set<ShardId> losing = shards_behind(walk, shard_count);
    for (std::uint32_t i = 0; i < shard_count; ++i) {
        report.seen.push_back(options.witnesses == nullptr
                                  ? std::nullopt
                                  : options.witnesses->seen_beyond(ShardId(i), report.ends[i]));
        if (report.seen.back()) losing.insert(ShardId(i));
    }
    report.losing.assign(losing.begin(), losing.end());
    report.refused = find_refusal(*walked->segments, walk);
    return report;
}

Result<std::vector<std::string>> cut_lost(const EmbeddedLogOptions& options, Disk& disk) {
    Result<Walked> walked = walk_regardless(options, disk);
    if (!walked) return walked.error();
    Result<std::vector<std::string>> kept =
        keep_remains(disk, options.directory, *walked->walk);
    if (!kept) return kept.error();
    if (const Status done = secure_end(disk, options.directory, *walked->walk); !done)
        return done.error();
    return kept;
}

}  // namespace vouch
