#pragma once

#include "tests/support/broker_reply.h"
#include "tests/support/memory_coordinator.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace vouch::test {

/// A group of static members and what it has consumed, as its coordinator keeps them: the protocol
/// in which members join anew for each generation, and their leader's "range" shares out.
class MemoryGroup {
public:
    struct Member {
        std::string name;
        std::int64_t session_ms = 0;
        std::int64_t heard_ms = 0;
        bool has_joined = false;  ///< the generation that is being made
        bool was_told = false;    ///< which partitions it has
        std::set<std::int32_t> partitions;
    };
    using Offsets = std::map<BrokerPlace, std::int64_t>;

    std::int64_t generation() const { return generation_; }
    bool is_rebalancing() const { return is_rebalancing_; }
    const std::map<std::string, Member>& members() const { return members_; }

    /// JoinGroup of who has no name yet. An instance that the group knows has its place at once,
    /// in the same generation, and whoever had it is fenced.
    void join(const std::string& instance, const std::string& name, std::int64_t session_ms,
              std::int64_t now_ms);
    /// JoinGroup of a member, for the next generation.
    void join_again(const std::string& instance);
    /// Null when the group does not know it by that name.
    Member* find(const std::string& instance, const std::string& name);
    bool knows_instance(const std::string& instance) const { return members_.contains(instance); }
    /// Forgets who was not heard of for its session; true when somebody was forgotten.
    bool end_sessions(std::int64_t now_ms);
    void remove(const std::string& instance);
    /// As after a coordinator's start.
    void renew_sessions(std::int64_t now_ms);
    /// How many partitions the group's topics have.
    void set_partitions(std::size_t count) { partitions_ = count; }

    // --- What it has consumed

    /// By name and generation, as its member carries them.
    Reply check(const std::string& identity) const;
    /// TxnOffsetCommit: pending until the transaction is decided.
    Reply consume(const ProducerLife& by, const Offsets& offsets, const std::string& identity);
    void mark(const ProducerLife& by, bool commits);
    const Offsets& consumed() const { return offsets_; }
    void forget_consumed() { offsets_.clear(); }
    /// Of a topic that was deleted.
    void forget_topic(const std::string& topic);

private:
    struct Pending {
        std::int64_t epoch = 0;
        Offsets offsets;
    };

    void rebalance();
    void complete();

    std::int64_t generation_ = 0;
    bool is_rebalancing_ = false;
    std::size_t partitions_ = 0;
    std::map<std::string, Member> members_;  // by instance
    Offsets offsets_;
    std::map<std::int64_t, Pending> pending_;  // by producer
};

}  // namespace vouch::test
