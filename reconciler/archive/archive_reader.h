#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/world/files.h"
#include "reconciler/archive/archive_form.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::reconciler {

/// An archive as a log. Reads any archive of which at least the deployment can be read; what is
/// wrong with its form is told by `form_faults`, for the replay to report.
///
/// Memory: 16 bytes for each kIndexStride records. Threads: any, one call at a time waits for
/// another.
class ArchiveReader final : public LogReader {
public:
    static constexpr std::uint64_t kIndexStride = 256;

    /// `configuration` when there is no such file or it does not begin as an archive.
    static Result<std::unique_ptr<ArchiveReader>> open(const std::filesystem::path& path,
                                                       Files& files = system_files());
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
    struct Frames;
    struct ShardIndex;
    explicit ArchiveReader(std::unique_ptr<Frames> frames);

    void scan(std::uint64_t offset);
    std::optional<std::uint64_t> offset_of(ShardIndex& index, std::uint64_t record) const;

    std::unique_ptr<Frames> frames_;
    Deployment deployment_;
    std::vector<ShardIndex> shards_;
    std::optional<ArchiveTrailer> trailer_;
    std::vector<std::string> form_faults_;
};

}  // namespace vouch::reconciler
