#include "events/log/kafka/client.h"
#include "events/log/kafka/librdkafka_client.h"
#include "tests/events/log_test_support.h"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <memory>

// Bounds of a partition that changes its leader, on librdkafka's own brokers in memory: real ones
// do not let their leader be taken away.

namespace vouch::kafka {
namespace {

constexpr const char* kTopic = "led";

/// One broker of librdkafka's own, with one topic.
class LedTopic {
public:
    LedTopic() : handle_(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0)) {
        REQUIRE(handle_ != nullptr);
        cluster_ = rd_kafka_mock_cluster_new(handle_, 1);
        REQUIRE(cluster_ != nullptr);
        CHECK(rd_kafka_mock_topic_create(cluster_, kTopic, 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ~LedTopic() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(handle_);
    }
    LedTopic(const LedTopic&) = delete;
    LedTopic& operator=(const LedTopic&) = delete;

    void is_led_by(std::int32_t broker) {
        CHECK(rd_kafka_mock_partition_set_leader(cluster_, kTopic, 0, broker) ==
              RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    const char* bootstrap() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }

private:
    rd_kafka_t* handle_;
    rd_kafka_mock_cluster_t* cluster_;
};

TEST_CASE("kafka watermarks: who heard that a partition has no leader asks again") {
    constexpr int kSoonMs = 1'000, kPatienceMs = 30'000;
    LedTopic topic;
    const auto watermarks = librdkafka_client().open_watermarks(topic.bootstrap());
    REQUIRE_MESSAGE(watermarks, test::fault_of(watermarks));
    topic.is_led_by(-1);
    const auto none = (*watermarks)->extent(kTopic, 0, kSoonMs);
    CHECK(test::fault_of(none) ==
          "retriable: led partition 0: its bounds are not known: Broker: Leader not available "
          "(LEADER_NOT_AVAILABLE)");
    CHECK(test::fault_of((*watermarks)->high(kTopic, 0, kSoonMs)) == test::fault_of(none));
    topic.is_led_by(1);
    const auto extent = (*watermarks)->extent(kTopic, 0, kPatienceMs);
    CHECK_MESSAGE(extent, test::fault_of(extent));
    const auto high = (*watermarks)->high(kTopic, 0, kPatienceMs);
    CHECK_MESSAGE(high, test::fault_of(high));
}

}  // namespace
}  // namespace vouch::kafka
