#pragma once

#include "command-handler/shard/shard_books.h"
#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/shard_store.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/seal/mac.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// Rebuilds a shard's books at a start: from its store and its snapshot as far as they are what was
/// written, and from the log from there on. The thread that starts the shard.
class ShardRecovery {
public:
    /// Both outlive it.
    ShardRecovery(const ShardEnvironment& with, ShardBooks& books) : with_(with), books_(books) {}

    /// Once, with empty books. They stand at the log's end then.
    Status run();

    /// Of a run that failed: this shard's records are to blame, and nothing that the others share.
    bool stops_alone() const { return stops_alone_; }
    /// The filter has the facts of every record.
    bool knows_all() const { return knows_all_; }
    /// Sentences for people: what was set aside.
    const std::vector<std::string>& warnings() const { return warnings_; }

private:
    Status open_store();
    Result<std::optional<StorePosition>> load_store(const std::filesystem::path& path);
    Status open_snapshot();
    Status check_kept_end();
    Status check_seen(RecordNumber next_record, const Digest& digest, const char* seen_by);
    Status set_damaged_aside(const char* name, const Fault& fault);
    Status stop_alone(const Status& status);

    const ShardEnvironment& with_;
    ShardBooks& books_;
    StorePosition store_position_;
    RecordNumber exact_from_;
    bool knows_all_ = false;
    bool stops_alone_ = false;
    std::vector<std::string> warnings_;
};

}  // namespace vouch::command_handler
