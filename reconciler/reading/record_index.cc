#include "reconciler/reading/record_index.h"

#include "events/seal/record.h"

#include <algorithm>

namespace vouch::reconciler {

void RecordIndex::add(RecordNumber position, EventNumber first_event) {
    if (count_++ % kStride == 0) marks_.push_back({first_event, position});
}

std::optional<RecordNumber> RecordIndex::find(LogReader& log, ShardId shard,
                                              EventNumber event) const {
    // Broken records may number their events out of order: then the last mark that fits is as good
    // as any.
    const auto fits = [&](const Mark& mark) { return mark.first_event <= event; };
    const auto mark = std::find_if(marks_.rbegin(), marks_.rend(), fits);
    if (mark == marks_.rend()) return std::nullopt;
    std::vector<StoredRecord> stored;
    RecordNumber from = mark->position;
    for (std::uint64_t read = 0; read < 2 * kStride; ++read, from = from.next()) {
        stored.clear();
        if (!log.read_records(shard, from, 1, stored) || stored.empty()) return std::nullopt;
        const Result<RecordView> record = parse_record(stored.front().bytes);
        if (!record) continue;
        const std::uint64_t first = record->header.first_event.value();
        if (event.value() >= first && event.value() - first < record->header.event_count)
            return from;
    }
    return std::nullopt;
}

}  // namespace vouch::reconciler
