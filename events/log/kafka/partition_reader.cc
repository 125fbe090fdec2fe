#include "events/log/kafka/partition_reader.h"

#include <utility>

namespace vouch::kafka {
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
/// How long moving within a partition may take. Far more than it does: librdkafka 2.0.2 waits a
/// thousandth of what it is told.
constexpr int kSeekMs = 1'000'000;

}  // namespace

bool is_unreadable(const rd_kafka_message_t& message) {
    return message.err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
           message.err == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

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

Result<std::unique_ptr<PartitionReader>> PartitionReader::open(std::string_view bootstrap,
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
        new PartitionReader(std::move(*handle), std::move(reading), topic));
}

PartitionReader::~PartitionReader() { stop(); }

Status PartitionReader::start(std::int32_t partition, std::int64_t offset) {
    // Within a partition nobody need be asked again who leads it.
    const bool is_there =
        partition_ == partition &&
        rd_kafka_seek(topic_.get(), partition, offset, kSeekMs) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (is_there) return {};
    stop();
    if (rd_kafka_consume_start(topic_.get(), partition, offset) != 0) {
        return Fault{FaultCode::retriable, name_ + " partition " + std::to_string(partition) +
                                               ": " + name_of(rd_kafka_last_error())};
    }
    partition_ = partition;
    return {};
}

void PartitionReader::stop() {
    if (partition_) rd_kafka_consume_stop(topic_.get(), *partition_);
    partition_.reset();
}

Result<Polled> PartitionReader::next(int timeout_ms) {
    VOUCH_ASSERT(partition_);
    Message message(rd_kafka_consume(topic_.get(), *partition_, timeout_ms));
    if (!message) return Polled{};
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return Polled{Polled::Kind::end, nullptr, message->offset};
    }
    if (is_unreadable(*message)) return Polled{Polled::Kind::unreadable, nullptr, message->offset};
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return fault_of_message(*message, name_);
    const std::int64_t offset = message->offset;
    return Polled{Polled::Kind::message, std::move(message), offset};
}

// A broker sends whole batches: asked for any offset of one, librdkafka names the batch's first.
Result<bool> PartitionReader::is_unreadable_at(std::int32_t partition, std::int64_t offset,
                                               std::int64_t at, int timeout_ms) {
    if (const Status started = start(partition, at); !started) return started.error();
    const Result<Polled> polled = next(timeout_ms);
    if (!polled) return polled.error();
    switch (polled->kind) {
        case Polled::Kind::message:
        case Polled::Kind::end:
            return false;
        case Polled::Kind::unreadable:
            return polled->offset <= offset;
        case Polled::Kind::nothing:
            break;
    }
    return Fault{FaultCode::retriable, name_ + " partition " + std::to_string(partition) +
                                           ": the brokers do not answer"};
}

Result<std::int64_t> PartitionReader::end_of_unreadable(std::int32_t partition, std::int64_t offset,
                                                        std::int64_t end, int timeout_ms) {
    std::int64_t within = offset, behind = end;
    for (std::int64_t step = 1; offset + step < end; step *= 2) {
        const Result<bool> found = is_unreadable_at(partition, offset, offset + step, timeout_ms);
        if (!found) return found.error();
        if (!*found) {
            behind = offset + step;
            break;
        }
        within = offset + step;
    }
    while (behind - within > 1) {
        const std::int64_t middle = within + (behind - within) / 2;
        const Result<bool> found = is_unreadable_at(partition, offset, middle, timeout_ms);
        if (!found) return found.error();
        (*found ? within : behind) = middle;
    }
    return behind;
}

}  // namespace vouch::kafka
