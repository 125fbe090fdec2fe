#include "tests/support/memory_kafka.h"

#include "events/world/clock.h"
#include "events/world/thread.h"
#include "tests/support/memory_kafka_parts.h"

#include <algorithm>
#include <chrono>
#include <mutex>

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
        return {};
    }
    void stop() override {}
    Result<Polled> next(int timeout_ms) override {
        MemoryKafkaParts::let_pass();
        const SteadyTime until = steady_now() + milliseconds(timeout_ms);
        std::unique_lock lock(broker_.mutex_);
        Result<Polled> polled = Polled{};
        broker_.changed_.wait_until(lock, until, [&] {
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
        return ask(topic, partition, timeout_ms, [](const auto& of) { return of.first; });
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
        if (!broker_.await_back(lock, timeout_ms)) return MemoryKafkaParts::not_answered(where);
        if (broker_.leaderless_.contains({topic, partition})) {
            lock.unlock();
            sleep_for(milliseconds(timeout_ms));
            return MemoryKafkaParts::not_answered(where);
        }
        const auto* const found = broker_.find({topic, partition});
        if (found == nullptr) return Fault{FaultCode::retriable, "no " + where};
        return bound(*found);
    }

    MemoryBroker& broker_;
};

// --- Writing ----------------------------------------------------------------------------------

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
        {
            std::unique_lock lock(broker_.mutex_);
            while (!broker_.await_back(lock, kLookMs)) {
                if (steady_now() >= until || patience_.is_over()) return MemoryKafkaParts::not_answered(where);
            }
        }
        return broker_.put(options_.topic, partition, {}, message);
    }
    bool is_finished() override { return false; }

private:
    static constexpr std::int64_t kLookMs = 100;

    MemoryBroker& broker_;
    const AppenderOptions options_;
    const Patience& patience_;
};

// --- The group --------------------------------------------------------------------------------

class MemoryKafkaParts::Member final : public GroupMember {
public:
    Member(MemoryBroker& broker, MemberOptions options)
        : broker_(broker), options_(std::move(options)) {}

    Status subscribe() override {
        const std::lock_guard lock(broker_.mutex_);
        is_subscribed_ = true;
        return {};
    }

    void poll(int timeout_ms, const std::function<bool(const Assignment&)>& take) override {
        await_stall();
        std::optional<Assignment> news;
        {
            std::unique_lock lock(broker_.mutex_);
            broker_.changed_.wait_for(lock, milliseconds(timeout_ms), [&] {
                news = broker_.is_away_ ? std::nullopt : listen();
                return news.has_value();
            });
        }
        if (news) (void)take(*news);
    }

    std::optional<Fault> fatal() override { return fatal_; }
    std::string name() override { return name_; }
    std::string identity() override {
        const std::lock_guard lock(broker_.mutex_);
        if (mine() == nullptr) return {};
        return name_ + "/" + std::to_string(group().generation);
    }

private:
    MemoryBroker::Group& group() { return broker_.groups_[options_.group]; }
    /// Null when the group does not know it by its name.
    MemoryBroker::Member* mine() {
        const auto found = group().members.find(options_.instance);
        if (name_.empty() || found == group().members.end()) return nullptr;
        return found->second.name == name_ ? &found->second : nullptr;
    }

    void await_stall() {
        std::int64_t ms = 0;
        {
            const std::lock_guard lock(broker_.mutex_);
            std::swap(ms, broker_.stalls_[options_.instance]);
        }
        if (ms > 0) sleep_for(milliseconds(ms));
    }

    void join() {
        const bool is_known = group().members.contains(options_.instance);
        MemoryBroker::Member& member = group().members[options_.instance];
        member.name = name_ = options_.instance + "-" + std::to_string(++broker_.ids_);
        member.session_ms = options_.session_ms;
        member.heard_ms = boot_time_ms();
        member.news.clear();
        group().topic = options_.topics.front();
        // A static member's place is its instance's: nothing is shared out anew.
        if (is_known) member.news.push_back({Assignment::Kind::given, member.partitions});
        else broker_.share_out(group());
    }

    /// Heartbeat and news.
    std::optional<Assignment> listen() {
        if (!is_subscribed_ || fatal_) return std::nullopt;
        if (name_.empty()) join();
        broker_.end_sessions();
        MemoryBroker::Member* const member = mine();
        if (member == nullptr) {
            const bool is_taken = group().members.contains(options_.instance);
            if (is_taken) fatal_ = Fault{FaultCode::fenced, "a newer member has its instance"};
            name_.clear();
            is_subscribed_ = false;
            return is_taken ? std::nullopt
                            : std::optional(Assignment{Assignment::Kind::lost, {}});
        }
        const std::int64_t now = boot_time_ms();
        member->heard_ms = now;
        *options_.proof_ms = now;
        if (member->news.empty()) return std::nullopt;
        Assignment news = std::move(member->news.front());
        member->news.pop_front();
        return news;
    }

    MemoryBroker& broker_;
    const MemberOptions options_;
    bool is_subscribed_ = false;
    std::string name_;
    std::optional<Fault> fatal_;
};

class MemoryKafkaParts::Offsets final : public GroupOffsets {
public:
    Offsets(MemoryBroker& broker, std::string group) : broker_(broker), group_(std::move(group)) {}

    Result<std::vector<std::optional<std::int64_t>>> committed(
        const std::vector<std::string>& topics, std::int32_t partition, int timeout_ms) override {
        {
            std::unique_lock lock(broker_.mutex_);
            if (!broker_.await_back(lock, timeout_ms))
                return MemoryKafkaParts::not_answered("what " + group_ + " has consumed is not known");
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
        if (!broker_.await_back(lock, timeout_ms)) return MemoryKafkaParts::not_answered("the cluster");
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
        if (!broker_.await_back(lock, timeout_ms)) return MemoryKafkaParts::not_answered("new topics");
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
        if (!broker_.await_back(lock, timeout_ms)) return MemoryKafkaParts::not_answered("settings");
        std::vector<SettingsOf> all;
        for (const std::string& name : topics) all.push_back(broker_.topics_.at(name).settings);
        return all;
    }
    Result<SettingsOf> broker_settings(std::int32_t, int timeout_ms) override {
        std::unique_lock lock(broker_.mutex_);
        if (!broker_.await_back(lock, timeout_ms)) return MemoryKafkaParts::not_answered("settings");
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
    return std::unique_ptr<GroupMember>(
        std::make_unique<MemoryKafkaParts::Member>(broker_, options));
}

Result<std::vector<ShownMember>> MemoryKafka::members(const std::string&, const std::string& group,
                                                      int timeout_ms) {
    std::unique_lock lock(broker_.mutex_);
    if (!broker_.await_back(lock, timeout_ms)) return MemoryKafkaParts::not_answered(group);
    std::vector<ShownMember> all;
    for (const auto& [instance, member] : broker_.groups_[group].members)
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
