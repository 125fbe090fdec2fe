#include "events/log/embedded/recovery.h"

#include "events/log/embedded/crc32c.h"
#include "events/log/embedded/log_end.h"
#include "events/log/embedded/opening.h"

#include <algorithm>

namespace vouch {
namespace {

/// Segments with bytes behind the end, at most: a group lies in one, and the next is made ahead.
/// What reaches further is no end that was lost but a log that was broken in its middle.
constexpr std::size_t kSegmentsLostMax = 2;

/// A log held against writers and walked to where it stops making sense.
struct Walked {
    File lock;
    File first_segment;
    std::unique_ptr<SegmentTable> segments;
    std::unique_ptr<StoredFrames> frames;
    std::unique_ptr<LogWalk> walk;
};

Result<Walked> walk_regardless(const EmbeddedLogOptions& options, Files& files) {
    if (const Status there = find_directory(files, options.directory); !there) return there.error();
    Result<File> lock = lock_directory(files, options.directory);
    if (!lock) return lock.error();
    const Result<std::uint32_t> count = count_segments(files, options.directory);
    if (!count) return count.error();
    if (*count == 0) return log_is_gone(options.directory);
    Result<File> first = lock_first_segment(files, options.directory);
    if (!first) return first.error();
    Walked walked{std::move(*lock), std::move(*first),
                  std::make_unique<SegmentTable>(files, options.directory), nullptr, nullptr};
    const Result<std::uint32_t> shards =
        check_shard_count(*walked.segments, options.directory, options.shard_count);
    if (!shards) return shards.error();
    walked.frames = std::make_unique<StoredFrames>(*walked.segments, *shards);
    walked.walk = std::make_unique<LogWalk>(*walked.segments, *walked.frames, nullptr);
    const Result<LogPosition> end = walked.walk->find_end(LogWalk::Depth::regardless);
    if (!end) return end.error();
    return walked;
}

struct Place {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
};

/// Of each shard what is left behind the end: how many records are intact, and the last of them.
/// Gives where the first intact one of all stands.
Result<std::optional<Place>> read_behind(SegmentTable& segments, const LogWalk& walk,
                                         LossReport& report) {
    std::optional<Place> first;
    for (const FrameHeader& frame : walk.behind()) {
        const RecordNumber number(frame.record);
        if (frame.shard >= report.ends.size() || number < report.ends[frame.shard]) continue;
        std::optional<RecordNumber>& last = report.last_lost[frame.shard];
        last = std::max(last.value_or(number), number);
        const auto segment = segments.get(frame.segment);
        if (!segment) return segment.error();
        Bytes bytes(frame.length);
        const std::uint64_t at = std::uint64_t{frame.offset} + frame_prefix(frame);
        if (const Status read = (*segment)->file.read(bytes, at); !read) return read.error();
        if (crc32c(0, bytes) != frame.record_crc) continue;
        // Of the frame at the end itself, the steps may be what is wrong.
        if (frame.sequence != walk.frames_end().sequence) {
            ++report.intact[frame.shard];
            if (!first) first = Place{frame.segment, frame.offset};
        }
        std::optional<StoredRecord>& known = report.behind[frame.shard];
        if (!known || number > known->number) known = StoredRecord{number, std::move(bytes)};
    }
    return first;
}

/// Asks the witnesses what they have seen of the end, and takes what they know.
void hear_witnesses(LogWitnesses* witnesses, LossReport& report) {
    for (std::size_t i = 0; i < report.ends.size(); ++i) {
        const ShardId shard(static_cast<std::uint32_t>(i));
        report.seen.push_back(witnesses == nullptr ? std::nullopt
                                                   : witnesses->seen_beyond(shard, report.ends[i]));
        if (!report.seen.back()) continue;
        const RecordNumber last(report.seen.back()->next_record.value() - 1);
        report.last_lost[i] = std::max(report.last_lost[i].value_or(last), last);
    }
}

/// Where what is left ends, the end itself or what stands behind it.
Place reach_of(const LogWalk& walk) {
    if (walk.remains().empty()) return {walk.frames_end().segment, walk.next_begin()};
    return {walk.remains().back().segment, walk.remains().back().end};
}

/// Files in which the log went on and that are gone.
enum class Gone {
    none,
    newest,  ///< one file, which the log's note names
    more     ///< several, or it is not known how many
};

/// Where no note tells: somebody has seen more than what is left, and where that ends there was no
/// room for more.
Result<Gone> find_gone(SegmentTable& segments, const LogWalk& walk, const LossReport& report) {
    const Place reach = reach_of(walk);
    const Result<std::optional<std::uint32_t>> noted = segments.find_lost();
    if (!noted) return noted.error();
    if (*noted) return **noted > reach.segment + 1 ? Gone::more : Gone::newest;
    std::vector<RecordNumber> left = report.ends;
    for (const FrameHeader& frame : walk.behind()) {
        if (frame.shard < left.size())
            left[frame.shard] = std::max(left[frame.shard], RecordNumber(frame.record + 1));
    }
    bool is_beyond = false;
    for (std::size_t i = 0; i < left.size(); ++i)
        is_beyond = is_beyond || (report.seen[i] && report.seen[i]->next_record > left[i]);
    const auto segment = segments.get(reach.segment);
    if (!segment) return segment.error();
    const auto next = segments.get(reach.segment + 1);
    if (!next) return next.error();
    const bool had_room = reach.offset + std::uint64_t{kRecordBytesMax} <= (*segment)->header.size;
    return is_beyond && *next == nullptr && !had_room ? Gone::more : Gone::none;
}

/// From where on bytes are missing or wrong: where the walk ended, or in the segment behind it when
/// something stands further on and that one does not begin with an intact frame.
Place place_of_end(const LogWalk& walk) {
    const std::uint32_t segment = walk.frames_end().segment;
    const Place end{segment, walk.next_begin()};
    if (walk.remains().empty() || walk.remains().front().segment == segment) return end;
    const bool next_is_intact =
        std::any_of(walk.behind().begin(), walk.behind().end(), [&](const FrameHeader& frame) {
            return frame.segment == segment + 1 && frame.offset == kGroupAlignment;
        });
    return next_is_intact ? end : Place{segment + 1, kGroupAlignment};
}

/// Whether nothing stands behind the end but what a last write, and what was written ahead, can
/// have left: a segment without frames before one that has them was no end.
bool may_be_end(const LogWalk& walk) {
    if (walk.remains().size() > kSegmentsLostMax) return false;
    return reach_of(walk).segment <= walk.frames_end().segment + 1;
}

/// What has to be put back: not what stands intact behind it.
std::string bytes_text(const Place& begin, const std::optional<Place>& intact) {
    const bool is_bounded =
        intact && intact->segment == begin.segment && intact->offset > begin.offset;
    return " from byte " + std::to_string(begin.offset) +
           (is_bounded ? " to byte " + std::to_string(intact->offset - 1) : " on");
}

/// Where it is, and why the end cannot be given up, which is empty when it can. Records that took
/// steps of a lost one are no reason: they stand behind it, and go with it.
Status find_place(SegmentTable& segments, const LogWalk& walk, const std::optional<Place>& intact,
                  LossReport& report) {
    const Result<Gone> gone = find_gone(segments, walk, report);
    if (!gone) return gone.error();
    const std::string next = segments.path(reach_of(walk).segment + 1);
    const bool is_whole = walk.remains().empty() && *gone != Gone::none;
    const Place end = place_of_end(walk);
    report.place =
        is_whole ? next + ", whole" : segments.path(end.segment) + bytes_text(end, intact);
    // Damage before a segment that was begun later is none of the end.
    const bool is_end = *gone == Gone::none ? may_be_end(walk) : is_whole && *gone == Gone::newest;
    if (is_end) return {};
    report.refused = "more than the last segment would be lost: put ";
    if (!is_whole) report.refused += segments.path(end.segment) + " back from a copy";
    if (!is_whole && *gone != Gone::none) report.refused += ", and ";
    if (*gone != Gone::none)
        report.refused += next + " and the segments behind it, which are gone, back from a copy";
    return {};
}

}  // namespace

Result<LossReport> examine_loss(const EmbeddedLogOptions& options, Files& files) {
    Result<Walked> walked = walk_regardless(options, files);
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
    if (report.stop.empty()) {
        if (!walk.remains().empty())
            report.torn = walk.describe_end() + "; " + describe(EndKind::torn);
        return report;
    }
    report.behind.resize(shard_count);
    report.last_lost.resize(shard_count);
    report.intact.resize(shard_count);
    const Result<std::optional<Place>> intact = read_behind(*walked->segments, walk, report);
    if (!intact) return intact.error();
    hear_witnesses(options.witnesses, report);
    for (std::uint32_t i = 0; i < shard_count; ++i) {
        if (report.last_lost[i]) report.losing.emplace_back(i);
    }
    if (Status found = find_place(*walked->segments, walk, *intact, report); !found)
        return found.error();
    return report;
}

Result<std::vector<std::string>> cut_lost(const EmbeddedLogOptions& options, Files& files) {
    Result<Walked> walked = walk_regardless(options, files);
    if (!walked) return walked.error();
    Result<std::vector<std::string>> kept =
        keep_remains(files, options.directory, *walked->walk);
    if (!kept) return kept.error();
    if (const Status done = secure_end(files, options.directory, *walked->walk); !done)
        return done.error();
    // What is given up is not missed again.
    const Result<std::optional<std::uint32_t>> lost = walked->segments->find_lost();
    if (!lost) return lost.error();
    if (*lost) {
        const Status noted =
            note_newest(files, options.directory, walked->walk->frames_end().segment);
        if (!noted) return noted.error();
    }
    return kept;
}

}  // namespace vouch
