#include "events/log/kafka/topics.h"

#include "events/log/kafka/client.h"
#include "events/log/kafka/strays.h"
#include "events/log/kafka/unreadable.h"
#include "events/seal/deployment.h"
#include "events/world/clock.h"

#include <algorithm>
#include <charconv>
#include <chrono>
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

/// Of what brokers did not answer, whom was asked.
template <class T>
Result<T> answered(const KafkaLogOptions& options, Result<T> answer) {
    if (answer || answer.error().code != FaultCode::retriable) return answer;
    return unreachable(options, answer.error().message);
}

Status make_topics(Admin& admin, const KafkaLogOptions& options,
                   const std::vector<TopicPlan>& topics) {
    std::vector<NewTopic> made;
    for (const TopicPlan& topic : topics) {
        made.push_back({topic.name,
                        topic.partitions,
                        options.replication.replicas,
                        {{"cleanup.policy", "delete"},
                         {"retention.ms", "-1"},
                         {"retention.bytes", "-1"},
                         {"max.message.bytes", std::to_string(kMessageBytesMax)},
                         {"compression.type", kCompression},
                         {"unclean.leader.election.enable", "false"},
                         {"min.insync.replicas",
                          std::to_string(options.replication.in_sync_min)}}});
    }
    const Status done = admin.make_topics(made, patience(options));
    if (done || done.error().code != FaultCode::retriable) return done;
    return unreachable(options, done.error().message);
}

/// Appends one message to the deployment topic and waits until it is there.
Status write_deployment(const KafkaLogOptions& options, ByteView bytes) {
    const Patience whole(options.patience_ms);
    const Result<std::unique_ptr<Appender>> appender = options.client->open_appender(
        {options.bootstrap, deployment_topic(options), patience(options), patience(options)},
        whole);
    if (!appender) return answered(options, Result<int>(appender.error())).error();
    const Result<std::int64_t> written = (*appender)->append(0, bytes);
    if (written) return {};
    return answered(options, written).error();
}

/// What the deployment's own topic holds, of what counts: its first Deployment message. Others may
/// write there too, and what they wrote cannot be taken away.
struct DeploymentFound {
    std::optional<Bytes> message;
    bool has_others = false;  ///< before it, or at all
};

Result<DeploymentFound> find_deployment(const KafkaLogOptions& options) {
    const std::string topic = deployment_topic(options);
    Result<std::unique_ptr<Watermarks>> watermarks =
        options.client->open_watermarks(options.bootstrap);
    if (!watermarks) return watermarks.error();
    // A topic that was just made is not known to every broker yet.
    const SteadyTime deadline = steady_now() + std::chrono::milliseconds(patience(options));
    Result<Extent> extent = (*watermarks)->extent(topic, 0, patience(options));
    while (!extent && steady_now() < deadline)
        extent = (*watermarks)->extent(topic, 0, patience(options));
    if (!extent) return extent.error();
    Result<std::unique_ptr<PartitionReader>> reader =
        options.client->open_reader(options.bootstrap, topic, ReadAhead::none);
    if (!reader) return reader.error();
    if (const Status started = (*reader)->start(0, extent->first); !started) return started.error();
    DeploymentFound found;
    Strays strays;
    while (true) {
        const Result<Polled> polled = (*reader)->next(patience(options));
        if (!polled) return polled.error();
        switch (polled->kind) {
            case Polled::Kind::message: {
                const ByteView payload = polled->message.payload;
                if (parse_deployment(payload)) {
                    found.message.emplace(payload.begin(), payload.end());
                    return found;
                }
                strays.pass_over(topic, 0, polled->offset, "no Deployment message");
                found.has_others = true;
                break;
            }
            case Polled::Kind::unreadable: {
                const Result<std::int64_t> behind = find_end_of_unreadable(
                    **reader, {topic, 0, polled->offset}, extent->stable_end,
                    Patience(options.patience_ms).begin());
                if (!behind) return behind.error();
                strays.pass_over(topic, 0, polled->offset, "cannot be inflated");
                found.has_others = true;
                if (const Status started = (*reader)->start(0, *behind); !started)
                    return started.error();
                break;
            }
            case Polled::Kind::end:
                // What was damaged or trimmed has been there.
                if (extent->stable_end > 0) found.has_others = true;
                return found;
            case Polled::Kind::nothing:
                return unreachable(options, topic + " was not read");
        }
    }
}

Result<Cluster> cluster_of(Admin& admin, const KafkaLogOptions& options) {
    return answered(options, admin.cluster(patience(options)));
}

const ShownTopic* find(const Cluster& cluster, const std::string& name) {
    const auto found = cluster.topics.find(name);
    return found == cluster.topics.end() ? nullptr : &found->second;
}

Fault difference(const std::string& topic, const std::string& setting, const std::string& expected,
                 const std::string& found) {
    return {FaultCode::configuration,
            "topic " + topic + ": " + setting + " expected " + expected + ", found " + found};
}

/// Each partition of a topic is on as many brokers as asked.
Status check_replicas(const std::string& topic, const ShownTopic& found,
                      const KafkaLogOptions& options) {
    for (const ShownTopic::Partition& partition : found.partitions) {
        if (partition.replicas >= options.replication.replicas) continue;
        return difference(topic, "replicas of partition " + std::to_string(partition.id),
                          "at least " + std::to_string(options.replication.replicas),
                          std::to_string(partition.replicas));
    }
    return {};
}

Status check_shape(const ShownTopic& found, const TopicPlan& planned,
                   const KafkaLogOptions& options) {
    if (found.error) return Fault{FaultCode::retriable, planned.name + ": " + *found.error};
    if (found.partitions.size() != planned.partitions) {
        return difference(planned.name, "partitions", std::to_string(planned.partitions),
                          std::to_string(found.partitions.size()));
    }
    return check_replicas(planned.name, found, options);
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
Status check_broker(Admin& admin, std::int32_t id, const Cluster& cluster,
                    const KafkaLogOptions& options) {
    const std::string broker = std::to_string(id);
    const Result<SettingsOf> settings =
        answered(options, admin.broker_settings(id, patience(options)));
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
        if (find(cluster, topic.name) != nullptr) continue;
        if (!is_at_least(value_of(topic.replicas_setting), options.replication.replicas))
            return refuse(topic.replicas_setting,
                          "at least " + std::to_string(options.replication.replicas));
        if (!is_at_least(value_of(topic.in_sync_setting), options.replication.in_sync_min))
            return refuse(topic.in_sync_setting,
                          "at least " + std::to_string(options.replication.in_sync_min));
    }
    return {};
}

Status check_coordinator_topic(Admin& admin, const std::string& name, const ShownTopic& found,
                               const KafkaLogOptions& options) {
    if (const Status enough = check_replicas(name, found, options); !enough) return enough;
    Result<std::vector<SettingsOf>> settings =
        answered(options, admin.topic_settings({name}, patience(options)));
    if (!settings) return settings.error();
    const std::string in_sync = settings->front()["min.insync.replicas"];
    if (is_at_least(in_sync, options.replication.in_sync_min)) return {};
    return difference(name, "min.insync.replicas",
                      "at least " + std::to_string(options.replication.in_sync_min), in_sync);
}

Result<std::vector<Fault>> cluster_faults(Admin& admin, const Cluster& cluster,
                                          const KafkaLogOptions& options,
                                          const std::function<void()>& heard) {
    std::vector<Fault> faults;
    const auto note = [&](const Status& checked) -> Status {
        const bool is_answered = checked || checked.error().code == FaultCode::configuration;
        if (is_answered) heard();
        if (checked || !is_answered) return checked;
        faults.push_back(checked.error());
        return {};
    };
    for (const std::int32_t broker : cluster.brokers) {
        const Status noted = note(check_broker(admin, broker, cluster, options));
        if (!noted) return noted.error();
    }
    for (const CoordinatorTopic& topic : kCoordinatorTopics) {
        const ShownTopic* found = find(cluster, topic.name);
        if (found == nullptr) continue;
        const Status noted = note(check_coordinator_topic(admin, topic.name, *found, options));
        if (!noted) return noted.error();
    }
    return faults;
}

Status check_settings(Admin& admin, const KafkaLogOptions& options,
                      const std::vector<TopicPlan>& topics) {
    std::vector<std::string> names;
    for (const TopicPlan& topic : topics) names.push_back(topic.name);
    const Result<std::vector<SettingsOf>> all =
        answered(options, admin.topic_settings(names, patience(options)));
    if (!all) return all.error();
    for (std::size_t i = 0; i < topics.size(); ++i) {
        for (const auto& [name, value] : (*all)[i]) {
            const Status good = check_setting(topics[i], options, name, value);
            if (!good) return good.error();
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
    const Result<std::unique_ptr<Admin>> admin = options.client->open_admin(options.bootstrap);
    if (!admin) return admin.error();
    // The deployment's own topic last: where it is, all the others are.
    const std::vector<TopicPlan> topics = plan(options);
    if (const Status made = make_topics(**admin, options, {topics.begin(), topics.end() - 1});
        !made) {
        return made.error();
    }
    if (const Status made = make_topics(**admin, options, {topics.back()}); !made) {
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
        const Result<std::unique_ptr<Admin>> admin = options.client->open_admin(options.bootstrap);
        if (!admin) return admin.error();
        const Result<Cluster> cluster = cluster_of(**admin, options);
        if (!cluster) return cluster.error();
        if (find(*cluster, deployment_topic(options)) == nullptr) {
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
                         (found->has_others ? "found none that this program can read"
                                            : "found nothing: it was never finished")};
    }
    return std::move(*found->message);
}

Result<std::uint32_t> check_topics(const KafkaLogOptions& given) {
    if (const Status good = check_name(given); !good) return good.error();
    const Result<std::unique_ptr<Admin>> admin = given.client->open_admin(given.bootstrap);
    if (!admin) return admin.error();
    const Result<Cluster> cluster = cluster_of(**admin, given);
    if (!cluster) return cluster.error();
    KafkaLogOptions options = given;
    const ShownTopic* events = find(*cluster, events_topic(options));
    if (events == nullptr) {
        return Fault{FaultCode::configuration, "no deployment " + options.name + " at " +
                                                   options.bootstrap + ": no topic " +
                                                   events_topic(options)};
    }
    // How many shards the deployment has is what its events say: they can not be made again.
    if (options.shard_count == 0) {
        options.shard_count = static_cast<std::uint32_t>(events->partitions.size());
    }
    const std::vector<TopicPlan> topics = plan(options);
    for (const TopicPlan& topic : topics) {
        const ShownTopic* found = find(*cluster, topic.name);
        if (found == nullptr) {
            return difference(topic.name, "partitions", std::to_string(topic.partitions),
                              "no such topic");
        }
        if (const Status good = check_shape(*found, topic, options); !good) return good.error();
    }
    if (const Status good = check_settings(**admin, options, topics); !good) {
        return good.error();
    }
    const Result<std::vector<Fault>> faults = cluster_faults(**admin, *cluster, options, [] {});
    if (!faults) return faults.error();
    if (!faults->empty()) return faults->front();
    return options.shard_count;
}

Result<std::optional<Fault>> find_gone_topic(const KafkaLogOptions& options) {
    const Result<std::unique_ptr<Admin>> admin = options.client->open_admin(options.bootstrap);
    if (!admin) return admin.error();
    const Result<Cluster> cluster = cluster_of(**admin, options);
    if (!cluster) return cluster.error();
    for (const TopicPlan& topic : plan(options)) {
        if (find(*cluster, topic.name) != nullptr) continue;
        return std::optional(Fault{FaultCode::configuration,
                                   "topic " + topic.name + " is gone: " + options.bootstrap +
                                       " knows no such topic any more"});
    }
    return std::optional<Fault>();
}

Result<std::vector<Fault>> find_cluster_faults(const KafkaLogOptions& options,
                                               const std::function<void()>& heard) {
    const Result<std::unique_ptr<Admin>> admin = options.client->open_admin(options.bootstrap);
    if (!admin) return admin.error();
    const Result<Cluster> cluster = cluster_of(**admin, options);
    if (!cluster) return cluster.error();
    heard();
    return cluster_faults(**admin, *cluster, options, heard);
}

}  // namespace vouch::kafka
