#pragma once

#include "events/log/kafka/client.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "tests/support/broker_faults.h"
#include "tests/support/memory_coordinator.h"
#include "tests/support/memory_group.h"
#include "tests/support/memory_partition.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// A cluster of Kafka in memory, as far as the log needs one: partitions with transactions that
/// readers see once they are decided, producers' names with epochs, groups of static members with
/// sessions. MemoryKafka is how the log reaches it. Any thread or fibre; its time is steady_now,
/// and on fibres a call takes a moment of it. What has its time happens when somebody asks next.
class MemoryBroker {
public:
    explicit MemoryBroker(TransactionProtocol protocol = TransactionProtocol::verified,
                          std::uint64_t seed = 0)
        : coordinator_(protocol), random_(seed) {}
    MemoryBroker(const MemoryBroker&) = delete;

    // --- Faults ----------------------------------------------------------------------------

    /// Drawn from the seed, from now on.
    void set_faults(const BrokerFaults& faults);

    enum class Request : std::uint8_t {
        init,     ///< InitProducerId
        add,      ///< AddPartitionsToTxn, AddOffsetsToTxn
        produce,  ///< of a transaction
        consume,  ///< TxnOffsetCommit
        end,      ///< EndTxn
        append,   ///< Produce without a transaction
        question  ///< whatever changes nothing
    };
    enum class Fate : std::uint8_t {
        answered,
        answer_lost,   ///< done
        request_lost,  ///< not done
        late           ///< done after a while, beside what is sent again
    };
    struct Met {
        Fate fate = Fate::answered;
        bool is_silent = false;  ///< the client waits for all of its time, and sends nothing again
        std::int64_t late_us = 0;
    };
    /// The next such request; several: one after the other.
    void meet(Request request, const Met& met);

    enum class CommitFault : std::uint8_t {
        done_and_not_answered,      ///< the transaction is committed
        not_done_and_not_answered,  ///< it stays open
        answered_twice              ///< its end was sent twice; the copy arrives in the next one
    };
    /// The next transaction that comes to its end; several: one after the other.
    void fail_commit(CommitFault fault);
    /// Nothing is answered until it comes back. What it held is there then.
    void leave();
    void come_back();
    /// Nobody says where that partition ends, or takes messages for it, until leaders are found.
    void lose_leader(const std::string& topic, std::int32_t partition);
    void find_leaders();
    /// The coordinator of a producer's name or a group is another broker's after so long.
    void move_coordinator(const std::string& of, std::int64_t ms);
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
    /// Commits are answered and not shown, until marks are written: all, or one partition's.
    void hold_marks();
    void write_marks();
    void write_mark(const std::string& topic, std::int32_t partition);
    /// What becomes of the next message to that partition, once it was taken.
    enum class Spoil : std::uint8_t {
        lost,
        twice,  ///< a copy stands behind it
        late    ///< it stands behind what came after it
    };
    void spoil_next(const std::string& topic, std::int32_t partition, Spoil spoil,
                    std::chrono::microseconds late);
    /// What the group has consumed is too old to be kept.
    void expire_consumed(const std::string& group);

    /// How often somebody has met what is wrong, so far.
    struct Troubles {
        std::uint64_t away = 0;   ///< requests while nobody answers
        std::uint64_t drawn = 0;  ///< of BrokerFaults
        std::map<CommitFault, std::uint64_t> commits{};
        std::uint64_t leaderless = 0;  ///< requests
        std::uint64_t marks_held = 0;
        std::uint64_t stalls = 0;
        std::uint64_t expired = 0;  ///< members
        std::uint64_t spoiled = 0;  ///< messages
    };
    Troubles troubles();

    // --- What strangers do, and the topics' owners ----------------------------------------------

    std::int64_t put(const std::string& topic, std::int32_t partition, ByteView key,
                     ByteView payload);
    /// In a transaction of the name's, which is begun if it is not open.
    std::int64_t put_open(const std::string& transactional_name, const std::string& topic,
                          std::int32_t partition, ByteView key, ByteView payload);
    /// False when the brokers refuse it.
    bool end_open(const std::string& transactional_name, bool commits);
    /// The end of a stranger's transaction.
    void put_mark(const std::string& topic, std::int32_t partition);
    /// One batch of so many that cannot be inflated.
    void put_unreadable(const std::string& topic, std::int32_t partition, int count);
    /// As retention does, also under who reads there.
    void trim(const std::string& topic, std::int32_t partition, std::int64_t before);
    /// An unclean election: the partition has lost what stood at `from` and behind it.
    void lose_end(const std::string& topic, std::int32_t partition, std::int64_t from);
    void delete_topic(const std::string& topic);
    /// Deleted and made again, and what the group has consumed of it forgotten.
    void make_again(const std::string& topic);

    // --- What is there ----------------------------------------------------------------------

    /// The payloads that readers see.
    std::vector<std::string> shown(const std::string& topic, std::int32_t partition);
    /// All that stand there, those of aborted transactions too.
    std::vector<MemoryPartition::Message> written(const std::string& topic,
                                                  std::int32_t partition);
    std::int64_t stable_end(const std::string& topic, std::int32_t partition);
    std::optional<std::int64_t> consumed(const std::string& group, const std::string& topic,
                                         std::int32_t partition);
    std::uint64_t take_overs() const { return take_overs_; }

private:
    friend class MemoryKafka;
    friend struct MemoryKafkaParts;

    using Place = BrokerPlace;
    using Lock = std::unique_lock<Mutex>;
    using Entry = MemoryPartition::Entry;
    using State = MemoryPartition::State;

    struct Topic {
        std::vector<MemoryPartition> partitions;
        kafka::SettingsOf settings;
        std::uint32_t replicas = 1;
        int failing_reads = 0;
        Fault fault{};
    };
    /// Where a reader stands.
    struct Reading {
        std::string topic;
        std::int32_t partition = 0;
        std::int64_t next = 0;
        std::int64_t told_end = -1;
        SteadyTime held_until{};  ///< the answer to its next fetch
    };
    struct Spoiling {
        Spoil spoil = Spoil::lost;
        std::chrono::microseconds late{};
    };
    struct Watch {
        Place place;
        std::function<void()> on_more;
    };
    struct Sender {
        ProducerLife life{};
        std::map<Place, std::int64_t> sequences;
    };
    /// How often a request was sent, and answered.
    struct Count {
        std::int64_t sent = 0;
        std::int64_t answered = 0;
    };
    using Work = std::function<Reply()>;

    // All under mutex_.
    MemoryPartition* find(const Place& place);
    void changed(const Place& place);
    /// Whoever watches what has changed; a process may die meanwhile, so all else is done before.
    void tell();
    Result<kafka::Polled> look(Reading& reading);

    // What is asked of it.
    MemoryCoordinator::Life init(const std::string& name, std::int64_t timeout_ms);
    Reply add(const std::string& name, const ProducerLife& who, const std::set<Place>& places);
    MemoryPartition::Appended produce(const std::string& name, const Place& place, Entry entry);
    void spoil(const Place& place, std::int64_t offset);
    Reply consume(const std::string& name, const ProducerLife& who, const std::string& group,
                   const MemoryGroup::Offsets& offsets, const std::string& identity);
    MemoryCoordinator::Life end(const std::string& name, const ProducerLife& who, bool commits);
    /// The request arrives once more, within the name's next transaction.
    void end_again_later(const std::string& name, Work end);
    void settle_marks();
    void write(const MemoryCoordinator::Mark& mark);

    // How requests travel.
    /// As librdkafka sends it: again after a cut, and after an answer that asks for it, until there
    /// is another answer or the time is over. The request may be done after this has returned:
    /// it borrows nothing.
    Reply ask(Lock& lock, Request kind, SteadyTime until, const Work& request,
               Count* count = nullptr);
    Met draw_fate(Request kind);
    bool happens(std::uint32_t of_a_million);
    std::chrono::microseconds draw_time(std::uint32_t us_max);
    bool is_moving(const std::string& coordinated);
    bool has_leader(const Place& place);
    /// Notes who meets that nobody answers.
    bool is_there();
    void do_later(std::chrono::microseconds time, std::function<void()> what);
    SteadyTime now() const { return now_ ? *now_ : steady_now(); }
    SteadyTime next_due() const;
    /// What has its time by now.
    void go_on();
    /// Until it is so, or the time is over.
    template <class Predicate>
    bool await(Lock& lock, SteadyTime until, Predicate is_so) {
        while (true) {
            if (!is_away_) go_on();
            if (is_so()) return true;
            const SteadyTime now = steady_now();
            if (now >= until) return false;
            const SteadyTime next = is_away_ ? until : std::min(until, next_due());
            changed_.wait_for(lock, std::chrono::ceil<std::chrono::microseconds>(next - now));
        }
    }
    /// False when it stays away for so long.
    bool await_back(Lock& lock, std::int64_t timeout_ms);
    std::optional<CommitFault> take_commit_fault();

    Mutex mutex_;  ///< guards what follows
    Condition changed_;
    MemoryCoordinator coordinator_;
    std::mt19937_64 random_;
    BrokerFaults faults_{};
    Troubles troubles_;
    std::optional<SteadyTime> now_;  ///< of what happens in go_on
    std::map<Request, std::deque<Met>> met_;
    std::multimap<SteadyTime, std::function<void()>> later_;
    std::map<std::string, std::vector<Work>> ends_again_;  // by producer's name
    bool is_away_ = false;
    std::map<Place, SteadyTime> leaderless_;  // until when
    std::map<std::string, SteadyTime> moving_;
    bool hides_settings_ = false;
    bool holds_marks_ = false;
    std::vector<MemoryCoordinator::Mark> held_marks_;
    std::deque<CommitFault> commit_faults_;
    std::map<Place, Spoiling> spoils_;
    std::map<std::string, std::int64_t> stalls_;  // by instance
    std::map<std::string, Topic> topics_;
    std::map<std::string, Sender> strangers_;
    std::map<std::string, MemoryGroup> groups_;
    std::map<std::uint64_t, Watch> watches_;
    std::set<std::uint64_t> to_tell_;  // of watches_
    std::uint64_t ids_ = 0;
    std::uint64_t take_overs_ = 0;
};

}  // namespace vouch::test
