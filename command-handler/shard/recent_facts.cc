#include "command-handler/shard/recent_facts.h"

#include <utility>

namespace vouch::command_handler {

RecentFacts::RecentFacts(ShardStore& store, std::size_t generation_facts)
    : generation_facts_(generation_facts), writer_(store) {
    generations_.push_back(std::make_unique<Generation>());
}

std::optional<Locator> RecentFacts::find(const FactKey& key, std::uint64_t hash) const {
    for (auto each = generations_.rbegin(); each != generations_.rend(); ++each) {
        if (const std::optional<Locator> found = (*each)->map.find(key, hash)) return found;
    }
    return std::nullopt;
}

void RecentFacts::put(const FactKey& key, std::uint64_t hash, const Locator& locator,
                      AddedFact& added) {
    Generation& newest = *generations_.back();
    newest.map.put(key, hash, locator, added);
    ++newest.open_facts;
}

RecentFacts::Generation& RecentFacts::generation_of(RecordNumber record) {
    for (const std::unique_ptr<Generation>& each : generations_) {
        if (!each->is_closed || record < each->end) return *each;
    }
    return *generations_.back();
}

void RecentFacts::undo(RecordNumber record, std::vector<AddedFact>& added, std::size_t keep) {
    Generation& generation = generation_of(record);
    while (added.size() > keep) {
        generation.map.undo(added.back());
        --generation.open_facts;
        added.pop_back();
    }
}

void RecentFacts::oldest_is_durable(std::size_t facts, const StorePosition& position) {
    Generation& generation = generation_of(RecordNumber(position.next_record.value() - 1));
    generation.durable_facts += facts;
    generation.open_facts -= facts;
    generation.position = position;
}

void RecentFacts::newest_is_durable(std::vector<AddedFact>& added, const StorePosition& position) {
    Generation& newest = *generations_.back();
    newest.durable_facts += added.size();
    newest.open_facts -= added.size();
    newest.position = position;
    added.clear();
}

// --- To the store -------------------------------------------------------------------------------

void RecentFacts::close_generation(RecordNumber end) {
    generations_.back()->is_closed = true;
    generations_.back()->end = end;
    if (spare_.empty()) {
        generations_.push_back(std::make_unique<Generation>());
        return;
    }
    generations_.push_back(std::move(spare_.back()));
    spare_.pop_back();
}

// The oldest is not written while a record of it is in flight, also one without facts: that one
// still moves the position, which the writing thread reads.
Status RecentFacts::rotate(RecordNumber next, RecordNumber durable_end) {
    if (Status written = end_write(); !written) return written;
    const Generation& newest = *generations_.back();
    if (newest.durable_facts + newest.open_facts >= generation_facts_) {
        if (generations_.size() == kGenerationsMax && writer_.is_at_work()) {
            writer_.wait();
            if (Status written = end_write(); !written) return written;
        }
        if (generations_.size() < kGenerationsMax) close_generation(next);
    }
    const Generation& oldest = *generations_.front();
    if (!writer_.is_at_work() && oldest.is_closed && durable_end >= oldest.end) start_write();
    return {};
}

Status RecentFacts::flush() {
    while (true) {
        writer_.wait();
        if (Status written = end_write(); !written) return written;
        // The next start takes them from the log.
        if (is_store_full_) return {};
        Generation& oldest = *generations_.front();
        if (oldest.open_facts != 0 || oldest.durable_facts == 0) return {};
        if (!oldest.is_closed) close_generation(oldest.position.next_record);
        start_write();
    }
}

void RecentFacts::start_write() {
    const Generation& oldest = *generations_.front();
    writer_.start(oldest.map, oldest.position);
}

/// Drops a generation that the store has taken over.
Status RecentFacts::end_write() {
    const std::optional<Status> result = writer_.take_result();
    if (!result) return {};
    is_store_full_ = !*result && result->error().code == FaultCode::retriable;
    // They stay in memory until the store has room: the log, which stops first, bounds them.
    if (is_store_full_) return {};
    if (!*result) return *result;
    Generation& written = *generations_.front();
    written.map.clear();
    written.durable_facts = 0;
    written.is_closed = false;
    spare_.push_back(std::move(generations_.front()));
    generations_.pop_front();
    return {};
}

std::size_t RecentFacts::size() const {
    std::size_t total = 0;
    for (const std::unique_ptr<Generation>& each : generations_) total += each->map.size();
    return total;
}

}  // namespace vouch::command_handler
