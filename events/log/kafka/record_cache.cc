#include "events/log/kafka/record_cache.h"

#include "events/check.h"

#include <algorithm>
#include <mutex>

namespace vouch::kafka {
namespace {

/// Records begin at multiples of this, which also bounds how many there are.
constexpr std::uint64_t kPage = 4096;

/// Of the free space of a disk, which others need too.
constexpr std::uint64_t kSpacePart = 4;

std::uint64_t in_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

std::size_t RecordCache::KeyHash::operator()(const Key& key) const {
    std::size_t seed = key.first;
    boost::hash_combine(seed, key.second);
    return seed;
}

Result<std::unique_ptr<RecordCache>> RecordCache::open(const TemporaryPlace& place,
                                                       std::uint64_t bytes_max) {
    Result<File> file = place.make_file("vouch-records");
    if (!file) return file.error();
    const CallResult free = place.files->free_bytes(directory_of(file->path()));
    if (!free) return storage_fault("statvfs", directory_of(file->path()), free.error);
    const auto part = static_cast<std::uint64_t>(free.value) / kSpacePart;
    return std::make_unique<RecordCache>(std::move(*file), std::min(bytes_max, part));
}

std::unique_ptr<RecordCache> RecordCache::none() {
    return std::make_unique<RecordCache>(std::nullopt, 0);
}

std::optional<RecordCache::Place> RecordCache::find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return std::nullopt;
    return found->second;
}

void RecordCache::drop_oldest() {
    places_.erase(oldest_first_.front());
    oldest_first_.pop_front();
}

/// Where so many bytes may go: behind the newest record, or at the file's start again. What is
/// there, the oldest, leaves.
std::uint64_t RecordCache::make_room(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto oldest_at = [this] { return places_.at(oldest_first_.front()).at; };
    if (next_ + bytes > bytes_max_) {
        while (!oldest_first_.empty() && oldest_at() >= next_) drop_oldest();
        next_ = 0;
    }
    const std::uint64_t at = next_;
    while (!oldest_first_.empty() && oldest_at() >= at && oldest_at() < at + bytes) drop_oldest();
    next_ = at + bytes;
    return at;
}

void RecordCache::put(ShardId shard, RecordNumber record, ByteView bytes) {
    const std::uint64_t room = in_pages(bytes.size());
    if (room > bytes_max_ || room == 0) return;
    const std::lock_guard writing(writing_);
    const Key key(shard.value(), record.value());
    if (find(key)) return;
    const std::uint64_t at = make_room(room);
    if (!file_->write(bytes, at)) return;
    const std::lock_guard lock(mutex_);
    places_.emplace(key, Place{at, bytes.size(), serials_++});
    oldest_first_.push_back(key);
}

bool RecordCache::read(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                       Bytes& out) {
    const Key key(shard.value(), record.value());
    const std::optional<Place> place = find(key);
    if (!place) return false;
    const std::size_t from = std::min(offset, place->size);
    out.resize(std::min(size, place->size - from));
    if (!file_->read(out, place->at + from)) return false;
    // Another record may have come in its place meanwhile.
    const std::optional<Place> still = find(key);
    return still && still->serial == place->serial;
}

}  // namespace vouch::kafka
