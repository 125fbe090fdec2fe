#pragma once

#include "events/log/log.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace vouch::kafka {

/// What was met on the topics that is not the deployment's own. Topics cannot be edited, so it is
/// passed over each time; people hear of each place once. Any thread.
class Strays {
public:
    /// Of messages that this process has met before nothing is said again. Whoever can write to the
    /// topics could send many: after the first kAlarmsMax, people hear of the 2^n-th alone.
    void pass_over(const std::string& topic, std::int32_t partition, std::int64_t offset,
                   const std::string& what);

    std::vector<PassedOver> all();

    static constexpr std::uint64_t kAlarmsMax = 16;

private:
    Mutex mutex_;
    std::uint64_t count_ = 0;
    std::set<std::tuple<std::string, std::int32_t, std::int64_t>> places_;
    std::vector<PassedOver> kept_;
};

}  // namespace vouch::kafka
