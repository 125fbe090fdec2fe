#include "events/log/kafka/shard_input.h"

#include "events/log/kafka/partition_reader.h"

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

namespace vouch::kafka {
namespace {

/// What is fetched ahead of a shard's writer, for each of its inputs.
constexpr std::int64_t kInputAheadKb = 4 * 1024;
constexpr std::int64_t kInputAheadMessages = 1'000;
constexpr std::int64_t kInputFetchBytes = 2 << 20;
/// How long a broker holds back an answer when it has nothing new.
constexpr std::int64_t kInputWaitMs = 100;
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

InputPartition::InputPartition(const With& with, const std::string& topic, ShardId shard,
                               Signal& signal)
    : with_(with),
      name_(topic),
      partition_(static_cast<std::int32_t>(shard.value())),
      signal_(signal),
      topic_(topic_for_reading(with.reader, topic)) {}

InputPartition::~InputPartition() { stop(); }

void InputPartition::stop() {
    if (!is_started_) return;
    rd_kafka_consume_stop(topic_.get(), partition_);
    rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
    is_started_ = false;
}

// With a queue of its own: nothing that was fetched before, nor the end that was found then, is
// taken for what is read from here.
Status InputPartition::start(Offset from) {
    const auto offset = static_cast<std::int64_t>(from.value());
    queue_.reset(rd_kafka_queue_new(with_.reader));
    // Called with a lock of the queue held: it must take none that is held while the queue is
    // asked.
    rd_kafka_queue_cb_event_enable(
        queue_.get(), [](rd_kafka_t*, void* raised) { static_cast<Signal*>(raised)->raise(); },
        &signal_);
    if (rd_kafka_consume_start_queue(topic_.get(), partition_, offset, queue_.get()) != 0) {
        return Fault{FaultCode::storage, name_ + " partition " + std::to_string(partition_) + ": " +
                                             name_of(rd_kafka_last_error())};
    }
    is_started_ = true;
    next_ = passed_from_ = offset;
    return {};
}

/// The next message; null when there is none now. What passes by itself is waited for, not told.
/// An end shows what lies behind the last message: marks of transactions.
Result<Message> InputPartition::poll() {
    while (true) {
        Message message(rd_kafka_consume_queue(queue_.get(), 0));
        if (!message) return message;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            next_ = std::max(next_, message->offset);
            troubled_since_ms_.reset();
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || is_unreadable(*message)) {
            troubled_since_ms_.reset();
            return message;
        }
        const Fault fault = fault_of_message(*message, name_);
        if (fault.code == FaultCode::corrupt) return trimmed(fault);
        const std::int64_t now = now_ms();
        if (!troubled_since_ms_) troubled_since_ms_ = now;
        if (now - *troubled_since_ms_ > with_.patience_ms) {
            return Fault{FaultCode::storage, fault.message};
        }
    }
}

/// The first offset behind messages that cannot be inflated.
Result<Offset> InputPartition::end_of_unreadable(std::int64_t offset) {
    const auto timeout_ms = static_cast<int>(std::clamp<std::int64_t>(with_.patience_ms, 1, 60'000));
    const Result<Extent> extent = with_.watermarks.extent(name_, partition_, timeout_ms);
    if (!extent) return Fault{FaultCode::storage, extent.error().message};
    Result<std::unique_ptr<PartitionReader>> reader =
        PartitionReader::open(with_.bootstrap, name_, PartitionReader::ReadAhead::none);
    if (!reader) return reader.error();
    const Result<std::int64_t> end =
        (*reader)->end_of_unreadable(partition_, offset, extent->stable_end, timeout_ms);
    if (!end) return Fault{FaultCode::storage, end.error().message};
    return Offset(static_cast<std::uint64_t>(*end));
}

/// Names what is wanted and what is there, when that is what is wrong.
Fault InputPartition::trimmed(const Fault& fault) {
    const Result<Extent> extent = with_.watermarks.extent(name_, partition_, 5'000);
    if (!extent || (next_ >= extent->first && next_ <= extent->stable_end)) return fault;
    return {FaultCode::corrupt,
            name_ + " partition " + std::to_string(partition_) + ": offset " +
                std::to_string(next_) + " is wanted, and the topic has " +
                std::to_string(extent->first) + " up to " + std::to_string(extent->stable_end) +
                ": what lies between is lost, or the topic is another one; vouch recover says how "
                "to go on"};
}

template <class Input>
Status InputPartition::read(Offset from, std::size_t batches_max, std::vector<Input>& out) {
    if (is_started_ && static_cast<std::int64_t>(from.value()) < passed_from_) stop();
    if (!is_started_) {
        if (Status started = start(from); !started) return started;
    }
    for (std::size_t taken = 0; taken < batches_max;) {
        const Result<Message> polled = poll();
        if (!polled) return polled.error();
        const Message& message = *polled;
        if (!message) break;
        if (is_unreadable(*message)) {
            const std::int64_t begin = std::max(message->offset, next_);  // from within, after a start
            const Result<Offset> end = end_of_unreadable(begin);
            if (!end) return end.error();
            const std::int64_t passed_from = passed_from_;
            stop();
            if (Status started = start(*end); !started) return started;
            if constexpr (std::is_same_v<Input, InputBatch>) {
                out.push_back({Offset(static_cast<std::uint64_t>(begin)), {}, *end});
                ++taken;
            } else {
                passed_from_ = passed_from;
                with_.strays.pass_over(name_, partition_, begin,
                                       "cannot be inflated, nor what follows up to offset " +
                                           std::to_string(end->value()));
            }
            continue;
        }
        const auto offset = Offset(static_cast<std::uint64_t>(message->offset));
        next_ = passed_from_ = message->offset + 1;
        if (offset < from) continue;
        const ByteView payload = payload_of(*message);
        out.push_back({offset, Bytes(payload.begin(), payload.end())});
        ++taken;
    }
    return {};
}

template Status InputPartition::read(Offset, std::size_t, std::vector<InputBatch>&);
template Status InputPartition::read(Offset, std::size_t, std::vector<StepInput>&);

Offset InputPartition::next(Offset from) const {
    const auto offset = static_cast<std::int64_t>(from.value());
    if (!is_started_ || offset < passed_from_ || offset >= next_) return from;
    return Offset(static_cast<std::uint64_t>(next_));
}

bool InputPartition::is_ready(Offset from) {
    if (!is_started_ && !start(from)) return true;  // and reading says why
    return rd_kafka_queue_length(queue_.get()) > 0;
}

Result<std::unique_ptr<InputReader>> InputReader::open(const KafkaLogOptions& options,
                                                       Watermarks& watermarks, Strays& strays) {
    Settings settings = reading_settings(options.bootstrap);
    settings.set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", kInputWaitMs)
        .set("queued.max.messages.kbytes", kInputAheadKb)
        .set("queued.min.messages", kInputAheadMessages)
        .set("fetch.message.max.bytes", kInputFetchBytes);
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!handle) return handle.error();
    auto reader = std::make_unique<InputReader>();
    reader->handle_ = std::move(*handle);
    const InputPartition::With with{reader->handle_.get(), options.bootstrap, options.patience_ms,
                                    watermarks, strays};
    for (std::uint32_t i = 0; i < options.shard_count; ++i) {
        auto shard = std::make_unique<Shard>();
        shard->commands = std::make_unique<InputPartition>(with, commands_topic(options),
                                                           ShardId(i), shard->signal);
        shard->steps = std::make_unique<InputPartition>(with, steps_topic(options), ShardId(i),
                                                        shard->signal);
        reader->shards_.push_back(std::move(shard));
    }
    return reader;
}

void InputReader::raise_all() {
    for (const auto& shard : shards_) shard->signal.raise();
}

}  // namespace vouch::kafka
