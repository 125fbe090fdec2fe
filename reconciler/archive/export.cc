#include "reconciler/archive/export.h"

#include "events/log/verified_reader.h"
#include "events/seal/deployment.h"
#include "events/seal/record_verifier.h"
#include "reconciler/archive/archive_form.h"
#include "reconciler/reading/closed_cut.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

namespace vouch::reconciler {

namespace {

constexpr std::size_t kReadBytes = 1u << 20;

/// Writes a file without a name, of which nothing is left when this process dies, and gives it its
/// name at the end. Where the file system has no such files, it has a name beside the final one.
class ArchiveWriter {
public:
    ArchiveWriter(std::string path, Files& files) : files_(files), path_(std::move(path)) {}
    ~ArchiveWriter() {
        if (!partial_.empty()) (void)files_.remove(partial_);
    }
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;

    Status open() {
        // Whatever has the name, as a link to nothing or what this user may not read.
        const Result<std::optional<File>> there =
            File::find(files_, path_, O_PATH | O_NOFOLLOW);
        if (!there) return there.error();
        if (*there) return Fault{FaultCode::configuration, path_ + ": exists already"};
        constexpr unsigned kMode = 0644;
        CallResult opened = files_.open(directory_of(path_), O_WRONLY | O_TMPFILE, kMode);
        if (opened.error == EOPNOTSUPP || opened.error == EISDIR) {
            // Of this one alone: another export of the same name may be on its way.
            std::string partial = path_ + ".partial-" + std::to_string(files_.random());
            opened = files_.open(partial, O_WRONLY | O_CREAT | O_EXCL, kMode);
            if (opened) partial_ = std::move(partial);
        }
        if (!opened) return storage_fault("open", path_, opened.error);
        file_.emplace(files_, static_cast<int>(opened.value), path_);
        buffer_.reserve(2 * kReadBytes);
        return {};
    }
    Status put(ByteView bytes) {
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
        return buffer_.size() < kReadBytes ? Status() : flush();
    }
    Status put_frame(FrameType type, ByteView bytes) {
        const auto header = write_frame_header({type, static_cast<std::uint32_t>(bytes.size())});
        if (Status status = put(header); !status) return status;
        return put(bytes);
    }
    Status finish() {
        if (Status status = flush(); !status) return status;
        if (Status status = file_->fsync(); !status) return status;
        if (Status status = file_->name(path_); !status) return status;
        return sync_directory(files_, directory_of(path_));
    }
    std::uint64_t bytes() const { return written_ + buffer_.size(); }

private:
    Status flush() {
        if (Status status = file_->write(buffer_, written_); !status) return status;
        written_ += buffer_.size();
        buffer_.clear();
        return {};
    }

    Files& files_;
    const std::string path_;
    std::string partial_;  ///< empty for a file without a name
    std::optional<File> file_;
    Bytes buffer_;
    std::uint64_t written_ = 0;
};

/// Copies a shard's records: the trailer vouches for those that are verified, and whatever else
/// lies at a record's place is kept as it is, for the archive's replay to find.
class ShardCopy {
public:
    ShardCopy(LogReader& log, RecordVerifier& verifier, ArchivedEnd& end, ArchiveWriter& out)
        : log_(log), verifier_(verifier), end_(end), out_(out) {}

    Status copy(ExportProgress& progress, const ExportOptions& options) {
        const Bytes frame = write_shard_frame({end_.shard, end_.next_record});
        if (Status status = out_.put_frame(FrameType::shard, frame); !status) return status;
        std::vector<StoredRecord> stored;
        for (RecordNumber next; next < end_.next_record;) {
            if (Status run = read(next, stored, progress, options); !run) return run;
            for (const StoredRecord& each : stored) {
                if (next == end_.next_record) break;
                if (Status status = put(each, progress, options); !status) return status;
                next = next.next();
            }
            progress.bytes = out_.bytes();
            if (options.progress) options.progress(progress);
        }
        return {};
    }

private:
    /// A run of records, or one alone where the log says that it is damaged.
    Status read(RecordNumber next, std::vector<StoredRecord>& stored, ExportProgress& progress,
                const ExportOptions& options) {
        stored.clear();
        Status run = log_.read_records(end_.shard, next, kReadBytes, stored);
        if (run ? !stored.empty() : run.error().code != FaultCode::corrupt) return run;
        stored.clear();
        run = log_.read_records(end_.shard, next, 1, stored);
        if (run && !stored.empty()) return {};
        tell(run ? verifier_.corrupt(next, "missing before the end of the log") : run.error(),
             progress, options);
        stored.assign(1, {next, {}});
        if (!log_.read_range(end_.shard, next, 0, kRecordBytesMax, stored.front().bytes))
            stored.front().bytes.clear();
        is_told_ = true;
        return {};
    }

    Status put(const StoredRecord& stored, ExportProgress& progress, const ExportOptions& options) {
        const Result<RecordView> record = verifier_.verify(stored.number, stored.bytes);
        const bool follows = record && record->header.previous_digest == end_.last_digest;
        if (!is_told_ && !record) tell(record.error(), progress, options);
        if (!is_told_ && record && !follows && is_known_) {
            tell(verifier_.corrupt(stored.number, "does not follow the record before it"), progress,
                 options);
        }
        is_told_ = false;
        is_known_ = record.has_value();
        if (record) end_.last_digest = record->digest;
        ++progress.records;
        return out_.put_frame(FrameType::record, stored.bytes);
    }

    void tell(const Fault& fault, ExportProgress& progress, const ExportOptions& options) {
        ++progress.damaged;
        if (options.damage) options.damage(fault);
    }

    LogReader& log_;
    RecordVerifier& verifier_;
    ArchivedEnd& end_;
    ArchiveWriter& out_;
    bool is_told_ = false;  ///< of the record at hand
    bool is_known_ = true;  ///< the record before is what was written
};

}  // namespace

Result<ExportProgress> export_archive(LogReader& log, ByteView deployment_bytes,
                                      const EpochKeys& keys, const std::filesystem::path& file,
                                      const ExportOptions& options, Files& files) {
    const Result<Deployment> deployment = parse_deployment(deployment_bytes);
    if (!deployment) return deployment.error();
    std::vector<ArchivedEnd> ends;
    ExportProgress progress;
    if (Status right = check_genesis(log, *deployment, keys); !right) return right.error();
    std::vector<RecordNumber> seen_ends(deployment->shards, RecordNumber(0));
    for (const ViewPosition& seen : options.seen) {
        RecordNumber& end = seen_ends.at(seen.shard.value());
        end = std::max(end, seen.next_record);
    }
    const Result<Cut> cut = closed_cut(log, seen_ends);
    if (!cut) return cut.error();
    for (std::uint32_t i = 0; i < deployment->shards; ++i) {
        const RecordNumber end = cut->ends.at(i);
        ends.push_back({ShardId(i), end, deployment->genesis_tag});
        progress.records_expected += end.value();
    }
    for (const ViewPosition& seen : options.seen) {
        ArchivedEnd& end = ends.at(seen.shard.value());
        if (seen.next_record > end.next_record) end.seen = seen;
    }
    const Result<std::optional<std::string>> left = log.unreadable_end();
    if (!left) return left.error();
    ArchiveWriter out(file.string(), files);
    if (Status status = out.open(); !status) return status.error();
    if (Status status = out.put(std::as_bytes(std::span<const char>(kArchiveMagic))); !status)
        return status.error();
    if (Status status = out.put_frame(FrameType::deployment, deployment_bytes); !status)
        return status.error();
    for (ArchivedEnd& end : ends) {
        RecordVerifier verifier(*deployment, end.shard, &keys);
        ShardCopy copy(log, verifier, end, out);
        if (Status status = copy.copy(progress, options); !status) return status.error();
    }
    const Bytes trailer = write_trailer(ends, left->value_or(""));
    const Bytes sealed = write_sealed_trailer(trailer, trailer_tag(keys, trailer));
    if (Status status = out.put_frame(FrameType::trailer, sealed); !status) return status.error();
    if (Status status = out.finish(); !status) return status.error();
    progress.bytes = out.bytes();
    return progress;
}

}  // namespace vouch::reconciler
