#pragma once

#include "events/log/kafka/options.h"
#include "events/log/kafka/watermarks.h"
#include "events/result.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace vouch::kafka {

/// Compares what the group of handlers has consumed with the topics of input. The offsets of both
/// go with each record's transaction, and brokers forget those of a topic that is deleted: where
/// only one of a shard's two is known, that topic was deleted and made again, and its offsets mean
/// other messages. `corrupt`, with topic, partition and the way on. After a week without a handler
/// brokers forget both, and nothing can be said.
Status check_inputs(const KafkaLogOptions& options);

/// Looks at the inputs of all shards now and then. A transaction that somebody leaves open holds up
/// whoever reads behind it, without a word: when a stable end stands still before the partition's
/// end for two seconds, people are told where, and which command of the brokers ends it.
class InputWatch {
public:
    /// `watermarks` outlives it.
    InputWatch(const KafkaLogOptions& options, Watermarks& watermarks);
    ~InputWatch();
    InputWatch(const InputWatch&) = delete;

private:
    void run();
    bool pause();

    const KafkaLogOptions options_;
    Watermarks& watermarks_;
    std::mutex mutex_;  ///< guards what follows
    std::condition_variable stopped_;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace vouch::kafka
