#include "reconciler/archive/archive_reader.h"

#include "events/world/mutex.h"

#include <array>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

namespace vouch::reconciler {

struct ArchiveReader::Frames {
    Frames(File opened, std::uint64_t bytes) : file(std::move(opened)), size(bytes) {}

    bool read(std::uint64_t offset, std::span<std::byte> out) const {
        return file.read(out, offset).has_value();
    }
    /// The frame at `offset`; empty when none of known form lies wholly there.
    std::optional<ArchiveFrame> frame(std::uint64_t offset) const {
        std::array<std::byte, kFrameHeaderSize> bytes{};
        if (offset + bytes.size() > size || !read(offset, bytes)) return std::nullopt;
        const std::optional<ArchiveFrame> header = read_frame_header(bytes);
        if (!header || offset + bytes.size() + header->size > size) return std::nullopt;
        return header;
    }
    std::optional<Bytes> contents(std::uint64_t offset, const ArchiveFrame& header) const {
        Bytes bytes(header.size);
        if (!read(offset + kFrameHeaderSize, bytes)) return std::nullopt;
        return bytes;
    }

    Mutex mutex;  ///< of what a reader keeps of its last read
    const File file;
    const std::uint64_t size;
};

struct ArchiveReader::ShardIndex {
    std::vector<std::uint64_t> marks;  ///< offset of every kIndexStride-th record's frame
    std::uint64_t records = 0;
    // Where the last read ended: reading goes on there.
    std::uint64_t next_record = 0;
    std::uint64_t next_offset = 0;
};

ArchiveReader::ArchiveReader(std::unique_ptr<Frames> frames) : frames_(std::move(frames)) {}
ArchiveReader::~ArchiveReader() = default;

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(const std::filesystem::path& path,
                                                           Files& files) {
    const auto configuration = [](const std::string& what) {
        return Fault{FaultCode::configuration, what};
    };
    Result<File> opened = File::open(files, path.string(), O_RDONLY);
    if (!opened) return configuration(opened.error().message);
    const Result<std::uint64_t> size = opened->size();
    if (!size) return configuration(size.error().message);
    std::unique_ptr<ArchiveReader> reader(
        new ArchiveReader(std::make_unique<Frames>(std::move(*opened), *size)));
    const Frames& file = *reader->frames_;
    std::array<char, kArchiveMagic.size()> magic{};
    const bool is_archive = file.read(0, std::as_writable_bytes(std::span(magic))) &&
                            std::string_view(magic.data(), magic.size()) == kArchiveMagic;
    const auto header = is_archive ? file.frame(magic.size()) : std::nullopt;
    const auto bytes = header && header->type == FrameType::deployment
                           ? file.contents(magic.size(), *header)
                           : std::nullopt;
    if (!bytes) return configuration(path.string() + ": does not begin as an archive");
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
    while (offset < frames_->size) {
        const std::optional<ArchiveFrame> header = frames_->frame(offset);
        if (trailer_ || !header || header->type == FrameType::deployment) {
            form_faults_.push_back(
                std::to_string(frames_->size - offset) +
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
            const auto bytes = frames_->contents(offset, *header);
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
        const std::optional<ArchiveFrame> header = frames_->frame(offset);
        if (!header) return std::nullopt;
        offset += kFrameHeaderSize + header->size;
    }
    return offset;
}

Status ArchiveReader::read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                                   std::vector<StoredRecord>& out) {
    const std::lock_guard lock(frames_->mutex);
    ShardIndex& index = shards_.at(shard.value());
    const std::optional<std::uint64_t> start = offset_of(index, from.value());
    if (!start) return {};
    std::uint64_t offset = *start;
    std::uint64_t record = from.value();
    for (std::size_t bytes = 0; record < index.records && (bytes < bytes_max || bytes == 0);
         ++record) {
        const std::optional<ArchiveFrame> header = frames_->frame(offset);
        auto contents = header ? frames_->contents(offset, *header) : std::nullopt;
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
    const std::lock_guard lock(frames_->mutex);
    const std::optional<std::uint64_t> start = offset_of(shards_.at(shard.value()), record.value());
    out.resize(size);
    if (start && frames_->read(*start + kFrameHeaderSize + offset, out)) return {};
    return Fault{FaultCode::corrupt, "shard " + std::to_string(shard.value()) + " record " +
                                         std::to_string(record.value()) + ": not in the archive"};
}

}  // namespace vouch::reconciler
