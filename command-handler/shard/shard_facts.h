#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/shard/open_record.h"
#include "command-handler/shard/recent_facts.h"
#include "command-handler/shard/seen_filter.h"
#include "command-handler/shard/shard_store.h"
#include "events/entries/arena.h"
#include "events/log/verified_reader.h"
#include "events/world/condition.h"
#include "events/world/thread.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::command_handler {

/// Everything a shard knows of the past: a filter over all facts, the recent ones in memory, the
/// others in the shard store, and the events themselves in open records or the log.
///
/// Facts of records that are not durable are in memory alone and can be taken back, newest first.
/// Durable ones go to the store a generation at a time, written by a thread of its own.
/// All other calls: the shard's thread.
class ShardFacts final : public FactSource {
public:
    /// `generation_facts`: as many are handed to the store at a time.
    ShardFacts(ShardId shard, VerifiedReader& past, ShardStore& store,
               std::size_t generation_facts);
    ~ShardFacts() override;

    // --- FactSource. A fault of log or store is kept in `fault`; the answer is then not to be
    // used.
    std::optional<PastCommand> find_command(LedgerId ledger, CommandId id) override;
    std::optional<HoldState> find_closed_hold(LedgerId ledger, CommandId hold) override;
    std::optional<EntryState> find_entry_state(const EntryKey& entry) override;
    Amount find_refunded(const EntryKey& entry, std::uint32_t posting) override;
    std::optional<StepFollowed> find_followed_entry(LedgerId ledger, CommandId entry) override;

    /// The first fault met while answering; the shard must stop.
    const std::optional<Fault>& fault() const { return fault_; }
    /// Answers given so far are no longer needed.
    void forget_answers() override { arena_.clear(); }

    // --- The filter, to be prefetched over a batch.
    std::uint64_t hash_of_command(LedgerId ledger, CommandId id) const {
        return fact_hash({FactKind::command, ledger, id});
    }
    void prefetch(std::uint64_t hash) const {
        filter_.prefetch(hash);
        generations_.back()->map.prefetch(hash);
    }
    bool may_be_seen(std::uint64_t hash) const { return filter_.may_contain(hash); }
    /// Any thread: whoever was told of something that made the fact known finds it here.
    bool may_know(const FactKey& key) const { return filter_.may_contain(fact_hash(key)); }
    /// Of a fact that the store holds, while starting.
    void add_to_filter(const FactKey& key) { filter_.insert(fact_hash(key)); }

    // --- Records
    /// The record whose events can be read though it is not in the log yet; oldest first.
    void begin_record(const OpenRecord& record) { open_.push_back(&record); }
    /// Adds what an event at `locator` makes known to the record's facts.
    void add(const CommandDecided& event, const Locator& locator, std::vector<AddedFact>& added);
    void add(const CommandInTransit& event, const Locator& locator, std::vector<AddedFact>& added);
    void add(const CommandAnswered& event, const Locator& locator, std::vector<AddedFact>& added);
    void add(const StepFollowed& event, const Locator& locator, std::vector<AddedFact>& added);
    void add(const HoldExpired& event, const Locator& locator, std::vector<AddedFact>& added);
    /// Of any event; most make nothing known.
    void add_any(const Event& event, const Locator& locator, std::vector<AddedFact>& added);
    /// Takes back what a record added, but the first `keep`.
    void undo(OpenRecord& record, std::size_t keep);
    /// The newest record is taken back, or was empty.
    void drop_newest_record() { open_.pop_back(); }
    /// The oldest record is durable: its facts may go to the store.
    void oldest_is_durable(const OpenRecord& record);
    /// While starting: facts of a record that is in the log.
    void add_durable(std::vector<AddedFact>& added, const StorePosition& position);

    /// Hands a full generation to the store, if the one before is written. Between two records.
    Status rotate();
    /// Writes everything durable to the store, and waits.
    Status flush();

    std::size_t recent() const;
    std::size_t bytes() const { return filter_.bytes(); }

    /// Generations in memory at most: then the shard waits for the store.
    static constexpr std::size_t kGenerationsMax = 3;

private:
    struct Generation {
        FactMap map;
        std::size_t durable_facts = 0;
        std::size_t open_facts = 0;  ///< of records that are not durable
        StorePosition position;      ///< behind the last durable record of this generation
        RecordNumber end;  ///< first record that belongs to the next generation, once closed
        bool is_closed = false;
    };

    std::optional<Locator> locate(const FactKey& key);
    std::optional<EntryState> read_entry_state(CommandId entry, const Locator& locator);
    void add_entry(const EntryKey& key, const EntryState& entry, const Locator& locator,
                   std::vector<AddedFact>& added);
    std::string record_text(RecordNumber record) const;
    Generation& generation_of(RecordNumber record);
    /// The event's bytes, copied into the arena.
    std::optional<std::span<const std::byte>> read_event(const Locator& locator);
    std::optional<Event> decode(const Locator& locator);
    std::optional<PastCommand> crossed(const CommandInTransit& sent, const Locator& locator);
    /// A fault: the event is not what the locator was made for.
    std::nullopt_t not_in(const Locator& locator, const char* what);
    void put(const FactKey& key, const Locator& locator, std::vector<AddedFact>& added);
    void close_generation(RecordNumber end);
    bool can_write_oldest() const;
    void start_write();
    bool write_is_done();
    void write_loop();

    ShardId shard_;
    VerifiedReader& past_;
    ShardStore& store_;
    std::size_t generation_facts_;
    SeenFilter filter_;
    std::deque<std::unique_ptr<Generation>>
        generations_;  // oldest first; the last one takes new facts
    std::vector<std::unique_ptr<Generation>> spare_generations_;  // emptied, kept for their memory
    std::deque<const OpenRecord*> open_;
    Arena arena_;
    Bytes scratch_;
    std::optional<Fault> fault_;

    // The writing thread and what it is given. `writing_` is not changed by the shard's thread
    // while `write_state_` is busy.
    enum class WriteState { idle, busy, done };
    Mutex mutex_;
    Condition wake_;
    WriteState write_state_ = WriteState::idle;
    bool stopping_ = false;
    Status write_status_;
    bool is_store_full_ = false;  ///< its disk had no room for the last write
    Generation* writing_ = nullptr;
    Thread writer_;
};

}  // namespace vouch::command_handler
