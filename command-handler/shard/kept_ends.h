#pragma once

#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "events/world/condition.h"
#include "events/world/files.h"
#include "events/world/thread.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// Where a shard's durable records end.
struct KeptEnd {
    RecordNumber next_record;
    Digest digest{};  ///< of the record before it
};

/// Keeps where every shard's durable records end, in one file beside the log: a witness that is
/// never older than kEvery and the writing of it, while stores, snapshots and views may be much
/// older. Written by a thread of its own, so that no answer waits for it; when that fails, which
/// people are told, it is tried again after kEvery.
class KeptEnds {
public:
    static constexpr std::chrono::milliseconds kEvery{1'000};

    /// Opens the file or makes it. One that is not what was written is set aside, with a sentence
    /// in `warnings`; one that cannot be read is a fault.
    static Result<std::unique_ptr<KeptEnds>> open(const std::filesystem::path& path,
                                                  const EpochKeys& keys, std::uint32_t shard_count,
                                                  std::vector<std::string>& warnings,
                                                  Files& files = system_files());
    /// Writes what is not written yet.
    ~KeptEnds();
    KeptEnds(const KeptEnds&) = delete;
    KeptEnds& operator=(const KeptEnds&) = delete;

    /// What was kept when it was opened.
    const std::optional<KeptEnd>& found(ShardId shard) const { return found_[shard.value()]; }

    /// Of records that are durable in the log, and of no others. Any thread.
    void note(ShardId shard, const KeptEnd& end);

    /// What the file keeps of a shard; empty when that is nothing. `corrupt` when it is not what
    /// was written, `storage` when it cannot be read.
    static Result<std::optional<KeptEnd>> read(const std::filesystem::path& path,
                                               const EpochKeys& keys, ShardId shard,
                                               Files& files = system_files());

private:
    KeptEnds(File file, const EpochKeys& keys, std::vector<std::optional<KeptEnd>> found);
    void run();
    void write_noted();
    Status write(const std::vector<std::optional<KeptEnd>>& ends) const;

    const File file_;
    const EpochKeys keys_;
    const std::vector<std::optional<KeptEnd>> found_;  ///< by shard
    Mutex mutex_;
    Condition stopping_;
    bool stops_ = false;
    std::vector<std::optional<KeptEnd>> noted_;  ///< by shard: what is not written yet
    bool has_failed_ = false;                    ///< when last written; of the thread
    Thread thread_;
};

}  // namespace vouch::command_handler
