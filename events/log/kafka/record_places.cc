#include "events/log/kafka/record_places.h"

#include <mutex>
#include <utility>

namespace vouch::kafka {

void RecordPlaces::learn(RecordNumber record, std::int64_t offset) {
    const std::lock_guard lock(mutex_);
    const auto after = offsets_.upper_bound(record.value());
    if (after != offsets_.begin()) {
        const std::uint64_t before = std::prev(after)->first;
        if (record.value() - before < offset_spacing_) return;
    }
    if (after != offsets_.end() && after->first - record.value() < offset_spacing_) return;
    offsets_.emplace(record.value(), offset);
    if (offsets_.size() > kOffsetsMax) forget_half();
}

/// Every second offset; the rest lie as far apart as from now on.
void RecordPlaces::forget_half() {
    bool keeps = true;
    std::erase_if(offsets_, [&](const auto&) { return !std::exchange(keeps, !keeps); });
    offset_spacing_ *= 2;
}

std::optional<RecordPlace> RecordPlaces::nearest(RecordNumber record, const Extent& bounds) {
    const std::lock_guard lock(mutex_);
    for (auto at = offsets_.upper_bound(record.value()); at != offsets_.begin();) {
        --at;
        if (at->second < bounds.first) break;
        if (at->second < bounds.stable_end)
            return RecordPlace{RecordNumber(at->first), at->second};
    }
    return std::nullopt;
}

void RecordPlaces::follow(const RecordPlace& place) {
    const std::lock_guard lock(mutex_);
    if (!followed_ || followed_->offset < place.offset) followed_ = place;
}

std::optional<RecordPlace> RecordPlaces::followed() {
    const std::lock_guard lock(mutex_);
    return followed_;
}

}  // namespace vouch::kafka
