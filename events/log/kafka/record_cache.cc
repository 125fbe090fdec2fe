#include "events/log/kafka/record_cache.h"

namespace vouch::kafka {
namespace {

/// What an entry takes beside its bytes, roughly: so that empty records are bounded too.
constexpr std::size_t kEntryBytes = 256;

}  // namespace

void RecordCache::put(ShardId shard, RecordNumber record, Shared bytes) {
    const Key key(shard.value(), record.value());
    const std::size_t size = bytes->size() + kEntryBytes;
    if (size > bytes_max_) return;
    const std::lock_guard lock(mutex_);
    if (by_key_.contains(key)) return;
    while (bytes_ + size > bytes_max_) drop_oldest();
    by_use_.push_front({key, std::move(bytes)});
    by_key_.emplace(key, by_use_.begin());
    bytes_ += size;
}

RecordCache::Shared RecordCache::get(ShardId shard, RecordNumber record) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(Key(shard.value(), record.value()));
    if (found == by_key_.end()) return nullptr;
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return found->second->bytes;
}

void RecordCache::drop_oldest() {
    const Entry& oldest = by_use_.back();
    bytes_ -= oldest.bytes->size() + kEntryBytes;
    by_key_.erase(oldest.key);
    by_use_.pop_back();
}

}  // namespace vouch::kafka
