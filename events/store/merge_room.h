#pragma once

#include "events/result.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace rocksdb {
class EventListener;
}  // namespace rocksdb

namespace vouch {

/// Lets a RocksDB begin no merge that the disk has no room for: the merge waits, on RocksDB's own
/// thread, until there is. A store does not survive a merge that runs out of room. Any thread.
class MergeRoom {
public:
    /// How often a merge that waits looks for room.
    static constexpr std::chrono::milliseconds kLookInterval{200};

    /// Whether so many bytes, which a merge reads, may be written. `retriable` while not.
    using HasRoom = std::function<Status(std::uint64_t bytes)>;
    explicit MergeRoom(HasRoom has_room);
    ~MergeRoom();
    MergeRoom(const MergeRoom&) = delete;
    MergeRoom& operator=(const MergeRoom&) = delete;

    /// For Options::listeners. Shared with RocksDB, which wants it so.
    std::shared_ptr<rocksdb::EventListener> listener() const;

    /// What a merge waits for, of any store of this process: none of another store may begin then,
    /// for they share RocksDB's threads. Empty while none waits. people are told of both.
    static std::optional<Fault> waits();
    /// Before the database is closed, which waits for merges that have begun: none waits any more.
    void stop_waiting();

private:
    class Listener;
    std::shared_ptr<Listener> listener_;
};

}  // namespace vouch
