#include "projector/views/rocks/merge_listener.h"

#include "events/store/merge_room.h"
#include "projector/views/rocks/translation.h"

namespace vouch::projector {

void MergeListener::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) {
    const std::lock_guard lock(mutex_);
    ++merges_;
    changed_.notify_all();
}

void MergeListener::OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) {
    // What may pass RocksDB tries again by itself.
    if (damage_.keep(fault(*status, "merging rows")).code == FaultCode::retriable) return;
    const std::lock_guard lock(mutex_);
    has_failed_ = true;
    changed_.notify_all();
}

bool MergeListener::wait_until(const std::function<bool()>& is_enough) {
    std::unique_lock lock(mutex_);
    while (!has_failed_) {
        const std::uint64_t seen = merges_;
        lock.unlock();
        const bool done = is_enough();
        lock.lock();
        if (done) return true;
        changed_.wait_for(lock, MergeRoom::kLookInterval,
                          [&] { return has_failed_ || merges_ != seen; });
    }
    return false;
}

}  // namespace vouch::projector
