#include "events/log/kafka/shard_input.h"

#include "events/log/kafka/partition_reader.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vouch::kafka {
namespace {

/// What is fetched ahead of a shard's writer, for each of its inputs.
constexpr std::int64_t kReadAheadKb = 4 * 1024;
constexpr std::int64_t kReadAheadMessages = 1'000;
constexpr std::int64_t kFetchBytes = 2 << 20;
/// How long a broker holds back an answer when it has nothing new.
constexpr std::int64_t kFetchWaitMs = 100;
/// A year is as good as for ever, and keeps deadlines inside the clock's range.
constexpr std::int64_t kYearUs = std::int64_t{366} * 24 * 3600 * 1'000'000;

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

void Signal::raise() {
    {
        const std::lock_guard lock(mutex_);
        is_raised_ = true;
    }
    raised_.notify_all();
}

void Signal::wait(std::optional<std::int64_t> timeout_us) {
    std::unique_lock lock(mutex_);
    const auto raised = [&] { return is_raised_; };
    if (!timeout_us) {
        raised_.wait(lock, raised);
    } else if (*timeout_us > 0) {
        raised_.wait_for(lock, std::chrono::microseconds(std::min(*timeout_us, kYearUs)), raised);
    }
    is_raised_ = false;
}

InputPartition::InputPartition(rd_kafka_t* reader, const std::string& topic, ShardId shard,
                               Signal& signal, std::int64_t patience_ms)
    : name_(topic),
      partition_(static_cast<std::int32_t>(shard.value())),
      patience_ms_(patience_ms),
      signal_(signal),
      topic_(topic_for_reading(reader, topic)),
      queue_(rd_kafka_queue_new(reader)) {
    // Called with a lock of the queue held: it must take none that is held while the queue is
    // asked.
    rd_kafka_queue_cb_event_enable(
        queue_.get(), [](rd_kafka_t*, void* raised) { static_cast<Signal*>(raised)->raise(); },
        &signal_);
}

InputPartition::~InputPartition() {
    stop();
    rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
}

void InputPartition::stop() {
    if (is_started_) rd_kafka_consume_stop(topic_.get(), partition_);
    is_started_ = false;
}

Status InputPartition::start(Offset from) {
    const auto offset = static_cast<std::int64_t>(from.value());
    if (rd_kafka_consume_start_queue(topic_.get(), partition_, offset, queue_.get()) != 0) {
        return Fault{FaultCode::storage, name_ + " partition " + std::to_string(partition_) + ": " +
                                             name_of(rd_kafka_last_error())};
    }
    is_started_ = true;
    next_ = offset;
    return {};
}

/// The next message; null when there is none now. What passes by itself is waited for, not told.
Result<Message> InputPartition::poll() {
    while (true) {
        Message message(rd_kafka_consume_queue(queue_.get(), 0));
        if (!message) return message;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            troubled_since_ms_.reset();
            return message;
        }
        const Fault fault = fault_of_message(*message, name_);
        if (fault.code == FaultCode::corrupt) return fault;
        const std::int64_t now = now_ms();
        if (!troubled_since_ms_) troubled_since_ms_ = now;
        if (now - *troubled_since_ms_ > patience_ms_) {
            return Fault{FaultCode::storage, fault.message};
        }
    }
}

template <class Input>
Status InputPartition::read(Offset from, std::size_t batches_max, std::vector<Input>& out) {
    if (is_started_ && static_cast<std::int64_t>(from.value()) < next_) stop();
    if (!is_started_) {
        if (Status started = start(from); !started) return started;
    }
    for (std::size_t taken = 0; taken < batches_max;) {
        const Result<Message> polled = poll();
        if (!polled) return polled.error();
        const Message& message = *polled;
        if (!message) break;
        const auto offset = Offset(static_cast<std::uint64_t>(message->offset));
        next_ = message->offset + 1;
        if (offset < from) continue;
        const ByteView payload = payload_of(*message);
        out.push_back({offset, Bytes(payload.begin(), payload.end())});
        ++taken;
    }
    return {};
}

template Status InputPartition::read(Offset, std::size_t, std::vector<InputBatch>&);
template Status InputPartition::read(Offset, std::size_t, std::vector<StepInput>&);

bool InputPartition::is_ready(Offset from) {
    if (!is_started_ && !start(from)) return true;  // and reading says why
    return rd_kafka_queue_length(queue_.get()) > 0;
}

Result<std::unique_ptr<InputReader>> InputReader::open(const KafkaLogOptions& options) {
    Settings settings = reading_settings(options.bootstrap);
    settings.set("fetch.wait.max.ms", kFetchWaitMs)
        .set("queued.max.messages.kbytes", kReadAheadKb)
        .set("queued.min.messages", kReadAheadMessages)
        .set("fetch.message.max.bytes", kFetchBytes);
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    auto reader = std::make_unique<InputReader>();
    reader->handle_ = std::move(*handle);
    for (std::uint32_t i = 0; i < options.shard_count; ++i) {
        auto shard = std::make_unique<Shard>();
        shard->commands =
            std::make_unique<InputPartition>(reader->handle_.get(), commands_topic(options),
                                             ShardId(i), shard->signal, options.patience_ms);
        shard->steps =
            std::make_unique<InputPartition>(reader->handle_.get(), steps_topic(options),
                                             ShardId(i), shard->signal, options.patience_ms);
        reader->shards_.push_back(std::move(shard));
    }
    return reader;
}

void InputReader::raise_all() {
    for (const auto& shard : shards_) shard->signal.raise();
}

}  // namespace vouch::kafka
