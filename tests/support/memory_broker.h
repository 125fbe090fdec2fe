#pragma once

#include "events/log/kafka/client.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// A cluster of Kafka in memory, as far as the log needs one: partitions with transactions that
/// readers see once they are decided, producers' names with epochs, groups of static members with
/// sessions. MemoryKafka is how the log reaches it. Any thread or fibre; its time is steady_now,
/// and on fibres a call takes a moment of it.
class MemoryBroker {
public:
    // --- Faults, and what strangers do ------------------------------------------------------

    enum class CommitFault : std::uint8_t {
        done_and_not_answered,      ///< the transaction is committed
        not_done_and_not_answered,  ///< it stays open
        answered_twice              ///< its end was sent twice, and committed
    };
    /// The next transaction that comes to its end; several: one after the other.
    void fail_commit(CommitFault fault);
    /// Nothing is answered until it comes back. What it held is there then.
    void leave();
    void come_back();
    /// Nobody says where that partition ends, until leaders are found.
    void lose_leader(const std::string& topic, std::int32_t partition);
    void find_leaders();
    /// Nobody says any more what a broker's settings are.
    void hold_settings();
    /// The next look at the topic by each of so many readers meets this.
    void fail_reads(const std::string& topic, int times, const Fault& fault);
    /// A member is heard of no more, as if its session were over.
    void expire(const std::string& instance);
    /// The next poll of that member ends only after so long: its process was stopped.
    void stall(const std::string& instance, std::int64_t ms);
    /// The coordinator ends the name's transaction by itself, which takes an epoch.
    void bump_epoch(const std::string& transactional_name);
    /// Commits are answered and not shown, until marks are written.
    void hold_marks();
    void write_marks();

    std::int64_t put(const std::string& topic, std::int32_t partition, ByteView key,
                     ByteView payload);
    /// The end of a stranger's transaction.
    void put_mark(const std::string& topic, std::int32_t partition);
    /// One batch of so many that cannot be inflated.
    void put_unreadable(const std::string& topic, std::int32_t partition, int count);
    void trim(const std::string& topic, std::int32_t partition, std::int64_t before);
    /// The partition has lost what stood at `from` and behind it.
    void lose_end(const std::string& topic, std::int32_t partition, std::int64_t from);
    /// Deleted and made again, and what the group has consumed of it forgotten.
    void make_again(const std::string& topic);

    /// The payloads that readers see.
    std::vector<std::string> shown(const std::string& topic, std::int32_t partition);
    std::optional<std::int64_t> consumed(const std::string& group, const std::string& topic,
                                         std::int32_t partition);
    std::uint64_t take_overs() const { return take_overs_; }

private:
    friend class MemoryKafka;
    friend struct MemoryKafkaParts;

    struct Stored {
        Bytes key;
        Bytes payload;
    };
    enum class State : std::uint8_t { open, shown, hidden, unreadable };
    struct Entry {
        std::shared_ptr<const Stored> stored;  ///< null: a mark
        State state = State::hidden;
        std::int64_t batch = 0;  ///< of an unreadable one: the batch's first offset
    };
    struct Partition {
        std::int64_t first = 0;
        std::vector<Entry> entries;
        std::int64_t stable_end() const;
        std::int64_t high() const { return static_cast<std::int64_t>(entries.size()); }
    };
    struct Topic {
        std::vector<Partition> partitions;
        kafka::SettingsOf settings;
        std::uint32_t replicas = 1;
        int failing_reads = 0;
        Fault fault{};
    };
    using Place = std::pair<std::string, std::int32_t>;  // topic and partition
    struct Producer {
        std::int64_t epoch = 0;
        std::vector<std::pair<Place, std::size_t>> open;  ///< entries of its transaction
        SteadyTime since{};
    };
    struct Member {
        std::string name;
        std::int64_t session_ms = 0;
        std::int64_t heard_ms = 0;
        std::set<std::int32_t> partitions;
        std::deque<kafka::Assignment> news;
    };
    struct Group {
        std::int64_t generation = 0;
        std::map<std::string, Member> members;  // by instance
        std::map<Place, std::int64_t> offsets;
        std::string topic;  ///< which all are subscribed to
    };
    /// Where a reader stands.
    struct Reading {
        std::string topic;
        std::int32_t partition = 0;
        std::int64_t next = 0;
        std::int64_t told_end = -1;
    };
    struct Watch {
        Place place;
        std::function<void()> on_more;
    };

    // All under mutex_.
    Partition* find(const Place& place);
    std::int64_t append(const Place& place, Entry entry);
    void changed(const Place& place);
    void decide(Producer& producer, State state);
    void abort_overdue();
    Result<kafka::Polled> look(Reading& reading);
    void end_sessions();
    void share_out(Group& group);
    /// False when it stays away for so long.
    bool await_back(std::unique_lock<Mutex>& lock, std::int64_t timeout_ms);
    std::optional<CommitFault> take_commit_fault();

    Mutex mutex_;  ///< guards what follows
    Condition changed_;
    bool is_away_ = false;
    std::set<Place> leaderless_;
    bool hides_settings_ = false;
    bool holds_marks_ = false;
    std::vector<Producer> unmarked_;  ///< whose marks are held
    std::deque<CommitFault> commit_faults_;
    std::map<std::string, std::int64_t> stalls_;  // by instance
    std::map<std::string, Topic> topics_;
    std::map<std::string, Producer> producers_;
    std::map<std::string, Group> groups_;
    std::map<std::uint64_t, Watch> watches_;
    std::uint64_t ids_ = 0;
    std::uint64_t take_overs_ = 0;
};

}  // namespace vouch::test
