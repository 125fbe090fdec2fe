// An archive is one file:
//
//   archive = "vouch archive 1\n" deployment shard* trailer
//   frame   = type (1 byte) | size (4 bytes, big-endian) | that many bytes
//   deployment = frame 'D': the Deployment message as stored at creation
//   shard      = frame 'S': shard (4 bytes) | next record (8 bytes), big-endian;
//                then as many frames 'R', records 0, 1, 2… of the shard: SealedRecord bytes as
//                stored; no bytes of one that could not be read
//   trailer    = frame 'T': a SealedTrailer (schemas/record.proto)
//
// Shards stand in order, all of the deployment's. Nothing follows the trailer. There are no
// checksums: each record has its MAC, and the trailer names each shard's last digest.
#include "reconciler/archive/archive.h"

#include "events/log/verified_reader.h"
#include "events/seal/record_verifier.h"
#include "events/world/files.h"
#include "events/world/mutex.h"
#include "reconciler/archive/archive_form.h"
#include "reconciler/reading/closed_cut.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>

namespace vouch::reconciler {

namespace {

constexpr std::size_t kReadBytes = 1u << 20;

Fault storage_fault(const std::filesystem::path& file, const char* what) {
    return {FaultCode::storage, file.string() + ": " + what + ": " + std::strerror(errno)};
}

std::filesystem::path directory_of(const std::filesystem::path& file) {
    return file.has_parent_path() ? file.parent_path() : ".";
}

/// Writes a file without a name, of which nothing is left when this process dies, and gives it its
/// name at the end. Where the file system has no such files, it has a name beside the final one.
class ArchiveWriter {
public:
    explicit ArchiveWriter(std::filesystem::path file) : file_(std::move(file)) {}
    ~ArchiveWriter() {
        if (descriptor_ >= 0) close(descriptor_);
        if (!partial_.empty()) unlink(partial_.c_str());
    }
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;

    Status open() {
        if (std::error_code error; std::filesystem::exists(file_, error)) {
            return Fault{FaultCode::configuration, file_.string() + ": exists already"};
        }
        constexpr mode_t kMode = 0644;
        descriptor_ = ::open(directory_of(file_).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, kMode);
        if (descriptor_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
            // Of this one alone: another export of the same name may be on its way.
            std::filesystem::path partial = file_;
            partial += ".partial-" + std::to_string(system_files().random());
            descriptor_ = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
            if (descriptor_ >= 0) partial_ = std::move(partial);
        }
        if (descriptor_ < 0) return storage_fault(file_, "create");
        buffer_.reserve(2 * kReadBytes);
        return {};
    }
    Status put(ByteView bytes) {
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
        bytes_ += bytes.size();
        return buffer_.size() < kReadBytes ? Status() : flush();
    }
    Status put_frame(FrameType type, ByteView bytes) {
        const auto header = write_frame_header({type, static_cast<std::uint32_t>(bytes.size())});
        if (Status status = put(header); !status) return status;
        return put(bytes);
    }
    Status finish() {
        if (Status status = flush(); !status) return status;
        if (fsync(descriptor_) != 0) return storage_fault(file_, "sync");
        // A link, unlike a renaming, fails when the name was taken meanwhile.
        const std::string open_file = "/proc/self/fd/" + std::to_string(descriptor_);
        if (linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, file_.c_str(), AT_SYMLINK_FOLLOW) != 0)
            return storage_fault(file_, "name");
        return sync_directory(system_files(), directory_of(file_).string());
    }
    std::uint64_t bytes() const { return bytes_; }

private:
    Status flush() {
        for (ByteView rest = buffer_; !rest.empty();) {
            const ssize_t written = write(descriptor_, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return storage_fault(file_, "write");
            rest = rest.subspan(static_cast<std::size_t>(written));
        }
        buffer_.clear();
        return {};
    }

    std::filesystem::path file_;
    std::filesystem::path partial_;  ///< empty for a file without a name
    int descriptor_ = -1;
    Bytes buffer_;
    std::uint64_t bytes_ = 0;
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

Tag trailer_tag(const EpochKeys& keys, ByteView trailer_bytes) {
    constexpr std::string_view kDomain("vouch/archive/v1\0", 17);
    const std::span<const char> domain(kDomain);
    std::array<std::byte, 4> size{};
    for (std::size_t i = 0; i < size.size(); ++i)
        size[i] = static_cast<std::byte>(trailer_bytes.size() >> (24 - 8 * i));
    const SecretKey key = keys.archive_key();
    const std::array<ByteView, 3> pieces{std::as_bytes(domain), size, trailer_bytes};
    return Mac(key).tag(pieces);
}

Result<ExportProgress> export_archive(LogReader& log, ByteView deployment_bytes,
                                      const EpochKeys& keys, const std::filesystem::path& file,
                                      const ExportOptions& options) {
    const Result<Deployment> deployment = parse_deployment(deployment_bytes);
    if (!deployment) return deployment.error();
    std::vector<ArchivedEnd> ends;
    ExportProgress progress;
    if (Status right = check_genesis(log, *deployment, keys); !right) return right.error();
    const Result<std::vector<RecordNumber>> cut = closed_cut(log);
    if (!cut) return cut.error();
    for (std::uint32_t i = 0; i < deployment->shards; ++i) {
        const RecordNumber end = cut->at(i);
        ends.push_back({ShardId(i), end, deployment->genesis_tag});
        progress.records_expected += end.value();
    }
    for (const ViewPosition& seen : options.seen) {
        ArchivedEnd& end = ends.at(seen.shard.value());
        if (seen.next_record > end.next_record) end.seen = seen;
    }
    const Result<std::optional<std::string>> left = log.unreadable_end();
    if (!left) return left.error();
    ArchiveWriter out(file);
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

// --- Reading
// --------------------------------------------------------------------------------------------

struct ArchiveReader::File {
    Mutex mutex;
    int descriptor = -1;
    std::uint64_t size = 0;

    ~File() {
        if (descriptor >= 0) close(descriptor);
    }
    bool read(std::uint64_t offset, std::span<std::byte> out) const {
        while (!out.empty()) {
            const ssize_t got =
                pread(descriptor, out.data(), out.size(), static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return false;
            out = out.subspan(static_cast<std::size_t>(got));
            offset += static_cast<std::uint64_t>(got);
        }
        return true;
    }
    /// The frame at `offset`; empty when none of known form lies wholly there.
    std::optional<FrameHeader> frame(std::uint64_t offset) const {
        std::array<std::byte, kFrameHeaderSize> bytes{};
        if (offset + bytes.size() > size || !read(offset, bytes)) return std::nullopt;
        const std::optional<FrameHeader> header = read_frame_header(bytes);
        if (!header || offset + bytes.size() + header->size > size) return std::nullopt;
        return header;
    }
    std::optional<Bytes> contents(std::uint64_t offset, const FrameHeader& header) const {
        Bytes bytes(header.size);
        if (!read(offset + kFrameHeaderSize, bytes)) return std::nullopt;
        return bytes;
    }
};

struct ArchiveReader::ShardIndex {
    std::vector<std::uint64_t> marks;  ///< offset of every kIndexStride-th record's frame
    std::uint64_t records = 0;
    // Where the last read ended: reading goes on there.
    std::uint64_t next_record = 0;
    std::uint64_t next_offset = 0;
};

ArchiveReader::ArchiveReader() : file_(std::make_unique<File>()) {}
ArchiveReader::~ArchiveReader() = default;

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(const std::filesystem::path& path) {
    std::unique_ptr<ArchiveReader> reader(new ArchiveReader());
    File& file = *reader->file_;
    file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file.descriptor < 0 || fstat(file.descriptor, &status) != 0) {
        return Fault{FaultCode::configuration, path.string() + ": " + std::strerror(errno)};
    }
    file.size = static_cast<std::uint64_t>(status.st_size);
    std::array<char, kArchiveMagic.size()> magic{};
    const bool is_archive = file.read(0, std::as_writable_bytes(std::span(magic))) &&
                            std::string_view(magic.data(), magic.size()) == kArchiveMagic;
    const auto header = is_archive ? file.frame(magic.size()) : std::nullopt;
    const auto bytes = header && header->type == FrameType::deployment
                           ? file.contents(magic.size(), *header)
                           : std::nullopt;
    if (!bytes)
        return Fault{FaultCode::configuration, path.string() + ": does not begin as an archive"};
    const Result<Deployment> deployment = parse_deployment(*bytes);
    if (!deployment) return deployment.error();
    reader->deployment_ = *deployment;
    reader->shards_.resize(deployment->shards);
    reader->scan(magic.size() + kFrameHeaderSize + header->size);
    return reader;
}

/// Walks all frames once, to know where records and the trailer are and what is wrong with the
/// form.
void ArchiveReader::scan(std::uint64_t offset) {
    std::optional<ShardFrame> shard;
    std::uint32_t shards = 0;
    const auto end_shard = [&] {
        if (!shard) return;
        const std::uint64_t found = shards_[shard->shard.value()].records;
        if (found == shard->next_record.value()) return;
        form_faults_.push_back("shard " + std::to_string(shard->shard.value()) + ": expected " +
                               std::to_string(shard->next_record.value()) + " records, found " +
                               std::to_string(found));
    };
    while (offset < file_->size) {
        const std::optional<FrameHeader> header = file_->frame(offset);
        if (trailer_ || !header || header->type == FrameType::deployment) {
            form_faults_.push_back(
                std::to_string(file_->size - offset) +
                (trailer_ ? " bytes after the trailer" : " bytes that are no frame of an archive"));
            break;
        }
        if (header->type == FrameType::record) {
            if (!shard) {
                form_faults_.push_back("a record before any shard");
                break;
            }
            ShardIndex& index = shards_[shard->shard.value()];
            if (index.records++ % kIndexStride == 0) index.marks.push_back(offset);
        } else {
            end_shard();
            shard.reset();
            const auto bytes = file_->contents(offset, *header);
            if (header->type == FrameType::shard) {
                shard = bytes ? read_shard_frame(*bytes) : std::nullopt;
                if (!shard || shard->shard.value() != shards || shards++ >= deployment_.shards) {
                    form_faults_.push_back("shards are not those of the deployment, in order");
                    return;
                }
            } else {
                trailer_ = bytes ? read_sealed_trailer(*bytes) : std::nullopt;
                if (!trailer_ || trailer_->ends.size() != deployment_.shards) {
                    form_faults_.push_back("the trailer cannot be read");
                    trailer_.reset();
                    return;
                }
            }
        }
        offset += kFrameHeaderSize + header->size;
    }
    end_shard();
    if (!trailer_) form_faults_.push_back("no trailer: what is missing at the end cannot be known");
    if (shards < deployment_.shards) form_faults_.push_back("not all shards of the deployment");
    for (std::uint32_t i = 0; trailer_ && i < deployment_.shards; ++i) {
        if (shards_[i].records <= trailer_->ends[i].next_record.value()) continue;
        form_faults_.push_back("shard " + std::to_string(i) +
                               ": more records than the trailer says");
    }
}

Result<RecordNumber> ArchiveReader::end(ShardId shard) {
    return RecordNumber(shards_.at(shard.value()).records);
}

Result<std::optional<std::string>> ArchiveReader::unreadable_end() {
    if (!trailer_ || trailer_->unreadable_end.empty()) return std::optional<std::string>();
    return std::optional("of the log that was exported: " + trailer_->unreadable_end);
}

std::optional<std::uint64_t> ArchiveReader::offset_of(ShardIndex& index,
                                                      std::uint64_t record) const {
    if (record >= index.records) return std::nullopt;
    std::uint64_t at = record / kIndexStride * kIndexStride;
    std::uint64_t offset = index.marks[record / kIndexStride];
    if (index.next_offset != 0 && index.next_record <= record && index.next_record > at) {
        at = index.next_record;
        offset = index.next_offset;
    }
    for (; at < record; ++at) {
        const std::optional<FrameHeader> header = file_->frame(offset);
        if (!header) return std::nullopt;
        offset += kFrameHeaderSize + header->size;
    }
    return offset;
}

Status ArchiveReader::read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                                   std::vector<StoredRecord>& out) {
    const std::lock_guard lock(file_->mutex);
    ShardIndex& index = shards_.at(shard.value());
    const std::optional<std::uint64_t> start = offset_of(index, from.value());
    if (!start) return {};
    std::uint64_t offset = *start;
    std::uint64_t record = from.value();
    for (std::size_t bytes = 0; record < index.records && (bytes < bytes_max || bytes == 0);
         ++record) {
        const std::optional<FrameHeader> header = file_->frame(offset);
        auto contents = header ? file_->contents(offset, *header) : std::nullopt;
        if (!contents || header->type != FrameType::record) {
            return Fault{FaultCode::corrupt, "shard " + std::to_string(shard.value()) + " record " +
                                                 std::to_string(record) +
                                                 ": the archive changed while it was read"};
        }
        bytes += contents->size() + 1;
        out.push_back({RecordNumber(record), std::move(*contents)});
        offset += kFrameHeaderSize + header->size;
    }
    index.next_record = record;
    index.next_offset = offset;
    return {};
}

Status ArchiveReader::read_range(ShardId shard, RecordNumber record, std::size_t offset,
                                 std::size_t size, Bytes& out) {
    const std::lock_guard lock(file_->mutex);
    const std::optional<std::uint64_t> start = offset_of(shards_.at(shard.value()), record.value());
    out.resize(size);
    if (start && file_->read(*start + kFrameHeaderSize + offset, out)) return {};
    return Fault{FaultCode::corrupt, "shard " + std::to_string(shard.value()) + " record " +
                                         std::to_string(record.value()) + ": not in the archive"};
}

}  // namespace vouch::reconciler
