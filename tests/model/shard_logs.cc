#include "tests/model/shard_logs.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "events/seal/record.h"

#include <algorithm>
#include <variant>
#include <vector>

namespace vouch::test {
namespace {

std::vector<StoredRecord> read_all(LogReader& log, ShardId shard) {
    std::vector<StoredRecord> records;
    while (records.size() < log.end(shard).value().value()) {
        const Status read =
            log.read_records(shard, RecordNumber(records.size()), std::size_t{1} << 24, records);
        VOUCH_ASSERT(read.has_value());
    }
    return records;
}

template <class With>
void for_each_event(const StoredRecord& stored, With with) {
    const Result<RecordView> record = parse_record(stored.bytes);
    VOUCH_ASSERT(record.has_value());
    EventReader reader(record->body);
    Arena arena;
    for (auto bytes = reader.next(); bytes && *bytes; bytes = reader.next()) {
        const Result<Event> event = decode_event(**bytes, arena);
        VOUCH_ASSERT(event.has_value());
        with(*event);
        arena.clear();
    }
}

}  // namespace

bool take_logs(LogReader& log, ShardBooks& books) {
    std::vector<std::vector<StoredRecord>> records;
    for (std::uint32_t i = 0; i < log.shard_count(); ++i)
        records.push_back(read_all(log, ShardId(i)));
    std::vector<std::size_t> next(records.size());
    const auto is_ready = [&](const StoredRecord& record) {
        bool ready = true;
        for_each_event(record, [&](const Event& event) {
            const auto* taken = std::get_if<StepsTaken>(&event);
            if (taken != nullptr)
                ready = ready && taken->record.value() < next[taken->from.value()];
        });
        return ready;
    };
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        for (std::size_t i = 0; i < records.size(); ++i) {
            if (next[i] == records[i].size() || !is_ready(records[i][next[i]])) continue;
            const ShardId shard(static_cast<std::uint32_t>(i));
            for_each_event(records[i][next[i]],
                           [&](const Event& event) { books.take(shard, event); });
            ++next[i];
            goes_on = true;
        }
    }
    return std::equal(next.begin(), next.end(), records.begin(), records.end(),
                      [](std::size_t taken, const std::vector<StoredRecord>& all) {
                          return taken == all.size();
                      });
}

}  // namespace vouch::test
