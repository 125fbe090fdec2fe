#include "tests/kafka/kafka_script.h"
#include "tests/kafka/kafka_test_support.h"
#include "tests/support/memory_kafka.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

// The cluster in memory is like a real one: the same calls say the same of both.

namespace vouch {
namespace {

using namespace test;

constexpr int kLikenessMs = 30'000;

std::vector<std::string> play_on_brokers() {
    ScriptedCluster cluster{fresh_options(3), {}, {}, {}};
    create(cluster.options);
    std::map<std::string, kafka::Handle> producers;
    cluster.put_open = [&](const std::string& name, const std::string& topic,
                           const std::string& payload) {
        kafka::Handle& producer = producers[name];
        if (!producer) {
            kafka::Settings settings(cluster.options.bootstrap);
            settings.set("transactional.id", name);
            producer = std::move(*std::move(settings).make(RD_KAFKA_PRODUCER));
            REQUIRE(!kafka::Error(rd_kafka_init_transactions(producer.get(), kLikenessMs)));
        }
        // Refused while one is open.
        (void)kafka::Error(rd_kafka_begin_transaction(producer.get()));
        REQUIRE(rd_kafka_producev(producer.get(), RD_KAFKA_V_TOPIC(topic.c_str()),
                                  RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()),
                                                   payload.size()),
                                  RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
        REQUIRE(rd_kafka_flush(producer.get(), kLikenessMs) == RD_KAFKA_RESP_ERR_NO_ERROR);
    };
    cluster.end_open = [&](const std::string& name, bool commits) {
        rd_kafka_t* const producer = producers.at(name).get();
        const kafka::Error error(commits ? rd_kafka_commit_transaction(producer, kLikenessMs)
                                         : rd_kafka_abort_transaction(producer, kLikenessMs));
        return std::string(error ? "refused" : "done");
    };
    cluster.trim = [&](const std::string& topic, std::int64_t before) {
        delete_records(cluster.options, topic, before);
    };
    return play_script(cluster);
}

std::vector<std::string> play_in_memory() {
    MemoryBroker broker;
    MemoryKafka client(broker);
    ScriptedCluster cluster;
    cluster.options.name = "books";
    cluster.options.bootstrap = "memory";
    cluster.options.shard_count = 3;
    cluster.options.replication = kSingleBroker;
    cluster.options.client = &client;
    create(cluster.options);
    cluster.put_open = [&](const std::string& name, const std::string& topic,
                           const std::string& payload) {
        broker.put_open(name, topic, 0, {}, bytes_of(payload));
    };
    cluster.end_open = [&](const std::string& name, bool commits) {
        return std::string(broker.end_open(name, commits) ? "done" : "refused");
    };
    cluster.trim = [&](const std::string& topic, std::int64_t before) {
        broker.trim(topic, 0, before);
    };
    return play_script(cluster);
}

TEST_CASE("kafka: the cluster in memory says what a broker says, call for call") {
    const std::vector<std::string> real = play_on_brokers(), twin = play_in_memory();
    for (std::size_t i = 0; i < std::max(real.size(), twin.size()); ++i) {
        CAPTURE(i);
        CHECK((i < real.size() ? real[i] : "nothing") == (i < twin.size() ? twin[i] : "nothing"));
    }
}

}  // namespace
}  // namespace vouch
