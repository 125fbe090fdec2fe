#include "events/log/kafka/record_end.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace vouch::kafka {

void RecordEnd::own(const Tail& tail, std::function<bool()> is_owner) {
    const std::lock_guard lock(mutex_);
    is_owned_ = true;
    is_owner_ = std::move(is_owner);
    end_ = tail.next_record;
    end_offset_ = tail.end_offset;
}

void RecordEnd::disown() {
    const std::lock_guard lock(mutex_);
    is_owned_ = false;
}

void RecordEnd::append(RecordNumber record) {
    const std::lock_guard lock(mutex_);
    // Not the end's offset: until the brokers have written the mark, it lies before this record.
    end_ = record.next();
}

std::optional<RecordNumber> RecordEnd::known() {
    const std::lock_guard lock(mutex_);
    if (is_owned_ && is_owner_()) return end_;
    return std::nullopt;
}

std::optional<RecordNumber> RecordEnd::written() {
    const std::lock_guard lock(mutex_);
    return is_owned_ ? std::optional(end_) : std::nullopt;
}

RecordNumber RecordEnd::at_least() {
    const std::lock_guard lock(mutex_);
    return end_;
}

std::int64_t RecordEnd::reached() {
    const std::lock_guard lock(mutex_);
    return end_offset_;
}

RecordNumber RecordEnd::show(const Tail& tail) {
    const std::lock_guard lock(mutex_);
    // A writer that others may have displaced: what it believes stays its own matter. What it has
    // committed last, the brokers may not show yet.
    if (is_owned_) return std::max(end_, tail.next_record);
    // Another thread may have looked later than this one.
    if (tail.end_offset > end_offset_) {
        end_ = std::max(end_, tail.next_record);
        end_offset_ = tail.end_offset;
    }
    return end_;
}

}  // namespace vouch::kafka
