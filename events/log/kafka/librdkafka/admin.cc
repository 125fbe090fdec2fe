#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/librdkafka/parts.h"

#include <array>
#include <utility>

namespace vouch::kafka::librdkafka {
namespace {

using Resource =
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;
using MadeTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;

class ClusterAdmin final : public Admin {
public:
    explicit ClusterAdmin(Handle handle) : handle_(std::move(handle)) {}

    Result<Cluster> cluster(int timeout_ms) override;
    Status make_topics(const std::vector<NewTopic>& topics, int timeout_ms) override;
    Result<std::vector<SettingsOf>> topic_settings(const std::vector<std::string>& topics,
                                                   int timeout_ms) override {
        return settings(RD_KAFKA_RESOURCE_TOPIC, topics, timeout_ms);
    }
    Result<SettingsOf> broker_settings(std::int32_t broker, int timeout_ms) override {
        Result<std::vector<SettingsOf>> found =
            settings(RD_KAFKA_RESOURCE_BROKER, {std::to_string(broker)}, timeout_ms);
        if (!found) return found.error();
        return std::move(found->front());
    }

private:
    Result<std::vector<SettingsOf>> settings(rd_kafka_ResourceType_t kind,
                                             const std::vector<std::string>& names,
                                             int timeout_ms);

    Handle handle_;
};

ShownTopic shown(const rd_kafka_metadata_topic_t& topic) {
    ShownTopic shown;
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) shown.error = name_of(topic.err);
    for (int i = 0; i < topic.partition_cnt; ++i) {
        shown.partitions.push_back({topic.partitions[i].id,
                                    static_cast<std::uint32_t>(topic.partitions[i].replica_cnt)});
    }
    return shown;
}

Result<Cluster> ClusterAdmin::cluster(int timeout_ms) {
    const rd_kafka_metadata_t* answer = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(handle_.get(), 1, nullptr, &answer, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Fault{FaultCode::retriable, name_of(error)};
    const Metadata metadata(answer);
    Cluster cluster;
    for (int i = 0; i < metadata->broker_cnt; ++i)
        cluster.brokers.push_back(metadata->brokers[i].id);
    for (int i = 0; i < metadata->topic_cnt; ++i)
        cluster.topics.emplace(metadata->topics[i].topic, shown(metadata->topics[i]));
    return cluster;
}

Status ClusterAdmin::make_topics(const std::vector<NewTopic>& topics, int timeout_ms) {
    std::vector<MadeTopic> made;
    std::vector<rd_kafka_NewTopic_t*> borrowed;
    std::array<char, 256> reason{};
    for (const NewTopic& topic : topics) {
        MadeTopic fresh(rd_kafka_NewTopic_new(topic.name.c_str(),
                                              static_cast<int>(topic.partitions),
                                              static_cast<int>(topic.replicas), reason.data(),
                                              reason.size()));
        if (!fresh) return Fault{FaultCode::configuration, topic.name + ": " + reason.data()};
        for (const auto& [name, value] : topic.settings)
            rd_kafka_NewTopic_set_config(fresh.get(), name.c_str(), value.c_str());
        borrowed.push_back(fresh.get());
        made.push_back(std::move(fresh));
    }
    const Result<Event> event =
        ask(handle_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms,
            [&](const rd_kafka_AdminOptions_t* how, rd_kafka_queue_t* queue) {
                rd_kafka_CreateTopics(handle_.get(), borrowed.data(), borrowed.size(), how, queue);
            });
    if (!event) return event.error();
    std::size_t count = 0;
    const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR ||
            error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            continue;
        }
        const char* text = rd_kafka_topic_result_error_string(results[i]);
        return Fault{FaultCode::configuration,
                     std::string("cannot make the topic ") +
                         rd_kafka_topic_result_name(results[i]) + ": " +
                         (text != nullptr ? text : name_of(error).c_str())};
    }
    return {};
}

/// Of each resource, in the order of the names.
Result<std::vector<SettingsOf>> ClusterAdmin::settings(rd_kafka_ResourceType_t kind,
                                                       const std::vector<std::string>& names,
                                                       int timeout_ms) {
    std::vector<Resource> made;
    std::vector<rd_kafka_ConfigResource_t*> borrowed;
    for (const std::string& name : names) {
        made.emplace_back(rd_kafka_ConfigResource_new(kind, name.c_str()));
        borrowed.push_back(made.back().get());
    }
    const Result<Event> event =
        ask(handle_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms,
            [&](const rd_kafka_AdminOptions_t* how, rd_kafka_queue_t* queue) {
                rd_kafka_DescribeConfigs(handle_.get(), borrowed.data(), borrowed.size(), how,
                                         queue);
            });
    if (!event) return event.error();
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event->get()), &count);
    std::map<std::string, SettingsOf> found;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = rd_kafka_ConfigResource_name(resources[i]);
        const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resources[i]);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return Fault{FaultCode::configuration,
                         (kind == RD_KAFKA_RESOURCE_TOPIC ? "topic " : "") + name +
                             ": its settings cannot be read: " + name_of(error)};
        }
        std::size_t entries = 0;
        const rd_kafka_ConfigEntry_t** entry =
            rd_kafka_ConfigResource_configs(resources[i], &entries);
        for (std::size_t j = 0; j < entries; ++j) {
            const char* value = rd_kafka_ConfigEntry_value(entry[j]);
            found[name][rd_kafka_ConfigEntry_name(entry[j])] = value != nullptr ? value : "";
        }
    }
    std::vector<SettingsOf> all;
    for (const std::string& name : names) {
        if (!found.contains(name))
            return Fault{FaultCode::configuration, name + ": its settings are not shown"};
        all.push_back(std::move(found[name]));
    }
    return all;
}

}  // namespace

Result<std::unique_ptr<Admin>> open_admin(const std::string& bootstrap) {
    Result<Handle> handle = Settings(bootstrap).make(RD_KAFKA_PRODUCER);
    if (!handle) return handle.error();
    return std::unique_ptr<Admin>(std::make_unique<ClusterAdmin>(std::move(*handle)));
}

}  // namespace vouch::kafka::librdkafka
