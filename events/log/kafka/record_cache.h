#pragma once

#include "events/bytes/bytes.h"
#include "events/log/log.h"
#include "events/world/files.h"
#include "events/world/mutex.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace vouch::kafka {

/// Records of all shards that were committed or fetched lately, in a file of this process alone;
/// the oldest leave first. Any thread.
///
/// The file has no name and ends with the process: nothing in it outlives what wrote it. It takes
/// disk space, and of memory what the kernel gives it.
class RecordCache {
public:
    /// A file that grows to `bytes_max`, or to a quarter of the space that is free there now if
    /// that is less.
    static Result<std::unique_ptr<RecordCache>> open(const TemporaryPlace& place,
                                                     std::uint64_t bytes_max);
    /// One that keeps nothing.
    static std::unique_ptr<RecordCache> none();

    /// Records longer than the file are left out, and so is what the disk does not take.
    void put(ShardId shard, RecordNumber record, ByteView bytes);

    static constexpr std::size_t kWhole = SIZE_MAX;
    /// Sets `out` to at most `size` bytes of the record from `offset` on: fewer where it ends.
    /// False when it is not here.
    bool read(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size, Bytes& out);

    RecordCache(std::optional<File> file, std::uint64_t bytes_max)
        : file_(std::move(file)), bytes_max_(bytes_max) {}

private:
    using Key = std::pair<std::uint32_t, std::uint64_t>;
    struct KeyHash {
        std::size_t operator()(const Key& key) const;
    };
    struct Place {
        std::uint64_t at = 0;
        std::size_t size = 0;
        std::uint64_t serial = 0;  ///< unlike that of any other record, before or after
    };

    std::optional<Place> find(const Key& key);
    std::uint64_t make_room(std::uint64_t bytes);
    void drop_oldest();

    const std::optional<File> file_;  ///< none: bytes_max_ is 0
    const std::uint64_t bytes_max_;
    Mutex writing_;  ///< held while a record is put; never under mutex_
    std::uint64_t next_ = 0;

    Mutex mutex_;  ///< guards what follows
    boost::unordered_flat_map<Key, Place, KeyHash> places_;
    std::deque<Key> oldest_first_;
    std::uint64_t serials_ = 0;
};

}  // namespace vouch::kafka
