#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/record.h"
#include "projector/views/view_store.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::projector {

/// How a projector chooses between batches and bulk loads. Which it takes changes no row.
struct ProjectorOptions {
    /// Bytes of records still to apply from which loading in bulk pays for sorting and merging.
    std::size_t bulk_bytes_min = 32 * 1024 * 1024;
    /// Memory of one bulk load's rows; more rows are another load.
    std::size_t bulk_memory_bytes = 128 * 1024 * 1024;
    /// Records are read, and written as one batch, in pieces of about this size.
    std::size_t batch_bytes_max = 1024 * 1024;
};

/// Follows one shard's log and writes its view. It never leads the log, never reads rows before it
/// writes, and trusts nothing: each record must be the next of this shard and deployment, link to
/// the tag before it, number its events without gaps, and (with keys) carry the right MAC.
///
/// After a fault `corrupt` the view stands before the record that is at fault, which the message
/// names, and the projector applies no more. One thread.
class Projector {
public:
    /// Compares the view with the log: a view whose last record the log does not have, or has with
    /// another tag, is of a fork or of a log cut short (`corrupt`). Everything referred to outlives
    /// the projector. `keys` may be null: then MACs are not checked, all else is.
    static Result<std::unique_ptr<Projector>> start(LogReader& log, const Deployment& deployment,
                                                    ShardId shard, ViewStore& store,
                                                    const EpochKeys* keys,
                                                    const ProjectorOptions& options = {});
    virtual ~Projector() = default;

    /// Why the view goes no further from its start on: the log does not give the view's last
    /// record.
    virtual Status compared() const = 0;

    /// Applies records until the view's next record is `until` or the log's end, whichever comes
    /// first.
    virtual Status catch_up(RecordNumber until) = 0;
    /// Applies what the log holds now.
    virtual Status catch_up_to_end() = 0;

    /// First record not yet applied.
    virtual RecordNumber next_record() const = 0;
};

/// What the files of a shard's view are sealed with.
SecretKey view_key(const EpochKeys& keys, ShardId shard);

/// The views of a deployment's shards below one directory, each with its projector.
class ShardViews {
public:
    /// Opens or creates `directory`/<shard number> for every shard of `log`. A view that is
    /// damaged, by what opening it meets or by what was noted of it, is set aside, which `warnings`
    /// tell; the new one has no record yet. One that is of another log, or has seen more than it,
    /// is no damage: it stops the opening and stays.
    static Result<std::unique_ptr<ShardViews>> open(LogReader& log, const Deployment& deployment,
                                                    const EpochKeys& keys,
                                                    const std::filesystem::path& directory,
                                                    ViewStores& stores,
                                                    const ProjectorOptions& options = {});

    /// The views as they are, to be asked and not to be moved: for when the disk is full.
    static Result<std::unique_ptr<ShardViews>> open_to_read(std::uint32_t shard_count,
                                                            const EpochKeys& keys,
                                                            const std::filesystem::path& directory,
                                                            ViewStores& stores);

    /// What people must hear of the opening.
    const std::vector<std::string>& warnings() const { return warnings_; }

    /// Applies what the log holds now, of every shard in turn. One thread.
    Status catch_up_to_end();

    /// By shard number. They live as long as this; those opened to read have no projector.
    const std::vector<ViewStore*>& stores() const { return stores_; }
    Projector& projector(ShardId shard) { return *shards_.at(shard.value()).projector; }

private:
    struct Shard {
        std::unique_ptr<ViewStore> store;
        std::unique_ptr<Projector> projector;
    };
    /// A store that does not open because it is damaged gives a shard without one, and why.
    struct Opened {
        Shard shard;
        std::optional<std::string> damage;
    };
    static Result<Opened> open_shard(LogReader& log, const Deployment& deployment, ShardId shard,
                                     const EpochKeys& keys, const std::filesystem::path& directory,
                                     ViewStores& stores, const ProjectorOptions& options);

    std::vector<Shard> shards_;
    std::vector<ViewStore*> stores_;
    std::vector<std::string> warnings_;
};

}  // namespace vouch::projector
