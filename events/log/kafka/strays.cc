#include "events/log/kafka/strays.h"

#include "events/world/notice.h"

#include <bit>
#include <mutex>

namespace vouch::kafka {

void Strays::pass_over(const std::string& topic, std::int32_t partition, std::int64_t offset,
                       const std::string& what) {
    const std::lock_guard lock(mutex_);
    // Beyond the bound a place may be counted again.
    if (places_.size() < kPassedOverMax) {
        if (!places_.emplace(topic, partition, offset).second) return;
        kept_.push_back({topic, static_cast<std::uint32_t>(partition),
                         Offset(static_cast<std::uint64_t>(offset)), what});
    } else if (places_.contains({topic, partition, offset})) {
        return;
    }
    if (++count_ > kAlarmsMax && !std::has_single_bit(count_)) return;
    tell({Severity::alarm, "stray_message",
          "topic " + topic + " partition " + std::to_string(partition) + " offset " +
              std::to_string(offset) + ": " + what + "; passed over, " + std::to_string(count_) +
              " so far",
          ShardId(static_cast<std::uint32_t>(partition))});
}

std::vector<PassedOver> Strays::all() {
    const std::lock_guard lock(mutex_);
    return kept_;
}

}  // namespace vouch::kafka
