#pragma once

#include "events/result.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

namespace vouch::kafka {

/// What a process has of its group at present, for all its threads: the shards, the identity that
/// transactions carry, and in the end why its place is lost. Any thread.
class Standing {
public:
    // --- Told by who keeps the place --------------------------------------------------------

    void set_shards(std::set<std::int32_t> shards);
    void set_identity(std::string identity);
    /// Once; the shards are gone too.
    void end(const Fault& fault);

    // --- Asked ------------------------------------------------------------------------------

    /// Calls `on_end`, on another thread, at the end, or at once if that has come; nothing any more
    /// once this was called with an empty one.
    void when_ended(std::function<void(const Fault&)> on_end);

    /// Member and generation; empty before the group has said anything.
    std::string identity();
    /// Each waits at most so long; the fault of the end when that has come. Whether the shard is
    /// there.
    Result<bool> await_shard(std::int32_t shard, std::int64_t timeout_ms);
    /// Until the identity is another than `before`.
    Status await_change(const std::string& before, std::int64_t timeout_ms);
    /// Until anything of it changes.
    Status await_anything(std::int64_t timeout_ms);

private:
    Mutex calling_;  ///< held while it is told that the place is lost; never under mutex_
    std::function<void(const Fault&)> on_end_;  ///< under calling_

    Mutex mutex_;  ///< guards what follows
    Condition changed_;
    std::set<std::int32_t> shards_;
    std::string identity_;
    std::optional<Fault> ended_;
};

}  // namespace vouch::kafka
