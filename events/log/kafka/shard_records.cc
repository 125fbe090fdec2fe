#include "events/log/kafka/shard_records.h"

#include "events/log/kafka/record_message.h"
#include "events/log/writer_turn.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vouch::kafka {
namespace {

using Clock = std::chrono::steady_clock;

/// Readers of one shard that are kept where they stopped.
constexpr std::size_t kCursorsMax = 3;
/// Closer than this to a known offset, reading on is quicker than looking up.
constexpr std::uint64_t kReadOnMax = 2;
/// One wait for a message; the whole patience is made of these.
constexpr int kPollMs = 250;
/// How far behind the end the last record is looked for at first: itself and its mark.
constexpr std::int64_t kTailStep = 2;

/// Until when a call may wait for the brokers.
class Deadline {
public:
    explicit Deadline(int patience_ms)
        : at_(Clock::now() + std::chrono::milliseconds(patience_ms)) {}
    bool has_passed() const { return Clock::now() >= at_; }

private:
    Clock::time_point at_;
};

}  // namespace

ShardRecords::ShardRecords(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                           RecordCache& cache)
    : bootstrap_(options.bootstrap),
      topic_(events_topic(options)),
      shard_(shard),
      patience_ms_(static_cast<int>(std::clamp<std::int64_t>(options.patience_ms, 1, 600'000))),
      watermarks_(watermarks),
      cache_(cache) {}

Fault ShardRecords::corrupt(RecordNumber record, const std::string& what) const {
    return {FaultCode::corrupt, record_name(shard_, record) + " " + what};
}

// --- Where records are --------------------------------------------------------------------

void ShardRecords::learn(RecordNumber record, std::int64_t offset) {
    const std::lock_guard lock(mutex_);
    const auto after = offsets_.upper_bound(record.value());
    if (after != offsets_.begin()) {
        const std::uint64_t before = std::prev(after)->first;
        if (record.value() - before < offset_spacing_) return;
    }
    if (after != offsets_.end() && after->first - record.value() < offset_spacing_) return;
    offsets_.emplace(record.value(), offset);
    if (offsets_.size() > kOffsetsMax) forget_half();
}

/// Every second offset; the rest lie as far apart as from now on.
void ShardRecords::forget_half() {
    bool keeps = true;
    std::erase_if(offsets_, [&](const auto&) { return !std::exchange(keeps, !keeps); });
    offset_spacing_ *= 2;
}

/// Asks once more while the brokers do not answer.
Result<Extent> ShardRecords::extent() {
    const Deadline deadline(patience_ms_);
    while (true) {
        const Result<Extent> found = watermarks_.extent(
            topic_, static_cast<std::int32_t>(shard_.value()), std::min(patience_ms_, 5'000));
        if (found) return found;
        if (deadline.has_passed()) return Fault{FaultCode::storage, found.error().message};
    }
}

/// The first record at or after `offset`; empty when there is none before `stable_end`.
Result<std::optional<ShardRecords::Found>> ShardRecords::first_from(PartitionReader& reader,
                                                                    std::int64_t offset,
                                                                    std::int64_t stable_end) {
    const Deadline deadline(patience_ms_);
    if (offset >= stable_end) return std::optional<Found>();
    if (const Status started = reader.start(static_cast<std::int32_t>(shard_.value()), offset);
        !started) {
        return started.error();
    }
    while (true) {
        Result<Polled> polled = reader.next(kPollMs);
        if (!polled) {
            if (polled.error().code == FaultCode::corrupt) {
                return Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + ": " +
                                                     polled.error().message};
            }
            if (deadline.has_passed()) return Fault{FaultCode::storage, polled.error().message};
            continue;
        }
        if (polled->kind == Polled::Kind::message) {
            const std::optional<RecordNumber> number = number_of(*polled->message);
            if (!number) {
                return Fault{FaultCode::corrupt,
                             "shard " + std::to_string(shard_.value()) + ": " + topic_ +
                                 " offset " + std::to_string(polled->offset) + " holds no record"};
            }
            learn(*number, polled->offset);
            return std::optional(Found{*number, polled->offset, std::move(polled->message)});
        }
        if (polled->kind == Polled::Kind::end && polled->offset >= stable_end) {
            return std::optional<Found>();
        }
        if (deadline.has_passed()) {
            return Fault{FaultCode::storage, topic_ + " partition " +
                                                 std::to_string(shard_.value()) +
                                                 ": the brokers do not answer"};
        }
    }
}

Result<std::unique_ptr<PartitionReader>> ShardRecords::look_up_reader() {
    {
        const std::lock_guard lock(mutex_);
        if (look_up_) return std::move(look_up_);
    }
    return PartitionReader::open(bootstrap_, topic_, PartitionReader::ReadAhead::none);
}

void ShardRecords::return_look_up_reader(std::unique_ptr<PartitionReader> reader) {
    // Left at the log's end it would ask the broker all the time.
    reader->stop();
    const std::lock_guard lock(mutex_);
    look_up_ = std::move(reader);
}

/// An offset from which reading on meets the record first, or at most kReadOnMax records before it.
Result<std::int64_t> ShardRecords::offset_of(RecordNumber record) {
    const Result<Extent> bounds = extent();
    if (!bounds) return bounds.error();
    // Records below `low` are below the wanted one, those from `high` on are not.
    std::int64_t low = bounds->first, high = bounds->stable_end;
    std::uint64_t low_record = 0, high_record = 0;
    {
        const std::lock_guard lock(mutex_);
        high_record = end_.value();
        const auto after = offsets_.upper_bound(record.value());
        if (after != offsets_.end()) {
            high = after->second;
            high_record = after->first;
        }
        if (after != offsets_.begin()) {
            low_record = std::prev(after)->first;
            low = std::prev(after)->second;
        }
    }
    Result<std::unique_ptr<PartitionReader>> reader = look_up_reader();
    if (!reader) return reader.error();
    for (bool halve = false; low_record + kReadOnMax < record.value() && high - low > 1;
         halve = !halve) {
        // Records lie evenly, nearly always; every second step halves, for when they do not.
        const std::int64_t each =
            high_record <= low_record
                ? 0
                : (high - low) / static_cast<std::int64_t>(high_record - low_record);
        const std::int64_t guess =
            halve || each == 0
                ? low + (high - low) / 2
                : low + each * static_cast<std::int64_t>(record.value() - low_record);
        const std::int64_t middle = std::clamp(guess, low + 1, high - 1);
        Result<std::optional<Found>> found = first_from(**reader, middle, high);
        if (!found) return found.error();
        if (!*found || (*found)->offset >= high || (*found)->record > record) {
            if (*found && (*found)->offset < high) high_record = (*found)->record.value();
            high = middle;
            continue;
        }
        low = (*found)->offset;
        low_record = (*found)->record.value();
        if (low_record == record.value()) break;
    }
    return_look_up_reader(std::move(*reader));
    return low;
}

// --- The end ------------------------------------------------------------------------------

Result<Tail> ShardRecords::read_tail() {
    const Result<Extent> bounds = extent();
    if (!bounds) return bounds.error();
    Result<std::unique_ptr<PartitionReader>> reader = look_up_reader();
    if (!reader) return reader.error();
    Tail tail;
    tail.end_offset = bounds->stable_end;
    std::optional<Found> last;
    for (std::int64_t back = kTailStep; !last; back *= 2) {
        const std::int64_t begin = std::max(bounds->first, bounds->stable_end - back);
        Result<std::optional<Found>> found = first_from(**reader, begin, bounds->stable_end);
        // Whatever follows the first one is nearer to the end.
        while (found && *found) {
            last = std::move(**found);
            found = first_from(**reader, last->offset + 1, bounds->stable_end);
        }
        if (!found) return found.error();
        if (begin == bounds->first) break;
    }
    return_look_up_reader(std::move(*reader));
    if (last) {
        const ByteView payload = payload_of(*last->message);
        tail.next_record = last->record.next();
        tail.last.emplace(payload.begin(), payload.end());
        cache_.put(shard_, last->record, payload);
    } else if (bounds->first > 0) {
        return Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + ": " + topic_ +
                                             " has lost all its records, it begins at offset " +
                                             std::to_string(bounds->first)};
    }
    const std::lock_guard lock(mutex_);
    if (tail.next_record < end_) {
        return corrupt(tail.next_record, "and what follows is gone: the log ended at " +
                                             std::to_string(end_.value()) + " before");
    }
    return tail;
}

void ShardRecords::own(const Tail& tail) {
    const std::lock_guard lock(mutex_);
    is_owned_ = true;
    end_ = tail.next_record;
    end_offset_ = tail.end_offset;
}

void ShardRecords::disown() {
    const std::lock_guard lock(mutex_);
    is_owned_ = false;
}

void ShardRecords::append(RecordNumber record, ByteView bytes, std::optional<std::int64_t> offset) {
    cache_.put(shard_, record, bytes);
    if (offset) learn(record, *offset);
    const std::lock_guard lock(mutex_);
    end_ = record.next();
    if (offset) end_offset_ = std::max(end_offset_, *offset + 1);
}

Result<RecordNumber> ShardRecords::end() {
    std::int64_t known = 0;
    {
        const std::lock_guard lock(mutex_);
        if (is_owned_) return end_;
        known = end_offset_;
    }
    const Result<Extent> bounds = extent();
    if (!bounds) return bounds.error();
    if (bounds->stable_end < known) {
        return Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + ": " + topic_ +
                                             " ends at offset " +
                                             std::to_string(bounds->stable_end) + ", it reached " +
                                             std::to_string(known) + " before"};
    }
    if (bounds->stable_end > known) {
        const Result<Tail> tail = read_tail();
        if (!tail) return tail.error();
        const std::lock_guard lock(mutex_);
        // Another thread may have looked later than this one.
        if (!is_owned_ && tail->end_offset > end_offset_) {
            end_ = std::max(end_, tail->next_record);
            end_offset_ = tail->end_offset;
        }
    }
    const std::lock_guard lock(mutex_);
    return end_;
}

Result<RecordNumber> ShardRecords::known_end(RecordNumber wanted) {
    {
        const std::lock_guard lock(mutex_);
        if (is_owned_ || wanted < end_) return end_;
    }
    return end();
}

// --- Reading ------------------------------------------------------------------------------

Result<std::unique_ptr<ShardRecords::Cursor>> ShardRecords::take_cursor(RecordNumber from) {
    std::unique_ptr<Cursor> cursor;
    {
        const std::lock_guard lock(mutex_);
        const auto fitting =
            std::ranges::find_if(cursors_, [&](const auto& idle) { return idle->next == from; });
        if (fitting != cursors_.end()) {
            cursor = std::move(*fitting);
            cursors_.erase(fitting);
            return cursor;
        }
        if (cursors_.size() >= kCursorsMax) {
            cursor = std::move(cursors_.front());
            cursors_.erase(cursors_.begin());
        }
    }
    const Result<std::int64_t> offset = offset_of(from);
    if (!offset) return offset.error();
    if (!cursor) {
        Result<std::unique_ptr<PartitionReader>> reader =
            PartitionReader::open(bootstrap_, topic_, PartitionReader::ReadAhead::far);
        if (!reader) return reader.error();
        cursor = std::make_unique<Cursor>();
        cursor->reader = std::move(*reader);
    }
    if (const Status started =
            cursor->reader->start(static_cast<std::int32_t>(shard_.value()), *offset);
        !started) {
        return started.error();
    }
    cursor->next = from;
    cursor->ahead = nullptr;
    cursor->previous = nullptr;
    return cursor;
}

void ShardRecords::return_cursor(std::unique_ptr<Cursor> cursor) {
    const std::lock_guard lock(mutex_);
    if (cursors_.size() >= kCursorsMax) cursors_.erase(cursors_.begin());
    cursors_.push_back(std::move(cursor));
}

/// Waits for the record that the cursor stands before; it is known to be durable.
Result<ByteView> ShardRecords::look_ahead(Cursor& cursor) {
    const Deadline deadline(patience_ms_);
    while (!cursor.ahead) {
        Result<Polled> polled = cursor.reader->next(kPollMs);
        if (!polled && polled.error().code == FaultCode::corrupt) {
            return corrupt(cursor.next, "cannot be read: " + polled.error().message);
        }
        if (polled && polled->kind == Polled::Kind::message) {
            const std::optional<RecordNumber> number = number_of(*polled->message);
            const std::string at = topic_ + " offset " + std::to_string(polled->offset);
            if (!number) return corrupt(cursor.next, "is expected, but " + at + " holds no record");
            if (*number > cursor.next) {
                return corrupt(cursor.next, "is missing: " + at + " holds record " +
                                                std::to_string(number->value()));
            }
            if (*number < cursor.next) {
                // Before the first that was asked for there may be others; later there may be none,
                // but for the one before it, the same to the byte: it means nothing twice.
                const bool is_repeat =
                    number->next() == cursor.next && cursor.previous &&
                    std::ranges::equal(payload_of(*polled->message), payload_of(*cursor.previous));
                if (cursor.previous && !is_repeat) {
                    return corrupt(*number, "is there twice, differently: again at " + at);
                }
                continue;
            }
            learn(*number, polled->offset);
            cursor.ahead = std::move(polled->message);
            break;
        }
        // An end that was met is no news: more may have come since. Whether the log became shorter
        // is asked of the brokers.
        if (polled && polled->kind == Polled::Kind::end) {
            const Result<Extent> bounds = extent();
            if (!bounds) return bounds.error();
            const std::lock_guard lock(mutex_);
            if (bounds->stable_end < end_offset_) {
                return corrupt(cursor.next, "is gone: " + topic_ + " ends at offset " +
                                                std::to_string(bounds->stable_end) +
                                                ", it reached " + std::to_string(end_offset_) +
                                                " before");
            }
        }
        if (deadline.has_passed()) {
            return Fault{FaultCode::storage, record_name(shard_, cursor.next) + " was not read: " +
                                                 (polled ? std::string("the brokers do not answer")
                                                         : polled.error().message)};
        }
    }
    return payload_of(*cursor.ahead);
}

void ShardRecords::consume(Cursor& cursor) {
    cursor.previous = std::move(cursor.ahead);
    cursor.next = cursor.next.next();
}

Status ShardRecords::read_records(RecordNumber from, std::size_t bytes_max,
                                  std::vector<StoredRecord>& out) {
    const Result<RecordNumber> end = known_end(from);
    if (!end) return end.error();
    std::unique_ptr<Cursor> cursor;
    std::size_t bytes = 0;
    for (RecordNumber next = from; next < *end; next = next.next()) {
        const bool is_first = next == from;
        Bytes cached;
        if (cache_.read(shard_, next, 0, RecordCache::kWhole, cached)) {
            if (!is_first && bytes + cached.size() > bytes_max) break;
            bytes += cached.size();
            out.push_back({next, std::move(cached)});
            continue;
        }
        if (!cursor || cursor->next != next) {
            if (cursor) return_cursor(std::move(cursor));
            Result<std::unique_ptr<Cursor>> taken = take_cursor(next);
            if (!taken) return taken.error();
            cursor = std::move(*taken);
        }
        const Result<ByteView> record = look_ahead(*cursor);
        if (!record) return record.error();
        if (!is_first && bytes + record->size() > bytes_max) break;
        bytes += record->size();
        out.push_back({next, Bytes(record->begin(), record->end())});
        // A writer that starts reads the log once, and asks for what is in it again and again.
        cache_.put(shard_, next, *record);
        consume(*cursor);
    }
    if (cursor) return_cursor(std::move(cursor));
    return {};
}

Result<Message> ShardRecords::fetch(RecordNumber record) {
    const Result<RecordNumber> end = known_end(record);
    if (!end) return end.error();
    if (record >= *end) {
        return corrupt(record, "is not in the log, which ends at " + std::to_string(end->value()));
    }
    const Result<std::int64_t> offset = offset_of(record);
    if (!offset) return offset.error();
    const Result<Extent> bounds = extent();
    if (!bounds) return bounds.error();
    Result<std::unique_ptr<PartitionReader>> reader = look_up_reader();
    if (!reader) return reader.error();
    std::int64_t at = *offset;
    for (std::uint64_t step = 0; step <= 2 * kReadOnMax; ++step) {
        Result<std::optional<Found>> found = first_from(**reader, at, bounds->stable_end);
        if (!found) return found.error();
        if (!*found || (*found)->record > record) break;
        if ((*found)->record == record) {
            return_look_up_reader(std::move(*reader));
            return std::move((*found)->message);
        }
        at = (*found)->offset + 1;
    }
    return corrupt(record, "is missing from " + topic_);
}

Status ShardRecords::read_range(RecordNumber record, std::size_t offset, std::size_t size,
                                Bytes& out) {
    if (cache_.read(shard_, record, offset, size, out)) return {};
    const Result<Message> message = fetch(record);
    if (!message) return message.error();
    const ByteView bytes = payload_of(**message);
    cache_.put(shard_, record, bytes);
    const ByteView behind = bytes.subspan(std::min(offset, bytes.size()));
    const ByteView range = behind.first(std::min(size, behind.size()));
    out.assign(range.begin(), range.end());
    return {};
}

}  // namespace vouch::kafka
