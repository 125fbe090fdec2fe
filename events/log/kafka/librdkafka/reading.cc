#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/librdkafka/parts.h"

#include <utility>

namespace vouch::kafka::librdkafka {
namespace {

/// What is fetched ahead of a reader that goes on, and of one that looks up a single message. With
/// so much queued, librdkafka 2.0.2 looks again only after a second: a reader that goes on must not
/// have read all of it by then.
constexpr std::int64_t kReadAheadKb = 32 * 1024;
constexpr std::int64_t kReadAheadMessages = 100'000;
constexpr std::int64_t kReadAheadFetchBytes = 4 << 20;
constexpr std::int64_t kLookUpFetchBytes = 64 << 10;
/// None reaches it: the second would pass also where the reader has been moved since.
constexpr std::int64_t kLookUpMessages = 1'000'000;
/// How long a broker holds back an answer when it has nothing new.
constexpr std::int64_t kFetchWaitMs = 100;
/// The same for single messages: the next look-up waits for the answer to the one before.
constexpr std::int64_t kLookUpWaitMs = 2;
/// What is fetched ahead of a shard's writer, for each of its inputs.
constexpr std::int64_t kInputAheadKb = 4 * 1024;
constexpr std::int64_t kInputAheadMessages = 1'000;
constexpr std::int64_t kInputFetchBytes = 2 << 20;
/// How long moving within a partition may take. Far more than it does: librdkafka 2.0.2 waits a
/// thousandth of what it is told.
constexpr int kSeekMs = 1'000'000;

/// Whether a message stands for some that cannot be inflated. Their checksum is right: they are
/// what was sent, and will never be anything else.
bool is_unreadable(const rd_kafka_message_t& message) {
    return message.err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
           message.err == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

/// The fault that a message stands for when it is none: what went wrong, with topic and partition.
Fault fault_of_message(const rd_kafka_message_t& message, const std::string& topic) {
    const std::string where =
        topic + " partition " + std::to_string(message.partition) + ": " + name_of(message.err);
    // Only these say something of the bytes; whatever else there is may pass.
    const bool is_lost = message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                         message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
                         message.err == RD_KAFKA_RESP_ERR__BAD_MSG;
    const std::string detail =
        message.len == 0
            ? ""
            : ": " + std::string(static_cast<const char*>(message.payload), message.len);
    return {is_lost ? FaultCode::corrupt : FaultCode::retriable, where + detail};
}

ByteView bytes_of(const void* bytes, std::size_t size) {
    return {static_cast<const std::byte*>(bytes), size};
}

/// What was handed out; null for nothing.
Result<Polled> polled_of(rd_kafka_message_t* handed_out, const std::string& topic) {
    RawMessage message(handed_out);
    if (!message) return Polled{};
    const std::int64_t offset = message->offset;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return Polled{Polled::Kind::end, {}, offset};
    if (is_unreadable(*message)) return Polled{Polled::Kind::unreadable, {}, offset};
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return fault_of_message(*message, topic);
    const ByteView key = bytes_of(message->key, message->key_len);
    const ByteView payload = bytes_of(message->payload, message->len);
    constexpr auto destroy = [](void* held) {
        rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(held));
    };
    return Polled{Polled::Kind::message, {offset, key, payload, {message.release(), destroy}},
                  offset};
}

class Reader final : public PartitionReader {
public:
    Reader(Handle handle, Topic topic, std::string name)
        : handle_(std::move(handle)), topic_(std::move(topic)), name_(std::move(name)) {}
    ~Reader() override { Reader::stop(); }
    Reader(const Reader&) = delete;

    Status start(std::int32_t partition, std::int64_t offset) override {
        // Within a partition nobody need be asked again who leads it.
        const bool is_there = partition_ == partition &&
                              rd_kafka_seek(topic_.get(), partition, offset, kSeekMs) ==
                                  RD_KAFKA_RESP_ERR_NO_ERROR;
        if (is_there) return {};
        stop();
        if (rd_kafka_consume_start(topic_.get(), partition, offset) != 0) {
            return Fault{FaultCode::retriable, name_ + " partition " + std::to_string(partition) +
                                                   ": " + name_of(rd_kafka_last_error())};
        }
        partition_ = partition;
        return {};
    }

    void stop() override {
        if (partition_) rd_kafka_consume_stop(topic_.get(), *partition_);
        partition_.reset();
    }

    Result<Polled> next(int timeout_ms) override {
        VOUCH_ASSERT(partition_);
        return polled_of(rd_kafka_consume(topic_.get(), *partition_, timeout_ms), name_);
    }

private:
    Handle handle_;  ///< destroyed after its topic
    Topic topic_;
    std::string name_;
    std::optional<std::int32_t> partition_;
};

class Fetch final : public InputFetch {
public:
    Fetch(rd_kafka_t* consumer, const std::string& topic, std::int32_t partition,
          std::function<void()> on_more)
        : consumer_(consumer),
          name_(topic),
          partition_(partition),
          on_more_(std::move(on_more)),
          topic_(topic_for_reading(consumer, topic)) {}
    ~Fetch() override { Fetch::stop(); }
    Fetch(const Fetch&) = delete;

    // With a queue of its own: nothing that was fetched before, nor the end that was found then, is
    // taken for what is read from here.
    Status start(std::int64_t offset) override {
        stop();
        queue_.reset(rd_kafka_queue_new(consumer_));
        // Called with a lock of the queue held: it must take none that is held while the queue is
        // asked.
        rd_kafka_queue_cb_event_enable(
            queue_.get(), [](rd_kafka_t*, void* fetch) { static_cast<Fetch*>(fetch)->on_more_(); },
            this);
        if (rd_kafka_consume_start_queue(topic_.get(), partition_, offset, queue_.get()) != 0) {
            return Fault{FaultCode::retriable, name_ + " partition " + std::to_string(partition_) +
                                                   ": " + name_of(rd_kafka_last_error())};
        }
        is_started_ = true;
        return {};
    }

    void stop() override {
        if (!is_started_) return;
        rd_kafka_consume_stop(topic_.get(), partition_);
        rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
        is_started_ = false;
    }

    Result<Polled> next() override {
        return polled_of(rd_kafka_consume_queue(queue_.get(), 0), name_);
    }

    bool has_more() override { return rd_kafka_queue_length(queue_.get()) > 0; }

private:
    rd_kafka_t* const consumer_;
    const std::string name_;
    const std::int32_t partition_;
    const std::function<void()> on_more_;
    Topic topic_;
    Queue queue_;
    bool is_started_ = false;
};

class Inputs final : public InputConsumer {
public:
    explicit Inputs(Handle handle) : handle_(std::move(handle)) {}

    std::unique_ptr<InputFetch> fetch(const std::string& topic, std::int32_t partition,
                                      std::function<void()> on_more) override {
        return std::make_unique<Fetch>(handle_.get(), topic, partition, std::move(on_more));
    }

private:
    Handle handle_;
};

}  // namespace

Result<std::unique_ptr<PartitionReader>> open_reader(const std::string& bootstrap,
                                                     const std::string& topic,
                                                     ReadAhead read_ahead) {
    Settings settings = reading_settings(bootstrap);
    const bool is_far = read_ahead == ReadAhead::far;
    settings.set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", is_far ? kFetchWaitMs : kLookUpWaitMs)
        .set("queued.max.messages.kbytes", kReadAheadKb)
        .set("queued.min.messages", is_far ? kReadAheadMessages : kLookUpMessages)
        .set("fetch.message.max.bytes", is_far ? kReadAheadFetchBytes : kLookUpFetchBytes);
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    Topic reading = topic_for_reading(handle->get(), topic);
    return std::unique_ptr<PartitionReader>(
        std::make_unique<Reader>(std::move(*handle), std::move(reading), topic));
}

Result<std::unique_ptr<InputConsumer>> open_inputs(const std::string& bootstrap) {
    Settings settings = reading_settings(bootstrap);
    settings.set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", kFetchWaitMs)
        .set("queued.max.messages.kbytes", kInputAheadKb)
        .set("queued.min.messages", kInputAheadMessages)
        .set("fetch.message.max.bytes", kInputFetchBytes);
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    return std::unique_ptr<InputConsumer>(std::make_unique<Inputs>(std::move(*handle)));
}

}  // namespace vouch::kafka::librdkafka
