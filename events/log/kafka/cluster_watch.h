#pragma once

#include "events/log/kafka/options.h"
#include "events/log/kafka/watermarks.h"
#include "events/log/log_alarm.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace vouch::kafka {

/// Looks at what others can do to a log on brokers, and tells people of it.
///
/// Every second at the inputs of all shards: a transaction that somebody leaves open holds up
/// whoever reads behind it, without a word. When a stable end stands still before the partition's
/// end for two seconds, it is told where, and which command of the brokers ends it; among steps that
/// only once it cannot be a handler's own. Every minute at what the cluster itself decides: what was
/// refused at the start may come later.
class ClusterWatch {
public:
    /// `watermarks` outlives it.
    ClusterWatch(const KafkaLogOptions& options, Watermarks& watermarks);
    ~ClusterWatch();
    ClusterWatch(const ClusterWatch&) = delete;

    /// What was wrong at the last look that the brokers answered. Any thread.
    std::vector<LogAlarm> alarms();

private:
    void run();
    bool pause();
    bool is_stopping();

    const KafkaLogOptions options_;
    Watermarks& watermarks_;
    std::mutex mutex_;  ///< guards what follows
    std::condition_variable stopped_;
    bool is_stopping_ = false;
    std::vector<LogAlarm> alarms_;
    std::thread thread_;
};

}  // namespace vouch::kafka
