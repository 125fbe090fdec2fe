#pragma once

#include "command-handler/core/shard_state.h"
#include "command-handler/shard/chain_head.h"
#include "command-handler/shard/step_peers.h"
#include "events/result.h"
#include "events/seal/mac.h"

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// Copies a shard's state to a file, a chunk between two records at a time.
///
/// The copy is fuzzy: what a chunk holds may be newer than the head that the snapshot begins at. A
/// start loads it and applies all events from that head on, newest version wins. It may be
/// published only once every record that was decided before the last chunk was copied is durable.
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
                                                         const StepPeers& peers);
    ~SnapshotWriter();

    /// Copies one chunk more. True when everything is copied.
    Result<bool> copy_some(const ShardState& state);
    /// Seals the file and puts it in its place, durably. May run on another thread.
    Status publish();

private:
    SnapshotWriter(std::filesystem::path path, const SecretKey& key);
    Status write_chunk(std::vector<std::byte>& chunk);
    // Each adds rows to a chunk of its kind. True when none is left.
    bool copy_accounts(const ShardState& state, std::vector<std::byte>& chunk);
    bool copy_holds(const ShardState& state, std::vector<std::byte>& chunk);
    bool copy_followed_holds(const ShardState& state, std::vector<std::byte>& chunk);
    bool copy_crossings(const ShardState& state, std::vector<std::byte>& chunk);

    std::filesystem::path path_;
    std::filesystem::path unfinished_;
    Mac mac_;
    Tag running_{};
    std::FILE* file_ = nullptr;
    EventNumber first_event_;  // that is applied after the copy is loaded

    // Where the copy goes on.
    std::size_t part_ = 0;
    ShardId leader_{0};       // of the followed holds that come next
    std::uint32_t next_ = 0;  // account, or place in the table that is at hand
};

/// Loads a snapshot into an empty state and peers of the same number of shards. Empty when there is
/// none. `corrupt` when it is not what was written under `key`, or in another format: both are then
/// untouched, and the file is to be ignored.
Result<std::optional<ChainHead>> load_snapshot(const std::filesystem::path& path,
                                               const SecretKey& key, ShardState& state,
                                               StepPeers& peers);

/// The next record that a snapshot claims to begin at; not believed before it was loaded. Empty when
/// there is none, or none of this format.
std::optional<RecordNumber> peek_snapshot(const std::filesystem::path& path);

}  // namespace vouch::command_handler
