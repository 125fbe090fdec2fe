#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/librdkafka/parts.h"
#include "events/world/clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vouch::kafka::librdkafka {
namespace {

/// How long whoever met a partition without a leader waits before it asks again who leads it.
constexpr std::chrono::milliseconds kLeaderPause{100};

int left_ms(SteadyTime deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

/// Has the brokers asked again who leads the partitions of `topic`, and waits a little. Else
/// librdkafka answers for a quarter of an hour what it heard once, also that nobody does.
void ask_who_leads(rd_kafka_t* handle, const std::string& topic, SteadyTime deadline) {
    const Topic asked = topic_for_reading(handle, topic);
    const rd_kafka_metadata_t* answer = nullptr;
    if (rd_kafka_metadata(handle, 0, asked.get(), &answer, left_ms(deadline)) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(answer);
    rd_kafka_poll(handle, left_ms(std::min(deadline, steady_now() + kLeaderPause)));
}

/// Asks for the offset that `bound` stands for. As a question about a time: librdkafka 2.0.2 waits
/// for ever for an answer to its own question about bounds, once it knows whom to ask.
Result<std::int64_t> ask(rd_kafka_t* handle, const std::string& topic, std::int32_t partition,
                         std::int64_t bound, int timeout_ms) {
    const SteadyTime deadline = steady_now() + std::chrono::milliseconds(timeout_ms);
    const Partitions asked(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_t& answer =
        *rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), partition);
    while (true) {
        answer.offset = bound;
        rd_kafka_resp_err_t error =
            rd_kafka_offsets_for_times(handle, asked.get(), left_ms(deadline));
        // Why nobody could be asked stands in the answer.
        const bool is_told = error == RD_KAFKA_RESP_ERR_NO_ERROR ||
                             error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (is_told && answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) error = answer.err;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR && answer.offset >= 0) return answer.offset;
        if (error != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || left_ms(deadline) == 0)
            return Fault{FaultCode::retriable, topic + " partition " + std::to_string(partition) +
                                                   ": its bounds are not known: " + name_of(error)};
        ask_who_leads(handle, topic, deadline);
    }
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
