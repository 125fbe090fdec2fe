#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/reading/view_position.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::reconciler {

/// Where a shard ends, as an archive's trailer says.
struct ArchivedEnd {
    ShardId shard;
    RecordNumber next_record;
    Tag last_digest{};
    /// Where a witness had seen the shard stand when the log gave no more; empty when none had.
    std::optional<ViewPosition> seen{};
};

/// A trailer as read, with the bytes that its tag is of.
struct ArchiveTrailer {
    std::vector<ArchivedEnd> ends;  ///< one for each shard, in order
    std::string unreadable_end;     ///< what stood behind the log's end; empty when nothing did
    Bytes bytes;
    Tag tag{};
};

struct ExportProgress {
    std::uint64_t records = 0;
    std::uint64_t records_expected = 0;
    std::uint64_t bytes = 0;
    std::uint64_t damaged = 0;  ///< records that are not what was written, or cannot be read
};

/// Writes a deployment's log as an archive (grammar: archive.cc). A closed cut is taken first
/// (closed_cut.h); what is committed afterwards is left out. The file is made beside `file` under
/// another name, synced, and renamed at the end, so that a file of that name is whole.
///
/// `deployment_bytes` as stored at creation. `configuration` when `file` exists. A record that is
/// not what was written, or does not follow, is copied as it lies there; one that cannot be read at
/// all is a frame without bytes: the archive's replay finds both at their places. Of a log whose
/// end is missing or cannot be read the archive holds what there is, and its trailer says what is
/// not.
struct ExportOptions {
    /// Witnesses that have seen more than the log gives.
    std::vector<ViewPosition> seen;
    std::function<void(const ExportProgress&)> progress;  ///< may be empty
    std::function<void(const Fault&)> damage;  ///< told of each damaged record; may be empty
};
Result<ExportProgress> export_archive(LogReader& log, ByteView deployment_bytes,
                                      const EpochKeys& keys, const std::filesystem::path& file,
                                      const ExportOptions& options = {});

/// An archive as a log. Reads any archive of which at least the deployment can be read; what is
/// wrong with its form is told by `form_faults`, for the replay to report.
///
/// Memory: 16 bytes for each kIndexStride records. Threads: any, one call at a time waits for
/// another.
class ArchiveReader final : public LogReader {
public:
    static constexpr std::uint64_t kIndexStride = 256;

    /// `configuration` when there is no such file or it does not begin as an archive.
    static Result<std::unique_ptr<ArchiveReader>> open(const std::filesystem::path& file);
    ~ArchiveReader() override;

    const Deployment& deployment() const { return deployment_; }
    /// Empty when the archive ends before its trailer.
    const std::optional<ArchiveTrailer>& trailer() const { return trailer_; }
    /// Sentences: "bytes after the trailer", "no trailer".
    const std::vector<std::string>& form_faults() const { return form_faults_; }

    std::uint32_t shard_count() const override { return deployment_.shards; }
    Result<RecordNumber> end(ShardId shard) override;
    /// As the trailer says of the log.
    Result<std::optional<std::string>> unreadable_end() override;
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override;
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override;

private:
    struct File;
    struct ShardIndex;
    ArchiveReader();

    void scan(std::uint64_t offset);
    std::optional<std::uint64_t> offset_of(ShardIndex& index, std::uint64_t record) const;

    std::unique_ptr<File> file_;
    Deployment deployment_;
    std::vector<ShardIndex> shards_;
    std::optional<ArchiveTrailer> trailer_;
    std::vector<std::string> form_faults_;
};

/// The trailer's tag under the archive key.
Tag trailer_tag(const EpochKeys& keys, ByteView trailer_bytes);

}  // namespace vouch::reconciler
