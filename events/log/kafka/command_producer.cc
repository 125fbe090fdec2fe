#include "events/log/kafka/command_producer.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

namespace vouch::kafka {
namespace {

/// How long a batch may be on its way before its producer is told to try again.
constexpr std::int64_t kDeliveryTimeoutMs = 20'000;
/// One attempt of a new producer to know the topic; who tries again makes another one.
constexpr std::int64_t kLearnMs = 5'000;
/// What may wait for the brokers, over all threads.
constexpr std::int64_t kWaitingKb = 64 * 1024;
constexpr int kProducerPollMs = 100;

/// What becomes of one message: its sender waits here.
struct Delivery {
    std::mutex mutex;
    std::condition_variable reported;
    bool is_reported = false;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::int64_t offset = 0;

    void report(const rd_kafka_message_t& message) {
        // Notified under the lock: the sender's stack holds this, and it leaves once it has it.
        const std::lock_guard lock(mutex);
        error = message.err;
        offset = message.offset;
        is_reported = true;
        reported.notify_one();
    }
    void await() {
        std::unique_lock lock(mutex);
        reported.wait(lock, [&] { return is_reported; });
    }
};

}  // namespace

class CommandProducer::Instance {
public:
    static Result<std::shared_ptr<Instance>> make(const KafkaLogOptions& options,
                                                  const Patience& patience) {
        Settings settings(options.bootstrap);
        settings.set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", 0)
            .set("compression.codec", "none")
            .set("message.timeout.ms", std::min(options.patience_ms, kDeliveryTimeoutMs))
            .set("queue.buffering.max.kbytes", kWaitingKb);
        rd_kafka_conf_set_dr_msg_cb(settings.get(),
                                    [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
                                        static_cast<Delivery*>(message->_private)->report(*message);
                                    });
        Result<Handle> handle = std::move(settings).make(RD_KAFKA_PRODUCER);
        if (!handle) return handle.error();
        Topic topic = producing_topic(handle->get(), commands_topic(options));
        const int timeout_ms = patience.begin().left_ms(kLearnMs);
        if (const Status learnt = learn_partitions(handle->get(), timeout_ms); !learnt) {
            return learnt.error();
        }
        return std::make_shared<Instance>(std::move(*handle), std::move(topic), patience);
    }

    Instance(Handle handle, Topic topic, const Patience& patience)
        : handle_(std::move(handle)),
          topic_(std::move(topic)),
          patience_(patience),
          thread_([this] { run(); }) {}
    ~Instance() {
        stopping_ = true;
        thread_.join();
    }

    rd_kafka_t* get() { return handle_.get(); }
    rd_kafka_topic_t* topic() { return topic_.get(); }
    bool is_finished() {
        return rd_kafka_fatal_error(handle_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
    }

private:
    void run() {
        while (!stopping_) {
            rd_kafka_poll(handle_.get(), kProducerPollMs);
            // Each is reported as not delivered, so nobody waits for it.
            if (patience_.is_over())
                rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        }
    }

    Handle handle_;  ///< destroyed after its topic
    Topic topic_;
    const Patience& patience_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

Result<std::shared_ptr<CommandProducer::Instance>> CommandProducer::instance() {
    const std::lock_guard lock(mutex_);
    if (!instance_ || instance_->is_finished()) {
        Result<std::shared_ptr<Instance>> made = Instance::make(options_, patience_);
        if (!made) return made.error();
        instance_ = std::move(*made);
    }
    return instance_;
}

Result<Offset> CommandProducer::produce(ShardId shard, ByteView batch) {
    const Result<std::shared_ptr<Instance>> with = instance();
    if (!with) return with.error();
    const std::string where =
        commands_topic(options_) + " partition " + std::to_string(shard.value());
    Delivery delivery;
    // A value without bytes, which asks for a mark, is another thing than no value.
    static std::byte no_bytes{};
    std::byte* const value = batch.empty() ? &no_bytes : const_cast<std::byte*>(batch.data());
    // Borrowed until it is delivered, which this call waits for; librdkafka only reads it.
    const rd_kafka_resp_err_t queued = rd_kafka_producev(
        (*with)->get(), RD_KAFKA_V_RKT((*with)->topic()),
        RD_KAFKA_V_PARTITION(static_cast<std::int32_t>(shard.value())), RD_KAFKA_V_MSGFLAGS(0),
        RD_KAFKA_V_VALUE(value, batch.size()),
        RD_KAFKA_V_OPAQUE(&delivery), RD_KAFKA_V_END);
    if (queued == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        return Fault{FaultCode::storage, where + ": a batch of " + std::to_string(batch.size()) +
                                             " bytes is too large, at most " +
                                             std::to_string(kMessageBytesMax)};
    }
    if (queued != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Fault{FaultCode::retriable, where + ": " + name_of(queued)};
    }
    delivery.await();
    if (delivery.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Offset(static_cast<std::uint64_t>(delivery.offset));
    }
    return Fault{FaultCode::retriable, where + ": " + name_of(delivery.error)};
}

}  // namespace vouch::kafka
