#pragma once

#include "command-handler/shard/fact_map.h"
#include "command-handler/shard/fact_writer.h"
#include "command-handler/shard/shard_store.h"
#include "events/money/number.h"
#include "events/result.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// The facts of the newest records, in memory until the shard store has them.
///
/// Those of records that are not durable are here alone and can be taken back, newest first.
/// Durable ones go to the store a generation at a time. The shard's thread.
class RecentFacts {
public:
    /// `generation_facts`: as many are handed to the store at a time.
    RecentFacts(ShardStore& store, std::size_t generation_facts);

    /// Every `hash` is the key's fact_hash.
    std::optional<Locator> find(const FactKey& key, std::uint64_t hash) const;
    void prefetch(std::uint64_t hash) const { generations_.back()->map.prefetch(hash); }

    /// Adds one of the record being built; `added` is then how to take it back.
    void put(const FactKey& key, std::uint64_t hash, const Locator& locator, AddedFact& added);
    /// Takes back what a record added, but the first `keep`.
    void undo(RecordNumber record, std::vector<AddedFact>& added, std::size_t keep);
    /// The oldest record that was not durable is, with so many facts; `position` is behind it.
    void oldest_is_durable(std::size_t facts, const StorePosition& position);
    /// While starting: what was just put is of a record in the log.
    void newest_is_durable(std::vector<AddedFact>& added, const StorePosition& position);

    /// Hands a full generation to the store, if the one before is written. Between two records:
    /// `next` comes next, `durable_end` is the first that is not durable.
    Status rotate(RecordNumber next, RecordNumber durable_end);
    /// Writes everything durable to the store, and waits. No record is in flight.
    Status flush();

    std::size_t size() const;

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

    Generation& generation_of(RecordNumber record);
    void close_generation(RecordNumber end);
    void start_write();
    Status end_write();

    std::size_t generation_facts_;
    std::deque<std::unique_ptr<Generation>>
        generations_;  // oldest first; the last one takes new facts
    std::vector<std::unique_ptr<Generation>> spare_;  // emptied, kept for their memory
    bool is_store_full_ = false;  ///< its disk had no room for the last write
    FactWriter writer_;           // of the oldest generation; ends before what it reads
};

}  // namespace vouch::command_handler
