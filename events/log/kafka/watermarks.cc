#include "events/log/kafka/watermarks.h"

#include <utility>

namespace vouch::kafka {
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

}  // namespace

Result<std::unique_ptr<Watermarks>> Watermarks::open(std::string_view bootstrap) {
    Result<Handle> committed = reading_settings(bootstrap).make(RD_KAFKA_CONSUMER);
    if (!committed) return committed.error();
    // The isolation level goes with the question: the answer's end is the last stable offset for
    // the one, the high watermark for the other.
    Settings settings = reading_settings(bootstrap);
    settings.set("isolation.level", "read_uncommitted");
    Result<Handle> uncommitted = std::move(settings).make(RD_KAFKA_CONSUMER);
    if (!uncommitted) return uncommitted.error();
    return std::unique_ptr<Watermarks>(
        new Watermarks(std::move(*committed), std::move(*uncommitted)));
}

Result<Extent> Watermarks::extent(const std::string& topic, std::int32_t partition,
                                  int timeout_ms) {
    const Result<std::int64_t> first =
        ask(committed_.get(), topic, partition, RD_KAFKA_OFFSET_BEGINNING, timeout_ms);
    if (!first) return first.error();
    const Result<std::int64_t> end = stable_end(topic, partition, timeout_ms);
    if (!end) return end.error();
    return Extent{*first, *end};
}

Result<std::int64_t> Watermarks::stable_end(const std::string& topic, std::int32_t partition,
                                            int timeout_ms) {
    return ask(committed_.get(), topic, partition, RD_KAFKA_OFFSET_END, timeout_ms);
}

Result<std::int64_t> Watermarks::high(const std::string& topic, std::int32_t partition,
                                      int timeout_ms) {
    return ask(uncommitted_.get(), topic, partition, RD_KAFKA_OFFSET_END, timeout_ms);
}

}  // namespace vouch::kafka
