#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/librdkafka/parts.h"

#include <utility>

namespace vouch::kafka::librdkafka {
namespace {

/// Asks for the offset that `bound` stands for. As a question about a time: librdkafka 2.0.2 waits
/// for ever for an answer to its own question about bounds, once it knows whom to ask.
Result<std::int64_t> ask(rd_kafka_t* handle, const std::string& topic, std::int32_t partition,
                         std::int64_t bound, int timeout_ms) {
    const Partitions asked(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), partition)->offset = bound;
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(handle, asked.get(), timeout_ms);
    const rd_kafka_topic_partition_t& answer = asked->elems[0];
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = answer.err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && answer.offset >= 0) return answer.offset;
    return Fault{FaultCode::retriable, topic + " partition " + std::to_string(partition) +
                                           ": its bounds are not known: " + name_of(error)};
}

class TwoHandles final : public Watermarks {
public:
    TwoHandles(Handle committed, Handle uncommitted)
        : committed_(std::move(committed)), uncommitted_(std::move(uncommitted)) {}

    Result<std::int64_t> first(const std::string& topic, std::int32_t partition,
                               int timeout_ms) override {
        return ask(committed_.get(), topic, partition, RD_KAFKA_OFFSET_BEGINNING, timeout_ms);
    }
    Result<std::int64_t> stable_end(const std::string& topic, std::int32_t partition,
                                    int timeout_ms) override {
        return ask(committed_.get(), topic, partition, RD_KAFKA_OFFSET_END, timeout_ms);
    }
    Result<std::int64_t> high(const std::string& topic, std::int32_t partition,
                              int timeout_ms) override {
        return ask(uncommitted_.get(), topic, partition, RD_KAFKA_OFFSET_END, timeout_ms);
    }

private:
    Handle committed_;
    Handle uncommitted_;
};

}  // namespace

Result<std::unique_ptr<Watermarks>> open_watermarks(const std::string& bootstrap) {
    Result<Handle> committed = reading_settings(bootstrap).make(RD_KAFKA_CONSUMER);
    if (!committed) return committed.error();
    // The isolation level goes with the question: the answer's end is the last stable offset for
    // the one, the high watermark for the other.
    Settings settings = reading_settings(bootstrap);
    settings.set("isolation.level", "read_uncommitted");
    Result<Handle> uncommitted = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!uncommitted) return uncommitted.error();
    return std::unique_ptr<Watermarks>(
        std::make_unique<TwoHandles>(std::move(*committed), std::move(*uncommitted)));
}

}  // namespace vouch::kafka::librdkafka
