#include "events/log/kafka/shard_records.h"

#include <algorithm>
#include <utility>

namespace vouch::kafka {

ShardRecords::ShardRecords(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                           RecordCache& cache, Strays& strays, const Patience& patience)
    : topic_(options, shard, watermarks, strays, patience), cache_(cache) {}

// --- The end ------------------------------------------------------------------------------

// What was seen is copied before the brokers are asked: other threads look at the same time, and
// see more than this one is told.
Result<Tail> ShardRecords::read_tail() {
    const RecordNumber ended = end_.at_least();
    const std::optional<RecordPlace> known = places_.followed();
    const Result<Extent> bounds = topic_.extent();
    if (!bounds) return bounds.error();
    Result<Tail> tail = shown_tail(known, *bounds);
    if (tail && tail->next_record < ended) {
        return topic_.corrupt(tail->next_record, "and what follows is gone: the log ended at " +
                                                     std::to_string(ended.value()) + " before");
    }
    return tail;
}

Result<bool> ShardRecords::is_written_by_others() {
    const std::optional<RecordNumber> end = end_.written();
    if (!end) return false;
    const Result<Tail> tail = read_tail();
    // They do not show its own last record yet.
    if (!tail && tail.error().code == FaultCode::corrupt) return false;
    if (!tail) return tail.error();
    return tail->next_record > *end;
}

/// The end that the brokers show within `bounds`, followed from where the chain was followed to
/// before they were asked for these.
Result<Tail> ShardRecords::shown_tail(std::optional<RecordPlace> known, const Extent& bounds) {
    Result<RecordChain::LookUpReader> reader = chain_.look_up_reader();
    if (!reader) return reader.error();
    Tail tail;
    tail.end_offset = bounds.stable_end;
    const Result<ChainReach> followed =
        chain_.follow(**reader, known, bounds, RecordChain::kLastOfAll);
    if (!followed) return followed.error();
    tail.looks = followed->looks;
    const std::optional<FoundRecord>& last = followed->last;
    if (last) {
        const ByteView payload = last->message.payload;
        tail.next_record = last->record.next();
        tail.last.emplace(payload.begin(), payload.end());
        cache_.put(topic_.shard(), last->record, payload);
        places_.follow({last->record, last->offset});
    } else if (bounds.first > 0) {
        return Fault{FaultCode::corrupt, "shard " + std::to_string(topic_.shard().value()) + ": " +
                                             topic_.name() +
                                             " has lost all its records, it begins at offset " +
                                             std::to_string(bounds.first)};
    }
    return tail;
}

Result<std::optional<Bytes>> ShardRecords::next_of(const Tail& tail) {
    const Result<Extent> bounds = topic_.extent();
    if (!bounds) return bounds.error();
    Result<RecordChain::LookUpReader> reader = chain_.look_up_reader();
    if (!reader) return reader.error();
    std::optional<Bytes> next;
    Result<std::optional<FoundRecord>> found =
        topic_.first_from(**reader, tail.end_offset, bounds->stable_end);
    while (found && *found && !next) {
        const TopicMessage& message = (*found)->message;
        if ((*found)->record == tail.next_record && topic_.follows(message, tail.last)) {
            next.emplace(message.payload.begin(), message.payload.end());
        } else {
            found = topic_.next_from(**reader, (*found)->offset + 1, bounds->stable_end);
        }
    }
    if (!found) return found.error();
    return next;
}

void ShardRecords::append(RecordNumber record, ByteView bytes, std::optional<std::int64_t> offset) {
    cache_.put(topic_.shard(), record, bytes);
    if (offset) places_.learn(record, *offset);
    end_.append(record);
}

Result<RecordNumber> ShardRecords::end() {
    if (const std::optional<RecordNumber> known = end_.known()) return *known;
    const std::int64_t reached = end_.reached();
    const std::optional<RecordPlace> followed = places_.followed();
    const Result<Extent> bounds = topic_.extent();
    if (!bounds) return bounds.error();
    if (bounds->stable_end < reached) {
        return Fault{FaultCode::corrupt, "shard " + std::to_string(topic_.shard().value()) + ": " +
                                             topic_.name() + " ends at offset " +
                                             std::to_string(bounds->stable_end) +
                                             ", it reached " + std::to_string(reached) +
                                             " before"};
    }
    if (bounds->stable_end == reached) return end_.at_least();
    const Result<Tail> tail = shown_tail(followed, *bounds);
    if (!tail) return tail.error();
    return end_.show(*tail);
}

Result<RecordNumber> ShardRecords::known_end(RecordNumber wanted) {
    const RecordNumber at_least = end_.at_least();
    if (wanted < at_least) return at_least;
    return end();
}

// --- Reading ------------------------------------------------------------------------------

namespace {

/// What stands before damage is given; who goes on from there is told.
Status before_damage(const Fault& fault, bool is_first) {
    if (fault.code == FaultCode::corrupt && !is_first) return {};
    return fault;
}

}  // namespace

Status ShardRecords::read_records(RecordNumber from, std::size_t bytes_max,
                                  std::vector<StoredRecord>& out) {
    const Result<RecordNumber> end = known_end(from);
    if (!end) return end.error();
    std::unique_ptr<RecordCursor> cursor;
    std::size_t bytes = 0;
    for (RecordNumber next = from; next < *end; next = next.next()) {
        const bool is_first = next == from;
        Bytes cached;
        if (cache_.read(topic_.shard(), next, 0, RecordCache::kWhole, cached)) {
            if (!is_first && bytes + cached.size() > bytes_max) break;
            bytes += cached.size();
            out.push_back({next, std::move(cached)});
            continue;
        }
        if (!cursor || cursor->next != next) {
            if (cursor) cursors_.give_back(std::move(cursor));
            Result<std::unique_ptr<RecordCursor>> taken = cursors_.take(next);
            if (!taken) return before_damage(taken.error(), is_first);
            cursor = std::move(*taken);
        }
        const Result<ByteView> record = cursors_.look_ahead(*cursor);
        if (!record) return before_damage(record.error(), is_first);
        if (!is_first && bytes + record->size() > bytes_max) break;
        bytes += record->size();
        out.push_back({next, Bytes(record->begin(), record->end())});
        // A writer that starts reads the log once, and asks for what is in it again and again.
        cache_.put(topic_.shard(), next, *record);
        RecordCursors::consume(*cursor);
    }
    if (cursor) cursors_.give_back(std::move(cursor));
    return {};
}

Status ShardRecords::read_range(RecordNumber record, std::size_t offset, std::size_t size,
                                Bytes& out) {
    if (cache_.read(topic_.shard(), record, offset, size, out)) return {};
    const Result<RecordNumber> end = known_end(record);
    if (!end) return end.error();
    if (record >= *end) {
        return topic_.corrupt(record,
                              "is not in the log, which ends at " + std::to_string(end->value()));
    }
    Result<RecordChain::LookUpReader> reader = chain_.look_up_reader();
    if (!reader) return reader.error();
    const Result<FoundRecord> found = chain_.find(**reader, record);
    if (!found) return found.error();
    const ByteView bytes = found->message.payload;
    cache_.put(topic_.shard(), record, bytes);
    const ByteView behind = bytes.subspan(std::min(offset, bytes.size()));
    const ByteView range = behind.first(std::min(size, behind.size()));
    out.assign(range.begin(), range.end());
    return {};
}

}  // namespace vouch::kafka
