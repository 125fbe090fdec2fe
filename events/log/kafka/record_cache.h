#pragma once

#include "events/log/log.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace vouch::kafka {

/// Recently committed and read records of all shards; the least recently used leave first. Any
/// thread. A record is shared with those who copy from it, so that no lock is held while they do.
class RecordCache {
public:
    using Shared = std::shared_ptr<const Bytes>;

    explicit RecordCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    void put(ShardId shard, RecordNumber record, Shared bytes);
    /// Null when it is not here.
    Shared get(ShardId shard, RecordNumber record);

private:
    using Key = std::pair<std::uint32_t, std::uint64_t>;
    struct Entry {
        Key key;
        Shared bytes;
    };
    void drop_oldest();

    const std::size_t bytes_max_;
    std::mutex mutex_;         ///< guards what follows
    std::list<Entry> by_use_;  ///< newest first
    std::map<Key, std::list<Entry>::iterator> by_key_;
    std::size_t bytes_ = 0;
};

}  // namespace vouch::kafka
