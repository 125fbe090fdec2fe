#pragma once

#include "command-handler/shard/shard_store.h"
#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "events/world/files.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// What the command handler's own files have seen of a shard's log.
struct SeenEnd {
    std::filesystem::path path;  ///< of the store's directory, or of the file
    std::string what;            ///< "the snapshot in ", for people
    RecordNumber next_record;
    Digest digest{};  ///< of the record before it
};

/// Those of them that are what was written and say that the shard goes at least as far as
/// `at_least`. That a shard has no records only a kept end says. Reads what lies in `directory`
/// (HandlerOptions), and changes nothing there.
std::vector<SeenEnd> seen_ends(const std::filesystem::path& directory, const EpochKeys& keys,
                               ShardId shard, std::uint32_t shard_count, RecordNumber at_least,
                               Files& files = system_files(),
                               ShardStores& stores = rocks_shard_stores());
/// The one of them that has seen most from record `end` on; empty when none has.
std::optional<SeenEnd> seen_beyond(const std::filesystem::path& directory, const EpochKeys& keys,
                                   ShardId shard, std::uint32_t shard_count, RecordNumber end,
                                   Files& files = system_files(),
                                   ShardStores& stores = rocks_shard_stores());

}  // namespace vouch::command_handler
