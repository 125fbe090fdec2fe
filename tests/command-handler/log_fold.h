#pragma once

#include "command-handler/core/shard_state.h"
#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/command-handler/sample_commands.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::test {

/// Folds a shard's events as any reader could, verifying tags, links and numbers on the way;
/// versions are without gaps and ids have one outcome, or `faults` says otherwise.
class LogFold {
public:
    LogFold(const Deployment& deployment, const EpochKeys& keys, ShardId shard = ShardId(0))
        : deployment_(deployment), keys_(keys), shard_(shard) {}

    /// Takes in what the log has beyond what was read before.
    void read(LogReader& log);

    struct Decided {
        Outcome outcome = Outcome::malformed;
        RecordNumber record;
        EventNumber event;
    };
    struct Account {
        AccountId id;  ///< zero for a transit account
        LedgerId ledger;
        Change newest;
    };
    struct Record {
        Timestamp time;
        Term term;
        Epoch epoch;
        std::size_t bytes = 0;
        std::vector<std::string> events;  ///< "term", "sealed", "expired <hold>", "posted <id>",
                                          ///< "in_transit <id>", "followed posted <id>", …
        Offset next_command;
    };

    std::vector<Record> records;  ///< marks apart
    std::vector<Record> marks;
    std::vector<Account> accounts;
    std::map<std::pair<LedgerId, CommandId>, Decided> outcomes;
    std::map<std::pair<LedgerId, CommandId>, HoldState> holds;
    /// Commands that wait for another shard.
    std::map<std::pair<LedgerId, CommandId>, EventNumber> in_transit;
    /// Steps by the other shard: sent there, and taken from there.
    std::map<ShardId, std::uint64_t> steps_sent;
    std::map<ShardId, std::uint64_t> steps_taken;
    std::vector<std::string> faults;

    const Decided* find(std::uint64_t command, LedgerId ledger = LedgerId(0)) const;
    const Change* account(std::uint64_t number) const;
    /// Records that have an event of this text.
    std::size_t count(std::string_view event) const;
    /// Every account with its totals and every hold, one line each, for comparing whole books.
    std::string books() const;
    std::size_t event_count() const { return static_cast<std::size_t>(next_event_.value()); }

private:
    void read_record(const StoredRecord& stored);
    std::string take(const Event& event, RecordNumber record, EventNumber number);
    std::string take_of_steps(const Event& event, RecordNumber record, EventNumber number);
    void take_transit(const CommandInTransit& event, EventNumber number);
    std::string take_answer(const CommandAnswered& event, RecordNumber record, EventNumber number);
    void take_changes(std::span<const Change> changes);
    void take_outcome(const CommandDecided& decided, RecordNumber record, EventNumber number);

    const Deployment& deployment_;
    const EpochKeys& keys_;
    ShardId shard_;
    RecordNumber next_record_;
    EventNumber next_event_;
    Tag last_digest_{};
};

/// Everything in a shard's state, one line each, in order.
std::string render(const command_handler::ShardState& state);

}  // namespace vouch::test
