#include "reconciler/reading/closed_cut.h"

#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/seal/record.h"
#include "events/world/thread.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace vouch::reconciler {

namespace {

constexpr std::size_t kClosedReadBytes = 1u << 20;
/// How late what is recorded may be shown, in microseconds: as long as it is waited for.
constexpr std::int64_t kShownLate_us =
    kShowLooks * std::chrono::duration_cast<std::chrono::microseconds>(kShowPause).count();

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

std::optional<Timestamp> time_of(LogReader& log, ShardId shard, RecordNumber number) {
    std::vector<StoredRecord> stored;
    if (!log.read_records(shard, number, 1, stored) || stored.empty()) return std::nullopt;
    const Result<RecordView> record = parse_record(stored.front().bytes);
    return record ? std::optional(record->header.time) : std::nullopt;
}

/// The first of a shard's newest records, which may be shown before what they take from.
RecordNumber tail_begin(LogReader& log, ShardId shard, RecordNumber end) {
    const std::uint64_t most = std::min(end.value(), kCutTailRecordsMax);
    std::uint64_t tail = std::min(most, kCutTailRecordsMin);
    if (tail == most) return RecordNumber(end.value() - tail);
    const std::optional<Timestamp> newest = time_of(log, shard, RecordNumber(end.value() - 1));
    while (newest && tail < most) {
        const auto time = time_of(log, shard, RecordNumber(end.value() - tail));
        if (!time || time->value() + kShownLate_us < newest->value()) break;
        tail = std::min(most, 2 * tail);
    }
    return RecordNumber(end.value() - tail);
}

/// Moves `cut` behind what its records take, as far as `shown` goes; `needed` says how far it
/// should.
void close_cut(CutScan& scan, const std::vector<RecordNumber>& shown,
               std::vector<RecordNumber>& looked_at, std::vector<RecordNumber>& needed,
               std::vector<RecordNumber>& cut) {
    for (bool is_looked_at = false; !is_looked_at;) {
        is_looked_at = true;
        for (std::uint32_t i = 0; i < cut.size(); ++i) {
            cut[i] = std::min(needed[i], shown[i]);
            if (looked_at[i] >= cut[i]) continue;
            is_looked_at = false;
            scan.scan(ShardId(i), std::exchange(looked_at[i], cut[i]), cut[i], needed);
        }
    }
}

}  // namespace

Result<Cut> closed_cut(LogReader& log, const std::vector<RecordNumber>& seen) {
    const Result<std::vector<RecordNumber>> first = take_ends(log);
    if (!first) return first.error();
    const Result<std::vector<RecordNumber>> second = take_ends(log);
    if (!second) return second.error();
    // What a record before the first ends takes had been sent, and elsewhere than on brokers shown,
    // before the second.
    const bool is_shown = !log.shows_late() || first->size() == 1;
    if (is_shown && *first == *second && reaches(*second, seen)) return Cut{*second, true};
    std::vector<RecordNumber> looked_at = *first;
    for (std::uint32_t i = 0; i < looked_at.size() && !is_shown; ++i)
        looked_at[i] = tail_begin(log, ShardId(i), looked_at[i]);
    std::vector<RecordNumber> needed = *second;
    for (std::size_t i = 0; i < std::min(needed.size(), seen.size()); ++i)
        needed[i] = std::max(needed[i], seen[i]);
    // What a record before the second ends takes, and what that takes, was written before these, if
    // not shown: a log that goes on is not waited for.
    CutScan scan(log);
    std::vector<RecordNumber> cut = *second;
    for (int looks_left = log.shows_late() ? kShowLooks : 1;; --looks_left) {
        const Result<std::vector<RecordNumber>> shown = take_ends(log);
        if (!shown) return shown.error();
        close_cut(scan, *shown, looked_at, needed, cut);
        const bool is_whole = reaches(cut, needed);
        if (is_whole || looks_left == 1) return Cut{std::move(cut), is_whole};
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
