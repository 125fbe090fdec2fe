#include "events/log/kafka/watermarks.h"

#include <utility>

namespace vouch::kafka {
namespace {

Result<Extent> ask(rd_kafka_t* handle, const std::string& topic, std::int32_t partition,
                   int timeout_ms) {
    Extent extent;
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        handle, topic.c_str(), partition, &extent.first, &extent.stable_end, timeout_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return extent;
    return Fault{FaultCode::retriable, topic + " partition " + std::to_string(partition) +
                                           ": its end is not known: " + name_of(error)};
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
    return ask(committed_.get(), topic, partition, timeout_ms);
}

Result<std::int64_t> Watermarks::high(const std::string& topic, std::int32_t partition,
                                      int timeout_ms) {
    const Result<Extent> found = ask(uncommitted_.get(), topic, partition, timeout_ms);
    if (!found) return found.error();
    return found->stable_end;
}

}  // namespace vouch::kafka
