#pragma once

#include "events/log/kafka/client.h"
#include "events/log/log_alarm.h"
#include "events/result.h"
#include "events/world/clock.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <chrono>
#include <optional>
#include <vector>

namespace vouch::kafka {

/// Looks at what others can do to a log on brokers, and tells people of it.
///
/// Every second at the inputs of all shards: a transaction that somebody leaves open holds up
/// whoever reads behind it, without a word. When a stable end stands still before the partition's
/// end for two seconds, it is told where, and which command of the brokers ends it; among steps
/// that only once it cannot be a handler's own. Where one is not answered for, whether a topic of
/// the deployment is gone: then commits wait for ever. Every minute at what the cluster itself
/// decides:
/// what was refused at the start may come later.
class ClusterWatch {
public:
    /// `watermarks` outlives it.
    ClusterWatch(const KafkaLogOptions& options, Watermarks& watermarks);
    ~ClusterWatch();
    ClusterWatch(const ClusterWatch&) = delete;

    /// What was wrong at the last look that the brokers answered. Any thread.
    std::vector<LogAlarm> alarms();

    /// Why the brokers cannot be reached: nothing that was asked for kUnansweredMax has an answer.
    /// Empty while they can. Any thread.
    std::optional<Fault> unreachable();
    /// Why nothing goes on: a topic is gone, or the above. Any thread.
    std::optional<Fault> waits();
    static constexpr std::chrono::milliseconds kUnansweredMax{3'000};
    /// Since the last answer, or since the watch began. Any thread.
    std::chrono::nanoseconds unanswered_for();

private:
    void run();
    bool pause();
    void begin_asking();
    void take_answer();
    bool is_stopping();
    void look_for_gone_topic(const KafkaLogOptions& impatient);
    void set_gone(std::optional<Fault> gone);

    const KafkaLogOptions options_;
    Watermarks& watermarks_;
    Mutex mutex_;  ///< guards what follows
    Condition stopped_;
    bool is_stopping_ = false;
    std::vector<LogAlarm> alarms_;
    std::optional<LogAlarm> gone_;  ///< a topic
    std::optional<SteadyTime> unanswered_since_;
    SteadyTime answered_at_ = steady_now();
    Thread thread_;
};

}  // namespace vouch::kafka
