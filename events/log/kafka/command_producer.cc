#include "events/log/kafka/command_producer.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace vouch::kafka {
namespace {

/// How long a batch may be on its way before its producer is told to try again.
constexpr std::int64_t kDeliveryTimeoutMs = 20'000;
/// One attempt of a new producer to know the topic; who tries again makes another one.
constexpr std::int64_t kLearnMs = 5'000;

}  // namespace

Result<std::shared_ptr<Appender>> CommandProducer::appender() {
    const std::lock_guard lock(mutex_);
    if (!appender_ || appender_->is_finished()) {
        Result<std::unique_ptr<Appender>> made = options_.client->open_appender(
            {options_.bootstrap, commands_topic(options_),
             std::min(options_.patience_ms, kDeliveryTimeoutMs),
             patience_.begin().left_ms(kLearnMs)},
            patience_);
        if (!made) return made.error();
        appender_ = std::move(*made);
    }
    return appender_;
}

Result<Offset> CommandProducer::produce(ShardId shard, ByteView batch) {
    const Result<std::shared_ptr<Appender>> with = appender();
    if (!with) return with.error();
    const Result<std::int64_t> offset =
        (*with)->append(static_cast<std::int32_t>(shard.value()), batch);
    if (!offset) return offset.error();
    return Offset(static_cast<std::uint64_t>(*offset));
}

}  // namespace vouch::kafka
