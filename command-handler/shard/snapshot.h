#pragma once

#include "command-handler/core/shard_state.h"
#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/step_peers.h"
#include "events/result.h"
#include "events/seal/mac.h"
#include "events/world/files.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vouch::command_handler {

/// Copies a shard's state to a file, a chunk between two records at a time.
///
/// The copy is fuzzy: what a chunk holds may be newer than the head that the snapshot begins at. A
/// start loads it and applies all events from that head on, newest version wins. So it needs all
/// records that were decided before the last chunk was copied, and says at its end how far they go:
/// it may be published only once they are durable, and is of no use beside a log without them.
class SnapshotWriter {
public:
    /// Accounts, or places of holds or of commands in transit, that one chunk copies, at most.
    static constexpr std::size_t kChunkRows = 8192;
    /// A chunk of commands in transit ends with the one that reaches this size.
    static constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

    /// Begins a new file beside `path`. `storage` when it cannot.
    static Result<std::unique_ptr<SnapshotWriter>> begin(const std::filesystem::path& path,
                                                         const SecretKey& key,
                                                         const ChainHead& head,
                                                         const StepPeers& peers,
                                                         Files& files = system_files());
    ~SnapshotWriter();

    /// Copies one chunk more of the state as of `head`. True when everything is copied.
    Result<bool> copy_some(const ShardState& state, const ChainHead& head);
    /// Seals the file and puts it in its place, durably. May run on another thread.
    Status publish();

private:
    SnapshotWriter(std::filesystem::path path, const SecretKey& key, Files& files);
    Status write_chunk(std::vector<std::byte>& chunk);
    // Each adds rows to a chunk of its kind. True when none is left.
    bool copy_accounts(const ShardState& state, std::vector<std::byte>& chunk);
    bool copy_holds(const ShardState& state, std::vector<std::byte>& chunk);
    bool copy_followed_holds(const ShardState& state, std::vector<std::byte>& chunk);
    bool copy_crossings(const ShardState& state, std::vector<std::byte>& chunk);

    Status write(std::span<const std::byte> bytes);

    Files& files_;
    std::filesystem::path path_;
    Mac mac_;
    Tag running_{};
    std::optional<File> file_;  // until it is in its place
    std::uint64_t size_ = 0;
    EventNumber first_event_;  // that is applied after the copy is loaded

    // Where the copy goes on.
    std::size_t part_ = 0;
    ShardId leader_{0};       // of the followed holds that come next
    std::uint32_t next_ = 0;  // account, or place in the table that is at hand
};

struct LoadedSnapshot {
    ChainHead head;          ///< where it begins
    RecordNumber seen_next;  ///< the first record that it holds nothing of
    Digest seen_digest{};    ///< of the record before that
};

/// Loads a snapshot into an empty state and peers of the same number of shards. Empty when there is
/// none. `corrupt` when it is not what was written under `key`, or in another format: both are then
/// untouched, and the file is to be ignored.
Result<std::optional<LoadedSnapshot>> load_snapshot(const std::filesystem::path& path,
                                                    const SecretKey& key, ShardState& state,
                                                    StepPeers& peers,
                                                    Files& files = system_files());

/// The first record that a snapshot claims to hold nothing of; not believed before it was loaded.
/// Empty when there is none, or none of this format.
std::optional<RecordNumber> peek_snapshot(const std::filesystem::path& path,
                                          Files& files = system_files());

}  // namespace vouch::command_handler
