#include "events/world/clock.h"
#include "events/world/thread.h"
#include "tests/support/memory_kafka_parts.h"

#include <chrono>
#include <mutex>
#include <utility>

namespace vouch::test {

using namespace kafka;
using std::chrono::milliseconds;

/// Its heartbeats go out while it is polled, and with its process they stop.
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
            const SteadyTime until = steady_now() + milliseconds(timeout_ms);
            (void)broker_.await(lock, until, [&] {
                if (!news && !broker_.is_away_) news = listen();
                return news.has_value();
            });
        }
        if (news) (void)take(*news);
    }

    std::optional<Fault> fatal() override { return fatal_; }
    std::string name() override { return name_; }
    std::string identity() override {
        if (name_.empty() || generation_ < 0) return {};
        return name_ + "/" + std::to_string(generation_);
    }

private:
    void await_stall() {
        std::int64_t ms = 0;
        {
            const std::lock_guard lock(broker_.mutex_);
            std::swap(ms, broker_.stalls_[options_.instance]);
            if (ms > 0) ++broker_.troubles_.stalls;
        }
        if (ms > 0) sleep_for(milliseconds(ms));
    }

    void join(MemoryGroup& group) {
        const auto topic = broker_.topics_.find(options_.topics.front());
        if (topic != broker_.topics_.end()) group.set_partitions(topic->second.partitions.size());
        name_ = options_.instance + "-" + std::to_string(++broker_.ids_);
        group.join(options_.instance, name_, options_.session_ms, boot_time_ms());
    }

    /// The group knows another one of its instance, or no member by its name any more. Without an
    /// assignment that would have to be given back first, librdkafka joins again by itself.
    std::optional<Assignment> lose(MemoryGroup& group) {
        const std::string before = std::exchange(name_, {});
        generation_ = -1;
        if (group.knows_instance(options_.instance)) {
            name_ = before;
            fatal_ = Fault{FaultCode::fenced, "a newer member has its instance"};
            return std::nullopt;
        }
        if (!std::exchange(has_assignment_, false)) {
            join(group);
            return std::nullopt;
        }
        is_subscribed_ = false;
        return Assignment{Assignment::Kind::lost, {}};
    }

    /// Heartbeat and news.
    std::optional<Assignment> listen() {
        if (!is_subscribed_ || fatal_) return std::nullopt;
        if (broker_.is_moving(options_.group)) return std::nullopt;
        MemoryGroup& group = broker_.groups_[options_.group];
        if (name_.empty()) join(group);
        if (broker_.happens(broker_.faults_.place_forgotten)) {
            group.remove(options_.instance);
            broker_.changed_.notify_all();
        }
        MemoryGroup::Member* const member = group.find(options_.instance, name_);
        if (member == nullptr) return lose(group);
        member->heard_ms = boot_time_ms();
        if (group.is_rebalancing()) {
            if (member->has_joined) return std::nullopt;
            // What it has goes back first; the next look joins.
            if (std::exchange(has_assignment_, false))
                return Assignment{Assignment::Kind::taken_back, {}};
            group.join_again(options_.instance);
            broker_.changed_.notify_all();
            if (group.is_rebalancing()) return std::nullopt;
        }
        *options_.proof_ms = member->heard_ms;
        if (member->was_told) return std::nullopt;
        if (std::exchange(has_assignment_, false))
            return Assignment{Assignment::Kind::taken_back, {}};
        member->was_told = has_assignment_ = true;
        generation_ = group.generation();
        return Assignment{Assignment::Kind::given, member->partitions};
    }

    MemoryBroker& broker_;
    const MemberOptions options_;
    bool is_subscribed_ = false;
    bool has_assignment_ = false;
    std::string name_;
    std::int64_t generation_ = -1;
    std::optional<Fault> fatal_;
};

std::unique_ptr<GroupMember> MemoryKafkaParts::open_member(MemoryBroker& broker,
                                                           const MemberOptions& options) {
    return std::make_unique<Member>(broker, options);
}

}  // namespace vouch::test
