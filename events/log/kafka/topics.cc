#include "events/log/kafka/topics.h"

#include "events/log/kafka/handle.h"
#include "events/log/kafka/partition_reader.h"
#include "events/log/kafka/strays.h"
#include "events/log/kafka/watermarks.h"
#include "events/seal/deployment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <map>
#include <utility>

namespace vouch::kafka {
namespace {

/// A broker takes 249 characters in a topic's name; ours end in at most 11.
constexpr std::size_t kNameLengthMax = 200;

/// Brokers inflate what producers compressed, and refuse it when it is then too large. Otherwise a
/// few kilobytes of theirs can be gigabytes here.
constexpr const char* kCompression = "uncompressed";
/// A larger message than any of ours makes readers hold it whole.
constexpr std::int64_t kMessageBytesLimit = std::int64_t{16} << 20;

struct TopicPlan {
    std::string name;
    std::uint32_t partitions;
    bool is_for_ever;  ///< nothing may be dropped from it because of its age or the topic's size
};

std::vector<TopicPlan> plan(const KafkaLogOptions& options) {
    return {{commands_topic(options), options.shard_count, false},
            {steps_topic(options), options.shard_count, true},
            {events_topic(options), options.shard_count, true},
            {deployment_topic(options), 1, true}};
}

Status check_name(const KafkaLogOptions& options) {
    const bool is_good = !options.name.empty() && options.name.size() <= kNameLengthMax &&
                         options.name.find_first_not_of(
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                             std::string::npos;
    if (is_good) return {};
    return Fault{FaultCode::configuration,
                 "a deployment's name on Kafka has 1 to " + std::to_string(kNameLengthMax) +
                     " letters, digits, dots, dashes or underscores, found " +
                     std::to_string(options.name.size()) + " characters"};
}

Fault unreachable(const KafkaLogOptions& options, const std::string& why) {
    return {FaultCode::retriable, "no answer from " + options.bootstrap + ": " + why};
}

int patience(const KafkaLogOptions& options) {
    return static_cast<int>(std::clamp<std::int64_t>(options.patience_ms, 1, 600'000));
}

/// As handle.h's, with all of the options' patience.
template <class Send>
Result<Event> ask(rd_kafka_t* handle, const KafkaLogOptions& options, rd_kafka_admin_op_t kind,
                  const Send& send) {
    Result<Event> event = kafka::ask(handle, kind, patience(options), send);
    if (!event) return unreachable(options, event.error().message);
    return event;
}

Status make_topics(rd_kafka_t* handle, const KafkaLogOptions& options,
                   const std::vector<TopicPlan>& topics) {
    using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
    std::vector<NewTopic> made;
    std::vector<rd_kafka_NewTopic_t*> borrowed;
    std::array<char, 256> reason{};
    for (const TopicPlan& topic : topics) {
        NewTopic fresh(rd_kafka_NewTopic_new(topic.name.c_str(), static_cast<int>(topic.partitions),
                                             static_cast<int>(options.replication.replicas),
                                             reason.data(), reason.size()));
        if (!fresh) return Fault{FaultCode::configuration, topic.name + ": " + reason.data()};
        const std::pair<const char*, std::string> settings[] = {
            {"cleanup.policy", "delete"},
            {"retention.ms", "-1"},
            {"retention.bytes", "-1"},
            {"max.message.bytes", std::to_string(kMessageBytesMax)},
            {"compression.type", kCompression},
            {"unclean.leader.election.enable", "false"},
            {"min.insync.replicas", std::to_string(options.replication.in_sync_min)}};
        for (const auto& [name, value] : settings) {
            rd_kafka_NewTopic_set_config(fresh.get(), name, value.c_str());
        }
        borrowed.push_back(fresh.get());
        made.push_back(std::move(fresh));
    }
    const Result<Event> event =
        ask(handle, options, RD_KAFKA_ADMIN_OP_CREATETOPICS,
            [&](const rd_kafka_AdminOptions_t* how, rd_kafka_queue_t* queue) {
                rd_kafka_CreateTopics(handle, borrowed.data(), borrowed.size(), how, queue);
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

/// Appends one message to the deployment topic and waits until it is there.
Status write_deployment(const KafkaLogOptions& options, ByteView bytes) {
    Settings settings(options.bootstrap);
    settings.set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", 0)
        .set("message.timeout.ms", patience(options));
    rd_kafka_resp_err_t delivered = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    rd_kafka_conf_set_opaque(settings.get(), &delivered);
    rd_kafka_conf_set_dr_msg_cb(settings.get(),
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
                                    *static_cast<rd_kafka_resp_err_t*>(opaque) = message->err;
                                });
    const Result<Handle> handle = std::move(settings).make(RD_KAFKA_PRODUCER);
    if (!handle) return handle.error();
    // librdkafka only reads through the pointer: the message is borrowed until it is delivered.
    const rd_kafka_resp_err_t queued = rd_kafka_producev(
        handle->get(), RD_KAFKA_V_TOPIC(deployment_topic(options).c_str()), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(const_cast<std::byte*>(bytes.data()), bytes.size()), RD_KAFKA_V_END);
    if (queued != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Fault{FaultCode::storage, deployment_topic(options) + ": " + name_of(queued)};
    }
    rd_kafka_flush(handle->get(), patience(options));
    if (delivered == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return unreachable(options, deployment_topic(options) + ": " + name_of(delivered));
}

/// What the deployment's own topic holds, of what counts: its first Deployment message. Others may
/// write there too, and what they wrote cannot be taken away.
struct DeploymentFound {
    std::optional<Bytes> message;
    bool has_others = false;  ///< before it, or at all
};

Result<DeploymentFound> find_deployment(const KafkaLogOptions& options) {
    const std::string topic = deployment_topic(options);
    Result<std::unique_ptr<Watermarks>> watermarks = Watermarks::open(options.bootstrap);
    if (!watermarks) return watermarks.error();
    // A topic that was just made is not known to every broker yet.
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(patience(options));
    Result<Extent> extent = (*watermarks)->extent(topic, 0, patience(options));
    while (!extent && std::chrono::steady_clock::now() < deadline)
        extent = (*watermarks)->extent(topic, 0, patience(options));
    if (!extent) return extent.error();
    Result<std::unique_ptr<PartitionReader>> reader =
        PartitionReader::open(options.bootstrap, topic, PartitionReader::ReadAhead::none);
    if (!reader) return reader.error();
    if (const Status started = (*reader)->start(0, extent->first); !started) return started.error();
    DeploymentFound found;
    Strays strays;
    while (true) {
        const Result<Polled> polled = (*reader)->next(patience(options));
        if (!polled) return polled.error();
        switch (polled->kind) {
            case Polled::Kind::message: {
                const ByteView payload = payload_of(*polled->message);
                if (parse_deployment(payload)) {
                    found.message.emplace(payload.begin(), payload.end());
                    return found;
                }
                strays.pass_over(topic, 0, polled->offset, "no Deployment message");
                found.has_others = true;
                break;
            }
            case Polled::Kind::unreadable: {
                const Result<std::int64_t> behind = (*reader)->end_of_unreadable(
                    0, polled->offset, extent->stable_end, patience(options));
                if (!behind) return behind.error();
                strays.pass_over(topic, 0, polled->offset, "cannot be inflated");
                found.has_others = true;
                if (const Status started = (*reader)->start(0, *behind); !started)
                    return started.error();
                break;
            }
            case Polled::Kind::end:
                return found;
            case Polled::Kind::nothing:
                return unreachable(options, topic + " was not read");
        }
    }
}

using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;

Result<Metadata> all_topics(rd_kafka_t* handle, const KafkaLogOptions& options) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(handle, 1, nullptr, &metadata, patience(options));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return unreachable(options, name_of(error));
    return Metadata(metadata);
}

const rd_kafka_metadata_topic_t* find(const Metadata& metadata, const std::string& name) {
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        if (name == metadata->topics[i].topic) return &metadata->topics[i];
    }
    return nullptr;
}

Fault difference(const std::string& topic, const std::string& setting, const std::string& expected,
                 const std::string& found) {
    return {FaultCode::configuration,
            "topic " + topic + ": " + setting + " expected " + expected + ", found " + found};
}

Status check_shape(const rd_kafka_metadata_topic_t& found, const TopicPlan& planned,
                   const KafkaLogOptions& options) {
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Fault{FaultCode::retriable, planned.name + ": " + name_of(found.err)};
    }
    if (found.partition_cnt != static_cast<int>(planned.partitions)) {
        return difference(planned.name, "partitions", std::to_string(planned.partitions),
                          std::to_string(found.partition_cnt));
    }
    for (int i = 0; i < found.partition_cnt; ++i) {
        const int replicas = found.partitions[i].replica_cnt;
        if (replicas < static_cast<int>(options.replication.replicas)) {
            return difference(planned.name,
                              "replicas of partition " + std::to_string(found.partitions[i].id),
                              "at least " + std::to_string(options.replication.replicas),
                              std::to_string(replicas));
        }
    }
    return {};
}

bool is_at_least(const std::string& text, std::int64_t least) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= least;
}

Status check_setting(const TopicPlan& planned, const KafkaLogOptions& options,
                     const std::string& name, const std::string& value) {
    const auto exactly = [&](const std::string& expected) -> Status {
        if (value == expected) return {};
        return difference(planned.name, name, expected, value);
    };
    const auto at_least = [&](std::int64_t least) -> Status {
        if (is_at_least(value, least)) return {};
        return difference(planned.name, name, "at least " + std::to_string(least), value);
    };
    if (name == "cleanup.policy") return exactly("delete");
    if (name == "unclean.leader.election.enable") return exactly("false");
    if (name == "compression.type") return exactly(kCompression);
    if (name == "max.message.bytes") {
        if (Status enough = at_least(kMessageBytesMax); !enough) return enough;
        if (!is_at_least(value, kMessageBytesLimit + 1)) return {};
        return difference(planned.name, name, "at most " + std::to_string(kMessageBytesLimit),
                          value);
    }
    if (name == "min.insync.replicas") return at_least(options.replication.in_sync_min);
    if (planned.is_for_ever && (name == "retention.ms" || name == "retention.bytes")) {
        return exactly("-1");
    }
    return {};
}

/// The settings of one topic or broker, by name.
Result<std::map<std::string, std::string>> settings_of(rd_kafka_t* handle,
                                                       const KafkaLogOptions& options,
                                                       rd_kafka_ResourceType_t kind,
                                                       const std::string& name) {
    const std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>
        asked(rd_kafka_ConfigResource_new(kind, name.c_str()));
    rd_kafka_ConfigResource_t* borrowed = asked.get();
    const Result<Event> event =
        ask(handle, options, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
            [&](const rd_kafka_AdminOptions_t* how, rd_kafka_queue_t* queue) {
                rd_kafka_DescribeConfigs(handle, &borrowed, 1, how, queue);
            });
    if (!event) return event.error();
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event->get()), &count);
    std::map<std::string, std::string> settings;
    for (std::size_t i = 0; i < count; ++i) {
        if (rd_kafka_ConfigResource_error(resources[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return Fault{FaultCode::configuration,
                         name + ": its settings cannot be read: " +
                             name_of(rd_kafka_ConfigResource_error(resources[i]))};
        }
        std::size_t entries = 0;
        const rd_kafka_ConfigEntry_t** entry =
            rd_kafka_ConfigResource_configs(resources[i], &entries);
        for (std::size_t j = 0; j < entries; ++j) {
            const char* value = rd_kafka_ConfigEntry_value(entry[j]);
            settings[rd_kafka_ConfigEntry_name(entry[j])] = value != nullptr ? value : "";
        }
    }
    return settings;
}

/// Kafka's own topics that decide whether a transaction and what it consumed are durable, and how a
/// broker makes them where they are not there yet.
struct CoordinatorTopic {
    const char* name;
    const char* replicas_setting;
    const char* in_sync_setting;
};
constexpr CoordinatorTopic kCoordinatorTopics[] = {
    {"__transaction_state", "transaction.state.log.replication.factor",
     "transaction.state.log.min.isr"},
    {"__consumer_offsets", "offsets.topic.replication.factor", "min.insync.replicas"}};

/// A transaction that anybody leaves open holds up all readers for as long as its broker lets it.
Status check_broker(rd_kafka_t* handle, std::int32_t id, const Metadata& metadata,
                    const KafkaLogOptions& options) {
    const std::string broker = std::to_string(id);
    const auto settings = settings_of(handle, options, RD_KAFKA_RESOURCE_BROKER, broker);
    if (!settings) return settings.error();
    const auto value_of = [&](const std::string& name) {
        const auto found = settings->find(name);
        return found == settings->end() ? std::string() : found->second;
    };
    const auto refuse = [&](const std::string& name, const std::string& expected) -> Status {
        return Fault{FaultCode::configuration, "broker " + broker + ": " + name + " expected " +
                                                   expected + ", found " + value_of(name)};
    };
    const std::string longest = "transaction.max.timeout.ms";
    if (!is_at_least(value_of(longest), 1) ||
        is_at_least(value_of(longest), options.transaction_ms_max + 1)) {
        return refuse(longest, "at most " + std::to_string(options.transaction_ms_max) +
                                   " (--longest-transaction takes more)");
    }
    for (const CoordinatorTopic& topic : kCoordinatorTopics) {
        if (find(metadata, topic.name) != nullptr) continue;
        if (!is_at_least(value_of(topic.replicas_setting), options.replication.replicas))
            return refuse(topic.replicas_setting,
                          "at least " + std::to_string(options.replication.replicas));
        if (!is_at_least(value_of(topic.in_sync_setting), options.replication.in_sync_min))
            return refuse(topic.in_sync_setting,
                          "at least " + std::to_string(options.replication.in_sync_min));
    }
    return {};
}

Status check_coordinator_topic(rd_kafka_t* handle, const rd_kafka_metadata_topic_t& found,
                               const KafkaLogOptions& options) {
    for (int i = 0; i < found.partition_cnt; ++i) {
        const int replicas = found.partitions[i].replica_cnt;
        if (replicas >= static_cast<int>(options.replication.replicas)) continue;
        return difference(found.topic,
                          "replicas of partition " + std::to_string(found.partitions[i].id),
                          "at least " + std::to_string(options.replication.replicas),
                          std::to_string(replicas));
    }
    auto settings = settings_of(handle, options, RD_KAFKA_RESOURCE_TOPIC, found.topic);
    if (!settings) return settings.error();
    const std::string in_sync = (*settings)["min.insync.replicas"];
    if (is_at_least(in_sync, options.replication.in_sync_min)) return {};
    return difference(found.topic, "min.insync.replicas",
                      "at least " + std::to_string(options.replication.in_sync_min), in_sync);
}

Result<std::vector<Fault>> cluster_faults(rd_kafka_t* handle, const Metadata& metadata,
                                          const KafkaLogOptions& options) {
    std::vector<Fault> faults;
    const auto note = [&](const Status& checked) -> Status {
        if (checked || checked.error().code != FaultCode::configuration) return checked;
        faults.push_back(checked.error());
        return {};
    };
    for (int i = 0; i < metadata->broker_cnt; ++i) {
        const Status noted =
            note(check_broker(handle, metadata->brokers[i].id, metadata, options));
        if (!noted) return noted.error();
    }
    for (const CoordinatorTopic& topic : kCoordinatorTopics) {
        const rd_kafka_metadata_topic_t* found = find(metadata, topic.name);
        if (found == nullptr) continue;
        const Status noted = note(check_coordinator_topic(handle, *found, options));
        if (!noted) return noted.error();
    }
    return faults;
}

Status check_settings(rd_kafka_t* handle, const KafkaLogOptions& options,
                      const std::vector<TopicPlan>& topics) {
    using Resource =
        std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;
    std::vector<Resource> made;
    std::vector<rd_kafka_ConfigResource_t*> borrowed;
    for (const TopicPlan& topic : topics) {
        made.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.name.c_str()));
        borrowed.push_back(made.back().get());
    }
    const Result<Event> event =
        ask(handle, options, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
            [&](const rd_kafka_AdminOptions_t* how, rd_kafka_queue_t* queue) {
                rd_kafka_DescribeConfigs(handle, borrowed.data(), borrowed.size(), how, queue);
            });
    if (!event) return event.error();
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = rd_kafka_ConfigResource_name(resources[i]);
        const auto planned = std::ranges::find(topics, name, &TopicPlan::name);
        if (rd_kafka_ConfigResource_error(resources[i]) != RD_KAFKA_RESP_ERR_NO_ERROR ||
            planned == topics.end()) {
            return Fault{FaultCode::configuration,
                         "topic " + name + ": its settings cannot be read: " +
                             name_of(rd_kafka_ConfigResource_error(resources[i]))};
        }
        std::size_t entries = 0;
        const rd_kafka_ConfigEntry_t** entry =
            rd_kafka_ConfigResource_configs(resources[i], &entries);
        for (std::size_t j = 0; j < entries; ++j) {
            const char* value = rd_kafka_ConfigEntry_value(entry[j]);
            if (const Status good =
                    check_setting(*planned, options, rd_kafka_ConfigEntry_name(entry[j]),
                                  value != nullptr ? value : "");
                !good) {
                return good.error();
            }
        }
    }
    return {};
}

}  // namespace

Result<Bytes> create_topics(const KafkaLogOptions& options, ByteView deployment) {
    if (const Status good = check_name(options); !good) return good.error();
    if (options.shard_count == 0 || options.shard_count > kShardsMax) {
        return Fault{
            FaultCode::configuration,
            "a deployment has 1 to " + std::to_string(kShardsMax) + " shards, expected a number"};
    }
    Result<Handle> handle = Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    if (!handle) return handle.error();
    // The deployment's own topic last: where it is, all the others are.
    const std::vector<TopicPlan> topics = plan(options);
    if (const Status made = make_topics(handle->get(), options, {topics.begin(), topics.end() - 1});
        !made) {
        return made.error();
    }
    if (const Status made = make_topics(handle->get(), options, {topics.back()}); !made) {
        return made.error();
    }
    Result<DeploymentFound> found = find_deployment(options);
    if (!found) return found.error();
    if (!found->message && found->has_others) {
        // They may be another program's books.
        return Fault{FaultCode::configuration,
                     "topic " + topics.back().name +
                         " holds something already, but no deployment of this program: give the "
                         "new books another name"};
    }
    if (!found->message) {
        if (const Status written = write_deployment(options, deployment); !written) {
            return written.error();
        }
        found = find_deployment(options);
        if (!found) return found.error();
    }
    if (!found->message)
        return Fault{FaultCode::storage, topics.back().name + ": what was written is gone"};
    return std::move(*found->message);
}

Result<Bytes> read_deployment(const KafkaLogOptions& options) {
    if (const Status good = check_name(options); !good) return good.error();
    {
        Result<Handle> handle = Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
        if (!handle) return handle.error();
        const Result<Metadata> metadata = all_topics(handle->get(), options);
        if (!metadata) return metadata.error();
        if (find(*metadata, deployment_topic(options)) == nullptr) {
            return Fault{FaultCode::configuration, "no deployment " + options.name + " at " +
                                                       options.bootstrap + ": no topic " +
                                                       deployment_topic(options)};
        }
    }
    Result<DeploymentFound> found = find_deployment(options);
    if (!found) return found.error();
    if (!found->message) {
        return Fault{FaultCode::configuration,
                     "topic " + deployment_topic(options) + ": expected the Deployment message, " +
                         (found->has_others ? "found none that this program knows"
                                            : "found nothing: it was never finished")};
    }
    return std::move(*found->message);
}

Result<std::uint32_t> check_topics(const KafkaLogOptions& given) {
    if (const Status good = check_name(given); !good) return good.error();
    Result<Handle> handle = Settings(given.bootstrap).make(RD_KAFKA_PRODUCER);
    if (!handle) return handle.error();
    const Result<Metadata> metadata = all_topics(handle->get(), given);
    if (!metadata) return metadata.error();
    KafkaLogOptions options = given;
    const rd_kafka_metadata_topic_t* events = find(*metadata, events_topic(options));
    if (events == nullptr) {
        return Fault{FaultCode::configuration, "no deployment " + options.name + " at " +
                                                   options.bootstrap + ": no topic " +
                                                   events_topic(options)};
    }
    // How many shards the deployment has is what its events say: they can not be made again.
    if (options.shard_count == 0) {
        options.shard_count = static_cast<std::uint32_t>(std::max(0, events->partition_cnt));
    }
    const std::vector<TopicPlan> topics = plan(options);
    for (const TopicPlan& topic : topics) {
        const rd_kafka_metadata_topic_t* found = find(*metadata, topic.name);
        if (found == nullptr) {
            return difference(topic.name, "partitions", std::to_string(topic.partitions),
                              "no such topic");
        }
        if (const Status good = check_shape(*found, topic, options); !good) return good.error();
    }
    if (const Status good = check_settings(handle->get(), options, topics); !good) {
        return good.error();
    }
    const Result<std::vector<Fault>> faults = cluster_faults(handle->get(), *metadata, options);
    if (!faults) return faults.error();
    if (!faults->empty()) return faults->front();
    return options.shard_count;
}

Result<std::vector<Fault>> find_cluster_faults(const KafkaLogOptions& options) {
    const Result<Handle> handle = Settings(options.bootstrap).make(RD_KAFKA_PRODUCER);
    if (!handle) return handle.error();
    const Result<Metadata> metadata = all_topics(handle->get(), options);
    if (!metadata) return metadata.error();
    return cluster_faults(handle->get(), *metadata, options);
}

}  // namespace vouch::kafka
