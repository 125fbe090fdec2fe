#include "tests/support/memory_kafka.h"

#include "events/world/clock.h"
#include "events/world/thread.h"
#include "tests/support/memory_kafka_parts.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <set>

namespace vouch::test {

using namespace kafka;
using std::chrono::milliseconds;

// --- Reading ----------------------------------------------------------------------------------

class MemoryKafkaParts::Reader final : public PartitionReader {
public:
    Reader(MemoryBroker& broker, std::string topic) : broker_(broker) {
        reading_.topic = std::move(topic);
    }
    Status start(std::int32_t partition, std::int64_t offset) override {
        reading_.partition = partition;
        reading_.next = offset;
        reading_.told_end = -1;
        reading_.held_until = {};
        return {};
    }
    void stop() override {}
    Result<Polled> next(int timeout_ms) override {
        MemoryKafkaParts::let_pass();
        const SteadyTime until = steady_now() + milliseconds(timeout_ms);
        std::unique_lock lock(broker_.mutex_);
        Result<Polled> polled = Polled{};
        (void)broker_.await(lock, until, [&] {
            if (!broker_.is_away_) polled = broker_.look(reading_);
            return !polled || polled->kind != Polled::Kind::nothing;
        });
        return polled;
    }

private:
    MemoryBroker& broker_;
    MemoryBroker::Reading reading_;
};

class MemoryKafkaParts::Fetch final : public InputFetch {
public:
    Fetch(MemoryBroker& broker, const std::string& topic, std::int32_t partition,
          std::function<void()> on_more)
        : broker_(broker), on_more_(std::move(on_more)) {
        reading_.topic = topic;
        reading_.partition = partition;
    }
    ~Fetch() override { Fetch::stop(); }
    Fetch(const Fetch&) = delete;

    Status start(std::int64_t offset) override {
        stop();
        const std::lock_guard lock(broker_.mutex_);
        reading_.next = offset;
        reading_.told_end = -1;
        reading_.held_until = {};
        watch_ = ++broker_.ids_;
        broker_.watches_[watch_] = {{reading_.topic, reading_.partition}, on_more_};
        return {};
    }
    void stop() override {
        const std::lock_guard lock(broker_.mutex_);
        broker_.watches_.erase(watch_);
    }
    Result<Polled> next() override {
        MemoryKafkaParts::let_pass();
        const std::lock_guard lock(broker_.mutex_);
        if (broker_.is_away_) return Polled{};
        broker_.go_on();
        return broker_.look(reading_);
    }
    bool has_more() override {
        const std::lock_guard lock(broker_.mutex_);
        if (broker_.is_away_) return false;
        MemoryBroker::Reading ahead = reading_;
        const Result<Polled> polled = broker_.look(ahead);
        return !polled || polled->kind != Polled::Kind::nothing;
    }

private:
    MemoryBroker& broker_;
    const std::function<void()> on_more_;
    MemoryBroker::Reading reading_;
    std::uint64_t watch_ = 0;
};

class MemoryKafkaParts::Inputs final : public InputConsumer {
public:
    explicit Inputs(MemoryBroker& broker) : broker_(broker) {}
    std::unique_ptr<InputFetch> fetch(const std::string& topic, std::int32_t partition,
                                      std::function<void()> on_more) override {
        return std::make_unique<Fetch>(broker_, topic, partition, std::move(on_more));
    }

private:
    MemoryBroker& broker_;
};

class MemoryKafkaParts::Bounds final : public Watermarks {
public:
    explicit Bounds(MemoryBroker& broker) : broker_(broker) {}
    Result<std::int64_t> first(const std::string& topic, std::int32_t partition,
                               int timeout_ms) override {
        return ask(topic, partition, timeout_ms, [](const auto& of) { return of.first(); });
    }
    Result<std::int64_t> stable_end(const std::string& topic, std::int32_t partition,
                                    int timeout_ms) override {
        return ask(topic, partition, timeout_ms, [](const auto& of) { return of.stable_end(); });
    }
    Result<std::int64_t> high(const std::string& topic, std::int32_t partition,
                              int timeout_ms) override {
        return ask(topic, partition, timeout_ms, [](const auto& of) { return of.high(); });
    }

private:
    template <class Bound>
    Result<std::int64_t> ask(const std::string& topic, std::int32_t partition, int timeout_ms,
                             const Bound& bound) {
        MemoryKafkaParts::let_pass();
        std::unique_lock lock(broker_.mutex_);
        const std::string where = topic + " partition " + std::to_string(partition);
        const SteadyTime until = steady_now() + milliseconds(timeout_ms);
        const Reply answer = broker_.ask(lock, MemoryBroker::Request::question, until, [&] {
            const bool is_led = broker_.has_leader({topic, partition});
            return is_led ? Reply::done : Reply::not_leader;
        });
        if (answer != Reply::done) return MemoryKafkaParts::not_answered(where);
        const auto* const found = broker_.find({topic, partition});
        if (found == nullptr) return Fault{FaultCode::retriable, "no " + where};
        return bound(*found);
    }

    MemoryBroker& broker_;
};

// --- Writing ----------------------------------------------------------------------------------

/// A message of a partition is on its way only when the one before has arrived.
class MemoryKafkaParts::Sender final : public Appender {
public:
    Sender(MemoryBroker& broker, AppenderOptions options, const Patience& patience)
        : broker_(broker), options_(std::move(options)), patience_(patience) {}

    Result<std::int64_t> append(std::int32_t partition, ByteView message) override {
        const std::string where = options_.topic + " partition " + std::to_string(partition);
        if (message.size() > static_cast<std::size_t>(kMessageBytesMax)) {
            return Fault{FaultCode::storage,
                         where + ": a batch of " + std::to_string(message.size()) +
                             " bytes is too large, at most " + std::to_string(kMessageBytesMax)};
        }
        MemoryKafkaParts::let_pass();
        const SteadyTime until = steady_now() + milliseconds(options_.delivery_ms);
        std::unique_lock lock(broker_.mutex_);
        const bool is_first = broker_.await(lock, until, [&] {
            return !under_way_.contains(partition) || patience_.is_over();
        });
        if (!is_first || patience_.is_over()) return MemoryKafkaParts::not_answered(where);
        under_way_.insert(partition);
        const Result<std::int64_t> offset = send(lock, where, partition, message, until);
        under_way_.erase(partition);
        broker_.changed_.notify_all();
        return offset;
    }
    bool is_finished() override { return false; }

private:
    static constexpr milliseconds kLook{100};

    /// One that was given up may be there nevertheless: those behind it have another producer's
    /// numbers, as librdkafka's have.
    Result<std::int64_t> send(std::unique_lock<Mutex>& lock, const std::string& where,
                              std::int32_t partition, ByteView message, SteadyTime until) {
        if (sender_.life.id < 0)
            sender_ = {{kIdsFrom + static_cast<std::int64_t>(++broker_.ids_), 0}, {}};
        const MemoryBroker::Place place(options_.topic, partition);
        const MemoryPartition::Entry entry{
            std::make_shared<MemoryPartition::Message>(Bytes{},
                                                       Bytes(message.begin(), message.end())),
            MemoryPartition::State::shown, 0, sender_.life, sender_.sequences[place]++, false};
        const auto offset = std::make_shared<std::int64_t>(-1);
        MemoryBroker& broker = broker_;
        const auto request = [&broker, place, entry, offset] {
            const auto appended = broker.produce("", place, entry);
            *offset = appended.offset;
            return appended.answer;
        };
        Reply answer = Reply::unanswered;
        while (answer == Reply::unanswered && steady_now() < until && !patience_.is_over())
            answer = broker.ask(lock, MemoryBroker::Request::append,
                                std::min(until, steady_now() + kLook), request);
        if (answer == Reply::done) return *offset;
        sender_.life = {};
        if (answer == Reply::unanswered) return MemoryKafkaParts::not_answered(where);
        return Fault{FaultCode::retriable, where + ": " + name_of(answer)};
    }

    /// Behind those of transactions.
    static constexpr std::int64_t kIdsFrom = std::int64_t{1} << 32;

    MemoryBroker& broker_;
    const AppenderOptions options_;
    const Patience& patience_;
    MemoryBroker::Sender sender_;
    std::set<std::int32_t> under_way_;
};

// --- The group --------------------------------------------------------------------------------

class MemoryKafkaParts::Offsets final : public GroupOffsets {
public:
    Offsets(MemoryBroker& broker, std::string group) : broker_(broker), group_(std::move(group)) {}

    Result<std::vector<std::optional<std::int64_t>>> committed(
        const std::vector<std::string>& topics, std::int32_t partition, int timeout_ms) override {
        {
            std::unique_lock lock(broker_.mutex_);
            const SteadyTime until = steady_now() + milliseconds(timeout_ms);
            const Reply answer = broker_.ask(lock, MemoryBroker::Request::question, until, [&] {
                return broker_.is_moving(group_) ? Reply::not_coordinator : Reply::done;
            });
            if (answer != Reply::done)
                return MemoryKafkaParts::not_answered("what " + group_ +
                                                      " has consumed is not known");
        }
        std::vector<std::optional<std::int64_t>> offsets;
        for (const std::string& topic : topics)
            offsets.push_back(broker_.consumed(group_, topic, partition));
        return offsets;
    }

private:
    MemoryBroker& broker_;
    const std::string group_;
};

// --- The cluster ------------------------------------------------------------------------------

class MemoryKafkaParts::Cluster final : public Admin {
public:
    explicit Cluster(MemoryBroker& broker) : broker_(broker) {}

    Result<kafka::Cluster> cluster(int timeout_ms) override {
        std::unique_lock lock(broker_.mutex_);
        if (!broker_.await_back(lock, timeout_ms))
            return MemoryKafkaParts::not_answered("the cluster");
        kafka::Cluster all{.brokers = {1}, .topics = {}};
        for (const auto& [name, topic] : broker_.topics_) {
            ShownTopic& shown = all.topics[name];
            for (std::size_t i = 0; i < topic.partitions.size(); ++i)
                shown.partitions.push_back({static_cast<std::int32_t>(i), topic.replicas});
        }
        return all;
    }
    Status make_topics(const std::vector<NewTopic>& topics, int timeout_ms) override {
        std::unique_lock lock(broker_.mutex_);
        if (!broker_.await_back(lock, timeout_ms))
            return MemoryKafkaParts::not_answered("new topics");
        for (const NewTopic& each : topics) {
            const auto [made, is_new] = broker_.topics_.try_emplace(each.name);
            if (!is_new) continue;
            made->second.partitions.resize(each.partitions);
            made->second.settings.insert(each.settings.begin(), each.settings.end());
            made->second.replicas = each.replicas;
        }
        return {};
    }
    Result<std::vector<SettingsOf>> topic_settings(const std::vector<std::string>& topics,
                                                   int timeout_ms) override {
        std::unique_lock lock(broker_.mutex_);
        if (!broker_.await_back(lock, timeout_ms))
            return MemoryKafkaParts::not_answered("settings");
        std::vector<SettingsOf> all;
        for (const std::string& name : topics) {
            const auto topic = broker_.topics_.find(name);
            if (topic == broker_.topics_.end())
                return Fault{FaultCode::configuration, name + ": there is no such topic"};
            all.push_back(topic->second.settings);
        }
        return all;
    }
    Result<SettingsOf> broker_settings(std::int32_t, int timeout_ms) override {
        std::unique_lock lock(broker_.mutex_);
        if (!broker_.await_back(lock, timeout_ms))
            return MemoryKafkaParts::not_answered("settings");
        if (broker_.hides_settings_) {
            lock.unlock();
            sleep_for(milliseconds(timeout_ms));
            return MemoryKafkaParts::not_answered("settings");
        }
        return SettingsOf{{"transaction.max.timeout.ms", "60000"},
                          {"transaction.state.log.replication.factor", "3"},
                          {"transaction.state.log.min.isr", "2"},
                          {"offsets.topic.replication.factor", "3"},
                          {"min.insync.replicas", "2"}};
    }

private:
    MemoryBroker& broker_;
};

// --- All of them ------------------------------------------------------------------------------

Result<std::unique_ptr<PartitionReader>> MemoryKafka::open_reader(const std::string&,
                                                                  const std::string& topic,
                                                                  ReadAhead) {
    return std::unique_ptr<PartitionReader>(
        std::make_unique<MemoryKafkaParts::Reader>(broker_, topic));
}

Result<std::unique_ptr<InputConsumer>> MemoryKafka::open_inputs(const std::string&) {
    return std::unique_ptr<InputConsumer>(std::make_unique<MemoryKafkaParts::Inputs>(broker_));
}

Result<std::unique_ptr<Watermarks>> MemoryKafka::open_watermarks(const std::string&) {
    return std::unique_ptr<Watermarks>(std::make_unique<MemoryKafkaParts::Bounds>(broker_));
}

Result<std::unique_ptr<Appender>> MemoryKafka::open_appender(const AppenderOptions& options,
                                                             const Patience& patience) {
    return std::unique_ptr<Appender>(
        std::make_unique<MemoryKafkaParts::Sender>(broker_, options, patience));
}

Result<std::unique_ptr<Transactions>> MemoryKafka::open_transactions(
    const KafkaLogOptions& options, ShardId shard) {
    return MemoryKafkaParts::open_transactions(broker_, options, shard);
}

Result<std::unique_ptr<GroupMember>> MemoryKafka::open_member(const std::string&,
                                                              const MemberOptions& options) {
    return MemoryKafkaParts::open_member(broker_, options);
}

Result<std::vector<ShownMember>> MemoryKafka::members(const std::string&, const std::string& group,
                                                      int timeout_ms) {
    std::unique_lock lock(broker_.mutex_);
    const SteadyTime until = steady_now() + milliseconds(timeout_ms);
    const Reply answer = broker_.ask(lock, MemoryBroker::Request::question, until, [&] {
        return broker_.is_moving(group) ? Reply::not_coordinator : Reply::done;
    });
    if (answer != Reply::done) return MemoryKafkaParts::not_answered(group);
    std::vector<ShownMember> all;
    for (const auto& [instance, member] : broker_.groups_[group].members())
        all.push_back({member.name, instance, "a host"});
    return all;
}

Result<std::unique_ptr<GroupOffsets>> MemoryKafka::open_group_offsets(const std::string&,
                                                                      const std::string& group) {
    return std::unique_ptr<GroupOffsets>(
        std::make_unique<MemoryKafkaParts::Offsets>(broker_, group));
}

Result<std::unique_ptr<Admin>> MemoryKafka::open_admin(const std::string&) {
    return std::unique_ptr<Admin>(std::make_unique<MemoryKafkaParts::Cluster>(broker_));
}

}  // namespace vouch::test
