#pragma once

#include "events/world/clock.h"
#include "tests/support/broker_reply.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// What brokers do about requests that come too late (KIP-890).
enum class TransactionProtocol : std::uint8_t {
    unverified,  ///< version 1 up to Kafka 3.5: whatever has the epoch is taken
    verified,    ///< version 1 since: a message only into a transaction that the coordinator knows
    bumped       ///< version 2: each transaction has an epoch of its own
};

/// Topic and partition; or a group, by its name, for what it has consumed.
using BrokerPlace = std::pair<std::string, std::int32_t>;
inline constexpr std::int32_t kGroupPlace = -1;

/// The transactions of all producers' names, as their coordinators keep them.
class MemoryCoordinator {
public:
    /// That a transaction is decided, for one of its places to write down.
    struct Mark {
        std::string name;
        BrokerPlace place;
        ProducerLife by;
        bool commits = false;
    };
    struct Life {
        Reply answer = Reply::done;
        ProducerLife life{};
    };

    explicit MemoryCoordinator(TransactionProtocol protocol) : protocol_(protocol) {}

    TransactionProtocol protocol() const { return protocol_; }

    /// InitProducerId: a new epoch. What is open is aborted first, and the client asks again.
    Life init(const std::string& name, std::chrono::milliseconds timeout);
    /// AddPartitionsToTxn, AddOffsetsToTxn. Begins a transaction when there is none.
    Reply add(const std::string& name, const ProducerLife& who,
               const std::set<BrokerPlace>& places, SteadyTime now);
    /// Whether a message that comes without a transaction in its place belongs to one.
    Reply verify(const std::string& name, const ProducerLife& who, const BrokerPlace& place,
                  SteadyTime now);
    /// EndTxn; the life that goes on.
    Life end(const std::string& name, const ProducerLife& who, bool commits);
    /// Ends by itself what is open for too long, which takes an epoch.
    void abort_overdue(SteadyTime now);
    /// When the next one will be; far away when nothing is open.
    SteadyTime next_overdue() const;
    void bump_epoch(const std::string& name);

    /// What is to be written since the last time.
    std::vector<Mark> take_marks() { return std::exchange(marks_, {}); }
    /// Only then does the name begin another transaction.
    void written(const Mark& mark);

private:
    enum class State : std::uint8_t { none, ongoing, ending, complete };
    struct Producer {
        ProducerLife life{};
        std::chrono::milliseconds timeout{};
        State state = State::none;
        bool commits = false;    ///< of one that is ending or complete
        bool was_bumped = false;  ///< by its end: the epoch before may ask for that again
        SteadyTime since{};
        std::set<BrokerPlace> places;  ///< of one that is ending: not written yet
    };

    void decide(const std::string& name, Producer& producer, bool commits);

    const TransactionProtocol protocol_;
    std::map<std::string, Producer> producers_;
    std::vector<Mark> marks_;
    std::int64_t ids_ = 0;
};

}  // namespace vouch::test
