#pragma once

#include "events/log/embedded/embedded_log.h"
#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "projector/views/projector.h"
#include "tools/server/places/data_directory.h"
#include "tools/server/places/file_lock.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

namespace vouch::places {

/// How long a process waits for another one that has the views open.
inline constexpr std::chrono::seconds kViewsWaitMax{60};

/// The views of a data directory, with the log and keys they are made from.
class Views {
public:
    /// Opens the views without applying anything; to read alone, and says so, while the disk is
    /// full. Damaged ones are set aside and made again, which is said.
    static Result<std::unique_ptr<Views>> open(const DataDirectory& data);
    /// Applies what the log holds now, showing progress. Fails when that cannot be for a shard that
    /// is asked about: the account's, or any when it is empty; of the others it is said.
    Status catch_up(std::optional<AccountId> account);
    /// The same as far as it goes: what is left out is said, and a `lack`.
    Status catch_up_where_possible();

    projector::ShardViews& shards() { return *views_; }
    /// What answers may lack, which people were told of: what is not found may be there.
    enum class Lack {
        nothing,
        unreadable_end,  ///< more was recorded than can be read
        newest_records,  ///< the disk has no room to bring the views up to the log
    };
    Lack lack() const { return lack_; }

private:
    Status look_how_far(std::optional<AccountId> account);
    /// `fails` is told why a shard's view does not go on; what it gives back ends the whole.
    Status catch_up(const std::function<Status(ShardId shard, const Fault& fault)>& fails);

    Views(FileLock lock, EpochKeys keys) : lock_(std::move(lock)), keys_(std::move(keys)) {}

    FileLock lock_;
    EpochKeys keys_;
    bool is_fixed_ = false;  ///< open to read alone
    Lack lack_ = Lack::nothing;
    std::unique_ptr<LogReader> log_;
    std::unique_ptr<projector::ShardViews> views_;  // before the log in destruction
};

}  // namespace vouch::places
