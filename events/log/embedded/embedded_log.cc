#include "events/log/embedded/embedded_log.h"

#include "events/log/embedded/group_committer.h"
#include "events/log/embedded/log_copy.h"
#include "events/log/embedded/log_end.h"
#include "events/log/embedded/opening.h"
#include "events/log/input_queue.h"
#include "events/log/writer_turn.h"
#include "events/world/mutex.h"

#include <fcntl.h>

#include <algorithm>
#include <mutex>

namespace vouch {
namespace {

/// What opening leaves for the running log.
struct Opened {
    std::unique_ptr<SegmentTable> segments;
    std::unique_ptr<StoredFrames> frames;
    std::unique_ptr<WaitingSteps> steps;
    std::optional<File> first_segment;  ///< locked
    LogPosition end;
    std::vector<Offset> next_commands;
    EmbeddedLogReport report;
};

Result<Opened> open_for_writing(const EmbeddedLogOptions& options, SegmentPreparer& preparer,
                                Files& files) {
    const Result<std::uint32_t> found = count_segments(files, options.directory);
    if (!found) return found.error();
    if (*found == 0) {
        if (!options.create) return log_is_gone(options.directory);
        if (options.shard_count == 0) {
            return Fault{FaultCode::configuration,
                         "a log has at least one shard, expected a number"};
        }
        if (const Result<Segment> made = preparer.take(0); !made) return made.error();
    }
    Opened opened;
    Result<File> first = lock_first_segment(files, options.directory);
    if (!first) return first.error();
    opened.first_segment.emplace(std::move(*first));
    opened.segments = std::make_unique<SegmentTable>(files, options.directory);
    const Result<std::uint32_t> shards =
        check_shard_count(*opened.segments, options.directory, options.shard_count);
    if (!shards) return shards.error();
    opened.frames = std::make_unique<StoredFrames>(*opened.segments, *shards);
    opened.steps = std::make_unique<WaitingSteps>(*opened.segments, *shards);
    LogWalk walk(*opened.segments, *opened.frames, opened.steps.get());
    const Result<LogPosition> end = walk.find_end(LogWalk::Depth::thorough);
    if (!end) return end.error();
    if (const Status good = check_end(*opened.segments, walk, *shards, options.witnesses); !good) {
        return good.error();
    }
    Result<std::vector<std::string>> kept = keep_remains(files, options.directory, walk);
    if (!kept) return kept.error();
    if (const Status done = secure_end(files, options.directory, walk); !done) return done.error();
    walk.publish();
    opened.end = *end;
    for (std::uint32_t i = 0; i < *shards; ++i) {
        opened.next_commands.push_back(walk.next_command(ShardId(i)));
    }
    opened.report = {end->sequence, std::max(*found, 1U), 0, "", std::move(*kept)};
    for (const Remains& remains : walk.remains()) {
        opened.report.torn_bytes += remains.end - remains.begin;
    }
    if (opened.report.torn_bytes > 0) {
        const Remains& first_torn = walk.remains().front();
        opened.report.torn_at = segment_path(options.directory, first_torn.segment) + " at byte " +
                                std::to_string(first_torn.begin);
    }
    return opened;
}

/// What is read of the frames, by those who write them too.
template <class Interface>
class FramesLog : public Interface {
public:
    FramesLog(std::unique_ptr<SegmentTable> segments, std::unique_ptr<StoredFrames> frames)
        : segments_(std::move(segments)), frames_(std::move(frames)) {}

    std::uint32_t shard_count() const override { return frames_->shard_count(); }
    Result<RecordNumber> end(ShardId shard) override { return frames_->end(shard); }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        return frames_->read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return frames_->read_range(shard, record, offset, size, out);
    }
    std::string place_of(ShardId shard, RecordNumber record) override {
        return frames_->place_of(shard, record);
    }
    std::optional<DamageBeside> damage_beside(ShardId shard, RecordNumber record) override {
        return frames_->damage_beside(shard, record);
    }

protected:
    const std::unique_ptr<SegmentTable> segments_;
    const std::unique_ptr<StoredFrames> frames_;
};

class WritingLog final : public FramesLog<EmbeddedLog> {
public:
    WritingLog(File lock, std::unique_ptr<SegmentPreparer> preparer, Opened&& opened,
               Segment segment, std::uint64_t segment_bytes)
        : FramesLog(std::move(opened.segments), std::move(opened.frames)),
          lock_(std::move(lock)),
          first_segment_(std::move(*opened.first_segment)),
          preparer_(std::move(preparer)),
          steps_(std::move(opened.steps)),
          report_(std::move(opened.report)) {
        std::vector<WriterTurn> turns;
        for (std::uint32_t i = 0; i < frames_->shard_count(); ++i) {
            turns.emplace_back(ShardId(i), frames_->end(ShardId(i)));
            inputs_.push_back(std::make_unique<InputQueue>(opened.next_commands[i]));
            inputs_.back()->announce_steps(steps_->end(ShardId(i)));
        }
        const std::uint64_t frame_bytes_max =
            std::min(segment.header.size, segment_bytes) - kGroupAlignment;
        committer_.emplace(
            std::move(turns), GroupWriter(*preparer_, std::move(segment), opened.end),
            opened.end.sequence, frame_bytes_max,
            GroupCommitter::Hooks{[this](auto frames) { publish(frames); },
                                  [this] { interrupt(); }});
    }

    const EmbeddedLogReport& report() const override { return report_; }
    Status next_segment() override { return preparer_->last_attempt(); }
    std::optional<Fault> waits() override { return committer_->waits(); }
    void stop_waiting() override { committer_->set_patient(false); }
    void wait_again() override { committer_->set_patient(true); }

    Result<Offset> produce(ShardId shard, Bytes batch) override {
        if (const auto failed = failure()) return *failed;
        return input(shard).push(std::move(batch));
    }
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override {
        if (const auto failed = failure()) return *failed;
        input(shard).take(from, batches_max, out);
        return {};
    }
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override {
        if (const auto failed = failure()) return *failed;
        return steps_->read(shard, from, batches_max, out);
    }
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override {
        if (!failure()) input(shard).wait(from, timeout_us);
    }
    void interrupt() override {
        for (const auto& queue : inputs_) queue->signal();
    }

    Result<ShardEnd> acquire(ShardId shard, Term term) override {
        return committer_->acquire(shard, term);
    }
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        return committer_->commit(shard, term, commit);
    }
    std::optional<Fault> failure() override { return committer_->failure(); }
    Status await(CommitTicket ticket) override { return committer_->await(ticket); }
    Result<bool> is_durable(CommitTicket ticket) override { return committer_->is_durable(ticket); }

private:
    InputQueue& input(ShardId shard) {
        VOUCH_ASSERT(shard.value() < inputs_.size());
        return *inputs_[shard.value()];
    }

    void publish(std::span<const QueuedFrame> frames) {
        for (const QueuedFrame& frame : frames) {
            frames_->append(frame.header);
            steps_->append(frame.header, frame.steps);
            for (const StepEntry& batch : frame.steps) {
                const ShardId to(batch.to);
                input(to).announce_steps(steps_->end(to));
            }
        }
    }

    const File lock_;
    const File first_segment_;  ///< locked too
    const std::unique_ptr<SegmentPreparer> preparer_;
    const std::unique_ptr<WaitingSteps> steps_;
    const EmbeddedLogReport report_;
    std::vector<std::unique_ptr<InputQueue>> inputs_;
    std::optional<GroupCommitter> committer_;  ///< ends first: its thread uses the others
};

class ReadingLog final : public FramesLog<EmbeddedLogReader> {
public:
    ReadingLog(Files& files, std::string directory, std::unique_ptr<SegmentTable> segments,
               std::unique_ptr<StoredFrames> frames, LogWalk::Damage damage)
        : FramesLog(std::move(segments), std::move(frames)),
          files_(files),
          directory_(std::move(directory)),
          walk_(*segments_, *frames_, nullptr, damage) {}

    Status look(LogWalk::Depth depth) {
        const std::lock_guard lock(mutex_);
        return look_at_end(depth);
    }

    std::uint64_t torn_bytes() const override { return torn_bytes_; }
    Status copy_to(const std::string& directory) override {
        LogPosition end;
        {
            const std::lock_guard lock(mutex_);
            if (Status looked = look_at_end(LogWalk::Depth::quick); !looked) return looked;
            end = walk_.frames_end();
        }
        return copy_log(files_, *segments_, end, directory);
    }
    Result<std::optional<std::string>> unreadable_end() override {
        const std::lock_guard lock(mutex_);
        Result<std::optional<std::string>> left = look_behind_end();
        if (!left || !*left) return left;
        // A writer at work looks the same. If there is none, one may have finished just now.
        const Result<bool> is_written = has_writer(files_, directory_);
        if (!is_written) return is_written.error();
        if (*is_written) return std::optional<std::string>();
        return look_behind_end();
    }
    Result<RecordNumber> end(ShardId shard) override {
        if (const Status looked = look(LogWalk::Depth::quick); !looked) return looked.error();
        return frames_->end(shard);
    }

private:
    /// Archives carry this to other machines: files without the place that they have on this one.
    std::string without_directory(std::string text) const {
        const std::string place = directory_ + "/";
        for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos;)
            text.erase(at, place.size());
        return text;
    }

    Status look_at_end(LogWalk::Depth depth) {
        const Result<LogPosition> end = walk_.find_end(depth);
        if (!end) return end.error();
        if (depth == LogWalk::Depth::thorough) {
            for (const Remains& remains : walk_.remains())
                torn_bytes_ += remains.end - remains.begin;
        }
        if (walk_.unpublished().empty()) return {};
        const auto segment = segments_->get(end->segment);
        if (!segment) return segment.error();
        if (Status synced = (*segment)->file.fdatasync(); !synced) return synced;
        walk_.publish();
        return {};
    }

    Result<std::optional<std::string>> look_behind_end() {
        if (const Result<LogPosition> end = walk_.find_end(LogWalk::Depth::thorough); !end)
            return end.error();
        const Result<std::optional<std::uint32_t>> lost = segments_->find_lost();
        if (!lost && lost.error().code == FaultCode::corrupt)
            return std::optional(without_directory(lost.error().message));
        if (!lost) return lost.error();
        if (*lost) {
            return std::optional(without_directory(segments_->path(**lost) +
                                                   " is missing, and records were written there"));
        }
        if (std::string beside = walk_.describe_lost(); !beside.empty())
            return std::optional(std::move(beside));
        if (walk_.remains().empty()) return std::optional<std::string>();
        const Result<EndKind> kind = judge_end(*segments_, walk_.frames_end());
        if (!kind) return kind.error();
        return std::optional(walk_.describe_end() + "; " + describe(*kind));
    }

    Files& files_;
    const std::string directory_;
    Mutex mutex_;  ///< of the walk
    LogWalk walk_;
    std::uint64_t torn_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<EmbeddedLog>> EmbeddedLog::open(const EmbeddedLogOptions& options,
                                                       Files& files) {
    if (const Status good = check_options(options); !good) return good.error();
    if (const Status there = options.create ? make_directories(files, options.directory)
                                            : find_directory(files, options.directory);
        !there) {
        return there.error();
    }
    Result<File> lock = lock_directory(files, options.directory);
    if (!lock) return lock.error();
    auto preparer = std::make_unique<SegmentPreparer>(
        files, SegmentPreparer::Settings{options.directory, options.shard_count,
                                        options.segment_bytes, options.reserve_bytes,
                                        options.prepare_in_background});
    Result<Opened> opened = open_for_writing(options, *preparer, files);
    if (!opened) return opened.error();
    // Taken as any segment is, which also makes its name durable: the last process may have died
    // between giving it one and syncing the directory.
    Result<Segment> segment = preparer->take(opened->end.segment);
    if (!segment) return segment.error();
    return std::unique_ptr<EmbeddedLog>(
        std::make_unique<WritingLog>(std::move(*lock), std::move(preparer), std::move(*opened),
                                     std::move(*segment), options.segment_bytes));
}

Result<std::unique_ptr<EmbeddedLogReader>> EmbeddedLogReader::open(
    const EmbeddedLogOptions& options, Files& files) {
    if (const Status there = find_directory(files, options.directory); !there) return there.error();
    const Result<std::uint32_t> count = count_segments(files, options.directory);
    if (!count) return count.error();
    if (*count == 0) return log_is_gone(options.directory);
    auto segments = std::make_unique<SegmentTable>(files, options.directory);
    const Result<std::uint32_t> shards =
        check_shard_count(*segments, options.directory, options.shard_count);
    if (!shards) return shards.error();
    const auto damage =
        options.passes_damage ? LogWalk::Damage::is_passed : LogWalk::Damage::stops;
    auto frames = std::make_unique<StoredFrames>(*segments, *shards);
    auto log = std::make_unique<ReadingLog>(files, options.directory, std::move(segments),
                                            std::move(frames), damage);
    if (const Status looked = log->look(LogWalk::Depth::thorough); !looked) return looked.error();
    return std::unique_ptr<EmbeddedLogReader>(std::move(log));
}

}  // namespace vouch
