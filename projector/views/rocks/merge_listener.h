#pragma once

#include "projector/views/rocks/damage.h"

#include <rocksdb/listener.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace vouch::projector {

/// Lets a load wait for a merge, and hears of failures in the background.
class MergeListener final : public rocksdb::EventListener {
public:
    /// `damage` outlives it.
    explicit MergeListener(Damage& damage) : damage_(damage) {}

    void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override;
    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override;

    /// Blocks until `is_enough()`, asked after each merge, and again and again meanwhile. False
    /// when the store failed instead.
    bool wait_until(const std::function<bool()>& is_enough);

private:
    Damage& damage_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t merges_ = 0;
    bool has_failed_ = false;
};

}  // namespace vouch::projector
