#include "tests/support/memory_partition.h"

#include <algorithm>
#include <utility>

namespace vouch::test {

std::int64_t MemoryPartition::stable_end() const {
    return std::max(first_, open_.empty() ? high() : *open_.begin());
}

std::int64_t MemoryPartition::put(Entry entry) {
    entries_.push_back(std::move(entry));
    note(high() - 1);
    return high() - 1;
}

MemoryPartition::Appended MemoryPartition::append(Entry entry, const Verify& verify) {
    const auto found = producers_.find(entry.from.id);
    if (found != producers_.end()) {
        const Producer& known = found->second;
        if (entry.from.epoch < known.epoch) return {Reply::invalid_producer_epoch};
        const bool is_same = entry.from.epoch == known.epoch;
        if (is_same) {
            const auto before = std::ranges::find(known.last, entry.sequence, &Sent::sequence);
            if (before != known.last.end()) return {Reply::done, before->offset};
        }
        const bool goes_on = is_same && !known.last.empty();
        const std::int64_t next = goes_on ? known.last.back().sequence + 1 : 0;
        if (entry.sequence != next) return {Reply::out_of_order_sequence};
    }
    // What an earlier epoch has open is another transaction.
    const bool is_open = found != producers_.end() && !found->second.open.empty() &&
                         found->second.epoch == entry.from.epoch;
    if (entry.is_transactional && !is_open) {
        const Reply verified = verify();
        if (verified != Reply::done) return {verified};
    }
    if (entry.is_transactional) entry.state = State::open;
    return {Reply::done, put(std::move(entry))};
}

void MemoryPartition::mark(const ProducerLife& by, bool commits) {
    const auto found = producers_.find(by.id);
    if (found != producers_.end() && by.epoch < found->second.epoch) return;
    put({nullptr, commits ? State::commit_mark : State::abort_mark, 0, by});
}

void MemoryPartition::lose_end(std::int64_t from) {
    entries_.resize(static_cast<std::size_t>(std::min(from, high())));
    producers_.clear();
    open_.clear();
    for (std::int64_t offset = 0; offset < high(); ++offset) {
        Entry& entry = entries_[static_cast<std::size_t>(offset)];
        if (entry.is_transactional) entry.state = State::open;
        note(offset);
    }
}

/// What an entry says of its producer; all that is known of one comes from the entries.
void MemoryPartition::note(std::int64_t offset) {
    const Entry& entry = at(offset);
    if (entry.from.id < 0) return;
    Producer& producer = producers_[entry.from.id];
    if (entry.from.epoch > producer.epoch) producer.last.clear();
    producer.epoch = entry.from.epoch;
    if (entry.message) {
        producer.last.push_back({entry.sequence, offset});
        if (producer.last.size() > kBatchesKept) producer.last.pop_front();
        if (!entry.is_transactional) return;
        producer.open.push_back(offset);
        open_.insert(offset);
        return;
    }
    const State decided = entry.state == State::commit_mark ? State::shown : State::hidden;
    for (const std::int64_t each : std::exchange(producer.open, {})) {
        Entry& ended = entries_[static_cast<std::size_t>(each)];
        ended.state = ended.is_lost ? State::hidden : decided;
        open_.erase(each);
    }
}

}  // namespace vouch::test
