#include "reconciler/reading/closed_cut.h"

#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/seal/record.h"
#include "events/world/thread.h"

#include <algorithm>
#include <utility>

namespace vouch::reconciler {

namespace {

constexpr std::size_t kClosedReadBytes = 1u << 20;

Result<std::vector<RecordNumber>> take_ends(LogReader& log) {
    std::vector<RecordNumber> ends;
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        const Result<RecordNumber> end = log.end(ShardId(i));
        if (!end) return end.error();
        ends.push_back(*end);
    }
    return ends;
}

/// Finds the records whose steps a shard's records take.
class CutScan {
public:
    explicit CutScan(LogReader& log) : log_(log) {}

    /// Moves `ends` behind what the records [from, to) of a shard take.
    void scan(ShardId shard, RecordNumber from, RecordNumber to, std::vector<RecordNumber>& ends) {
        std::vector<StoredRecord> stored;
        for (RecordNumber next = from; next < to;) {
            stored.clear();
            // What cannot be read is the replay's to tell.
            if (!log_.read_records(shard, next, kClosedReadBytes, stored) || stored.empty()) return;
            for (const StoredRecord& each : stored) {
                if (each.number < to) look_at(each.bytes, ends);
                next = each.number.next();
            }
        }
    }

private:
    void look_at(ByteView bytes, std::vector<RecordNumber>& ends) {
        const Result<RecordView> record = parse_record(bytes);
        if (!record) return;
        EventReader reader(record->body);
        while (true) {
            const Result<std::optional<ByteView>> event = reader.next();
            if (!event || !event->has_value()) return;
            arena_.clear();
            if (!decode_event(**event, arena_, event_)) continue;
            const auto* taken = std::get_if<StepsTaken>(&event_);
            if (taken == nullptr || taken->from.value() >= ends.size()) continue;
            RecordNumber& end = ends[taken->from.value()];
            end = std::max(end, taken->record.next());
        }
    }

    LogReader& log_;
    Arena arena_;
    Event event_;
};

/// Whether no record near the ends takes steps of one that lies behind them.
bool is_closed(LogReader& log, const std::vector<RecordNumber>& cut) {
    std::vector<RecordNumber> needed = cut;
    CutScan scan(log);
    for (std::uint32_t i = 0; i < cut.size(); ++i) {
        const std::uint64_t tail = std::min(cut[i].value(), kCutTailRecords);
        scan.scan(ShardId(i), RecordNumber(cut[i].value() - tail), cut[i], needed);
    }
    return needed == cut;
}

/// Of what the log shows now.
Result<std::vector<RecordNumber>> cut_now(LogReader& log) {
    const Result<std::vector<RecordNumber>> first = take_ends(log);
    if (!first) return first.error();
    const Result<std::vector<RecordNumber>> second = take_ends(log);
    if (!second) return second.error();
    // What a record before the first ends takes had been sent before the second.
    if (*first == *second) return *second;
    std::vector<RecordNumber> looked_at;
    for (const RecordNumber end : *first)
        looked_at.emplace_back(end.value() - std::min(end.value(), kCutTailRecords));
    std::vector<RecordNumber> cut = *second;
    CutScan scan(log);
    while (true) {
        bool is_closed = true;
        for (std::uint32_t i = 0; i < cut.size(); ++i) {
            const Result<RecordNumber> end = log.end(ShardId(i));
            if (!end) return end.error();
            cut[i] = std::min(cut[i], *end);
            if (looked_at[i] >= cut[i]) continue;
            is_closed = false;
            const RecordNumber until = cut[i];
            scan.scan(ShardId(i), looked_at[i], until, cut);
            looked_at[i] = until;
        }
        if (is_closed) return cut;
    }
}

}  // namespace

Result<Cut> closed_cut(LogReader& log, const std::vector<RecordNumber>& seen) {
    for (int looks_left = log.shows_late() ? kShowLooks : 1;; --looks_left) {
        Result<std::vector<RecordNumber>> ends = cut_now(log);
        if (!ends) return ends.error();
        // Elsewhere what a record takes from is shown before it, and is in the cut as that is made.
        const bool is_whole =
            reaches(*ends, seen) && (!log.shows_late() || is_closed(log, *ends));
        if (is_whole || looks_left == 1) return Cut{std::move(*ends), is_whole};
        sleep_for(kShowPause);
    }
}

Result<std::vector<RecordNumber>> whole_cut(LogReader& log) {
    Result<Cut> cut = closed_cut(log);
    if (!cut) return cut.error();
    if (cut->is_whole) return std::move(cut->ends);
    return Fault{FaultCode::retriable,
                 "a record is not shown whose steps another shard's record has taken: it may be "
                 "on its way, or lost (vouch recover says which)"};
}

bool reaches(const std::vector<RecordNumber>& ends, const std::vector<RecordNumber>& others) {
    for (std::size_t i = 0; i < std::min(ends.size(), others.size()); ++i) {
        if (ends[i] < others[i]) return false;
    }
    return true;
}

}  // namespace vouch::reconciler
