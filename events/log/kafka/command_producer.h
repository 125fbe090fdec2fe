#pragma once

#include "events/log/kafka/client.h"
#include "events/world/mutex.h"

#include <memory>

namespace vouch::kafka {

/// Appends command batches to the topic `<name>.commands`. Any thread.
class CommandProducer {
public:
    /// `patience` outlives it.
    CommandProducer(const KafkaLogOptions& options, const Patience& patience)
        : options_(options), patience_(patience) {}

    /// Blocks until the brokers have it; says at which offset. `retriable` when they do not answer
    /// in time, or too much is waiting already: it may be there nevertheless, and a command that is
    /// there twice is decided once. `storage` when it is larger than a message can be.
    Result<Offset> produce(ShardId shard, ByteView batch);

private:
    Result<std::shared_ptr<Appender>> appender();

    const KafkaLogOptions options_;
    const Patience& patience_;
    Mutex mutex_;  ///< guards what follows
    /// One that is finished is left to those who still wait for it, and another one is made.
    std::shared_ptr<Appender> appender_;
};

}  // namespace vouch::kafka
