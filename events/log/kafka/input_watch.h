#pragma once

#include "events/log/kafka/options.h"
#include "events/log/kafka/watermarks.h"
#include "events/log/log_alarm.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace vouch::kafka {

/// Looks at the inputs of all shards now and then. A transaction that somebody leaves open holds up
/// whoever reads behind it, without a word: when a stable end stands still before the partition's
/// end for two seconds, people are told where, and which command of the brokers ends it.
class InputWatch {
public:
    /// `watermarks` outlives it.
    InputWatch(const KafkaLogOptions& options, Watermarks& watermarks);
    ~InputWatch();
    InputWatch(const InputWatch&) = delete;

    /// What stands still at the last look that the brokers answered. Any thread.
    std::vector<LogAlarm> alarms();

private:
    void run();
    bool pause();

    const KafkaLogOptions options_;
    Watermarks& watermarks_;
    std::mutex mutex_;  ///< guards what follows
    std::condition_variable stopped_;
    bool is_stopping_ = false;
    std::vector<LogAlarm> alarms_;
    std::thread thread_;
};

}  // namespace vouch::kafka
