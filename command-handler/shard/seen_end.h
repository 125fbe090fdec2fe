#pragma once

#include "command-handler/shard/shard_store.h"
#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "events/world/files.h"

#include <filesystem>
#include <optional>
#include <string>

namespace vouch::command_handler {

/// What the command handler's own files have seen of a shard's log.
struct SeenEnd {
    std::filesystem::path path;  ///< of the store's directory, or of the file
    std::string what;            ///< "the snapshot in ", for people
    RecordNumber next_record;
    Digest digest{};  ///< of the record before it
};

/// The one of them that has seen most from record `end` on, and that is what was written; empty
/// when none has. Reads what lies in `directory` (HandlerOptions), and changes nothing
/// there.
std::optional<SeenEnd> seen_beyond(const std::filesystem::path& directory, const EpochKeys& keys,
                                   ShardId shard, std::uint32_t shard_count, RecordNumber end,
                                   Files& files = system_files(),
                                   ShardStores& stores = rocks_shard_stores());

}  // namespace vouch::command_handler
