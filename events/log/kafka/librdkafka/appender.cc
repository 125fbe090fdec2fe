#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/librdkafka/parts.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace vouch::kafka::librdkafka {
namespace {

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

/// A librdkafka producer and the thread that hands out its reports.
class IdempotentProducer final : public Appender {
public:
    IdempotentProducer(Handle handle, Topic topic, std::string name, const Patience& patience)
        : handle_(std::move(handle)),
          topic_(std::move(topic)),
          name_(std::move(name)),
          patience_(patience),
          thread_([this] { run(); }) {}
    ~IdempotentProducer() override {
        stopping_ = true;
        thread_.join();
    }
    IdempotentProducer(const IdempotentProducer&) = delete;

    Result<std::int64_t> append(std::int32_t partition, ByteView message) override;
    bool is_finished() override {
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
    const std::string name_;
    const Patience& patience_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

Result<std::int64_t> IdempotentProducer::append(std::int32_t partition, ByteView message) {
    const std::string where = name_ + " partition " + std::to_string(partition);
    Delivery delivery;
    // A value without bytes, which asks for a mark, is another thing than no value.
    static std::byte no_bytes{};
    std::byte* const value = message.empty() ? &no_bytes : const_cast<std::byte*>(message.data());
    // Borrowed until it is delivered, which this call waits for; librdkafka only reads it.
    const rd_kafka_resp_err_t queued = rd_kafka_producev(
        handle_.get(), RD_KAFKA_V_RKT(topic_.get()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_VALUE(value, message.size()),
        RD_KAFKA_V_OPAQUE(&delivery), RD_KAFKA_V_END);
    if (queued == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        return Fault{FaultCode::storage, where + ": a batch of " + std::to_string(message.size()) +
                                             " bytes is too large, at most " +
                                             std::to_string(kMessageBytesMax)};
    }
    if (queued != RD_KAFKA_RESP_ERR_NO_ERROR)
        return Fault{FaultCode::retriable, where + ": " + name_of(queued)};
    delivery.await();
    if (delivery.error == RD_KAFKA_RESP_ERR_NO_ERROR) return delivery.offset;
    return Fault{FaultCode::retriable, where + ": " + name_of(delivery.error)};
}

}  // namespace

Result<std::unique_ptr<Appender>> open_appender(const AppenderOptions& options,
                                                const Patience& patience) {
    Settings settings(options.bootstrap);
    settings.set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", 0)
        .set("compression.codec", "none")
        .set("message.timeout.ms", options.delivery_ms)
        .set("queue.buffering.max.kbytes", kWaitingKb);
    rd_kafka_conf_set_dr_msg_cb(settings.get(),
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
                                    static_cast<Delivery*>(message->_private)->report(*message);
                                });
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_PRODUCER);
    if (!handle) return handle.error();
    Topic topic = producing_topic(handle->get(), options.topic);
    if (const Status learnt = learn_partitions(handle->get(), options.learn_ms); !learnt)
        return learnt.error();
    return std::unique_ptr<Appender>(std::make_unique<IdempotentProducer>(
        std::move(*handle), std::move(topic), options.topic, patience));
}

}  // namespace vouch::kafka::librdkafka
