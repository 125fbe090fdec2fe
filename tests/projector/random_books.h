#pragma once

#include "events/entries/event.h"
#include "tests/projector/memory_log.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// Writes logs of random events of every kind, and keeps beside them, in plain maps and lists, what
/// anybody who asks must be told. Shares no code with the projector. The same for one seed.
///
/// Not a ledger: limits and freezes are not enforced, only totals and versions follow the rules.
class RandomBooks {
public:
    RandomBooks(std::uint32_t shards, std::uint64_t seed);

    struct Account {
        LedgerId ledger;
        AccountId id;
        ShardId shard;
        AccountNumber number;
        std::string name, chart_code, owner;
        Asset asset;
        AccountClass account_class = AccountClass::asset;
        std::uint8_t risk_class = 0;
        std::vector<std::pair<std::string, std::string>> metadata;
        EventNumber opened_event;
        Change newest;
        /// Of a transit account, which has no id: from where, to where.
        std::optional<std::pair<ShardId, ShardId>> transit;
    };
    /// A change of an account, as it happened.
    struct History {
        std::size_t account = 0;
        Change change;
        CommandId entry;  ///< meaningless unless the change is a posting
        EventNumber event;
        std::uint16_t index = 0;
        RecordNumber record;
        Timestamp time;
    };
    struct Seen {
        Outcome outcome = Outcome::malformed;
        ShardId shard;
        RecordNumber record;
        EventNumber event;
        Timestamp time;
        std::optional<CommandId> group;
        std::optional<AmountFact> available;
        std::string context;
        bool in_transit = false;                ///< no outcome yet
        std::optional<EventNumber> sent_event;  ///< of what crossed: the first of its events
    };
    struct Hold {
        std::size_t payer = 0;
        std::optional<std::size_t> payee;
        Amount placed;
        HoldState state;
        EventNumber last_event;
        bool crossed = false;
        bool in_transit = false;
    };
    struct Entry {
        ShardId shard;
        std::size_t debits = 0;
        std::vector<Posting> postings;
        bool reversed = false;
        std::vector<Amount> refunded;
        bool crossed = false;
        bool in_transit = false;
        bool is_back = false;  ///< a reversal or refund of what crossed
    };
    using Key = std::pair<LedgerId, CommandId>;
    /// A command between two shards, and how far it has come.
    struct Crossing {
        enum class Stage { sent, followed, done };
        Stage stage = Stage::sent;
        Command command;
        std::size_t payer = 0, payee = 0;
        ShardId from, to;
        Amount sent, taken;
        bool is_hold = false, may_take_less = false, makes_entry = false;
        CommandId hold;               ///< of a capture
        std::optional<Key> original;  ///< of a reversal or refund
        Outcome answer = Outcome::malformed;
        RecordNumber sent_record, followed_record;
    };

    /// Adds one random event to a random shard, or ends a record. Accounts are opened first.
    void step();
    /// Ends every shard's record.
    void seal_all();

    MemoryLog log;
    TestDeployment deployment;
    std::vector<Account> accounts;
    std::vector<History> history;  ///< in the order of writing, which is that of (time, shard,
                                   ///< event) within a shard only
    std::map<Key, Seen> seen;
    std::map<Key, Hold> holds;
    std::map<Key, Entry> entries;
    std::vector<Crossing> crossings;
    std::uint64_t kinds = 0;  ///< a bit for each kind of event written

    /// Of an account that is there.
    std::size_t index_of(LedgerId ledger, AccountId id) const;

    Timestamp now() const { return now_; }
    std::mt19937_64& random() { return random_; }

private:
    friend class ChangeMaker;
    friend class EventMaker;
    friend class CrossingMaker;
    /// An account that is not opened yet: no shard, no number.
    Account invent_account();
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    CommandId new_id() { return {random_(), random_()}; }

    std::mt19937_64 random_;
    std::vector<std::unique_ptr<RecordWriter>> writers_;
    std::vector<std::uint32_t> next_number_;
    std::uint64_t batches_ = 0;  // of steps
    Timestamp now_{1'767'225'600'000'000};
};

/// Books after so many steps, all sealed.
std::unique_ptr<RandomBooks> random_books(std::uint64_t seed, int steps, std::uint32_t shards = 1);

}  // namespace vouch::test
