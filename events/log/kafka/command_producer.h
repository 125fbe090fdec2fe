#pragma once

#include "events/log/kafka/handle.h"
#include "events/log/kafka/options.h"
#include "events/log/kafka/patience.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace vouch::kafka {

/// Appends command batches to the topic `<name>.commands`. Any thread.
class CommandProducer {
public:
    CommandProducer(const KafkaLogOptions& options, const Patience& patience)
        : options_(options), patience_(patience) {}

    /// Blocks until the brokers have it; says at which offset. `retriable` when they do not answer
    /// in time, or too much is waiting already: it may be there nevertheless, and a command that is
    /// there twice is decided once. `storage` when it is larger than a message can be.
    Result<Offset> produce(ShardId shard, ByteView batch);

private:
    /// A librdkafka producer and the thread that hands out its reports. One that has met a fatal
    /// error is left to those who still wait for it, and another one is made.
    class Instance;
    Result<std::shared_ptr<Instance>> instance();

    const KafkaLogOptions options_;
    const Patience& patience_;
    std::mutex mutex_;  ///< guards what follows
    std::shared_ptr<Instance> instance_;
};

}  // namespace vouch::kafka
