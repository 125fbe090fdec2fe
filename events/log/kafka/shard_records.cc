#include "events/log/kafka/shard_records.h"

#include "events/log/kafka/record_message.h"
#include "events/log/writer_turn.h"

#include <algorithm>
#include <utility>

namespace vouch::kafka {
namespace {

std::optional<ByteView> payload_of_any(const Message& message) {
    return message ? std::optional(payload_of(*message)) : std::nullopt;
}

/// Readers of one shard that are kept where they stopped.
constexpr std::size_t kCursorsMax = 3;
/// Closer than this to a known record, reading on is quicker than looking up.
constexpr std::uint64_t kReadOnMax = 2;
/// One wait for a message; the whole patience is made of these.
constexpr int kReadPollMs = 250;
/// One question about bounds.
constexpr int kBoundsMs = 5'000;
/// Looking for the end of what cannot be inflated.
constexpr int kUnreadableMs = 60'000;
/// A record's transaction takes as many of its topic's offsets, at least: itself and its mark.
constexpr std::int64_t kOffsetsOfRecord = 2;
/// So many of the last records are read one by one.
constexpr std::int64_t kReadAtEnd = 16;
/// No record has this number: the chain is followed to its end.
constexpr RecordNumber kLastOfAll{~std::uint64_t{0}};

}  // namespace

ShardRecords::ShardRecords(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                           RecordCache& cache, Strays& strays, const Patience& patience)
    : bootstrap_(options.bootstrap),
      topic_(events_topic(options)),
      shard_(shard),
      patience_(patience),
      watermarks_(watermarks),
      cache_(cache),
      strays_(strays),
      judge_(options.judge) {}

Fault ShardRecords::corrupt(RecordNumber record, const std::string& what) const {
    return {FaultCode::corrupt, record_name(shard_, record) + " " + what};
}

// --- Whose messages are ---------------------------------------------------------------------

/// The number of the record that a message is; empty, with an alarm, for what is none of this
/// shard's.
std::optional<RecordNumber> ShardRecords::record_of(const rd_kafka_message_t& message) {
    const std::optional<RecordNumber> number = number_of(message);
    if (!number) {
        pass_over(message.offset, "no record");
        return std::nullopt;
    }
    const std::string fault =
        judge_ ? judge_->fault_of(shard_, *number, payload_of(message)) : std::string();
    if (fault.empty()) return number;
    pass_over(message.offset, "not record " + std::to_string(number->value()) + ": " + fault);
    return std::nullopt;
}

/// Whether a record may stand behind `previous`; without one, at the beginning.
bool ShardRecords::follows(const rd_kafka_message_t& message,
                           std::optional<ByteView> previous) const {
    return !judge_ || judge_->follows(payload_of(message), previous);
}

void ShardRecords::pass_over(std::int64_t offset, const std::string& what) {
    strays_.pass_over(topic_, static_cast<std::int32_t>(shard_.value()), offset, what);
}

/// The reader is started anew behind what it cannot read.
Result<std::int64_t> ShardRecords::pass_unreadable(PartitionReader& reader, std::int64_t offset,
                                                   std::int64_t stable_end) {
    const auto partition = static_cast<std::int32_t>(shard_.value());
    const Result<std::int64_t> behind =
        reader.end_of_unreadable(partition, offset, stable_end,
                                 patience_.begin().left_ms(kUnreadableMs));
    if (!behind) return behind.error();
    pass_over(offset, "cannot be inflated, nor what follows up to offset " +
                          std::to_string(*behind));
    if (const Status started = reader.start(partition, *behind); !started) return started.error();
    return *behind;
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
    const Patience::Deadline deadline = patience_.begin();
    while (true) {
        const Result<Extent> found = watermarks_.extent(
            topic_, static_cast<std::int32_t>(shard_.value()), deadline.left_ms(kBoundsMs));
        if (found) return found;
        if (deadline.has_passed()) return Fault{FaultCode::storage, found.error().message};
    }
}

/// The first record of this shard at or after `offset`, or a copy of one; empty when there is none before `stable_end`.
Result<std::optional<ShardRecords::Found>> ShardRecords::first_from(PartitionReader& reader,
                                                                    std::int64_t offset,
                                                                    std::int64_t stable_end) {
    if (offset >= stable_end) return std::optional<Found>();
    if (const Status started = reader.start(static_cast<std::int32_t>(shard_.value()), offset);
        !started) {
        return started.error();
    }
    return next_from(reader, offset, stable_end);
}

/// The same for a reader that stands there already: behind what it found last.
Result<std::optional<ShardRecords::Found>> ShardRecords::next_from(PartitionReader& reader,
                                                                   std::int64_t offset,
                                                                   std::int64_t stable_end) {
    const Patience::Deadline deadline = patience_.begin();
    if (offset >= stable_end) return std::optional<Found>();
    while (true) {
        Result<Polled> polled = reader.next(kReadPollMs);
        if (!polled) {
            if (polled.error().code == FaultCode::corrupt) {
                return Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + ": " +
                                                     polled.error().message};
            }
            if (deadline.has_passed()) return Fault{FaultCode::storage, polled.error().message};
            continue;
        }
        if (polled->kind == Polled::Kind::message) {
            if (polled->offset >= stable_end) return std::optional<Found>();
            const std::optional<RecordNumber> number = record_of(*polled->message);
            if (!number) continue;
            return std::optional(Found{*number, polled->offset, std::move(polled->message)});
        }
        if (polled->kind == Polled::Kind::unreadable) {
            const Result<std::int64_t> behind =
                pass_unreadable(reader, std::max(offset, polled->offset), stable_end);
            if (!behind) return behind.error();
            if (*behind >= stable_end) return std::optional<Found>();
            continue;
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

Result<ShardRecords::LookUpReader> ShardRecords::look_up_reader() {
    {
        const std::lock_guard lock(mutex_);
        if (look_up_) return LookUpReader(look_up_.release(), {this});
    }
    Result<std::unique_ptr<PartitionReader>> opened =
        PartitionReader::open(bootstrap_, topic_, PartitionReader::ReadAhead::none);
    if (!opened) return opened.error();
    return LookUpReader(opened->release(), {this});
}

/// The one that another thread gave back meanwhile ends, and waits for the messages that its thread
/// still has: not under the lock, which that one may want.
void ShardRecords::GiveBack::operator()(PartitionReader* given) const {
    std::unique_ptr<PartitionReader> reader(given);
    // Left at the log's end it would ask the broker all the time.
    reader->stop();
    {
        const std::lock_guard lock(to->mutex_);
        to->look_up_.swap(reader);
    }
}

// --- The end ------------------------------------------------------------------------------

/// The record `up_to` of the chain, or the chain's last one when that comes before it; empty when
/// there is none.
///
/// A copy lies behind the record that it is of. So the chain is followed from where this process
/// followed it before (`known`), or from the topic's beginning: whatever stands behind, it ends there
/// too. Nothing is read of where records stand so close that nothing else can be between them.
Result<ShardRecords::Followed> ShardRecords::follow_chain(PartitionReader& reader,
                                                          std::optional<Place> known,
                                                          const Extent& bounds,
                                                          RecordNumber up_to) {
    const std::int64_t stable_end = bounds.stable_end;
    std::int64_t next = known ? known->offset : bounds.first;
    Result<std::optional<Found>> found = first_from(reader, next, stable_end);
    if (!found) return found.error();
    if (known && (!*found || (*found)->record != known->record || (*found)->offset != next)) {
        return corrupt(known->record, "is gone: it was at " + topic_ + " offset " +
                                          std::to_string(next) + " before");
    }
    // What the brokers have trimmed is missed by whoever wants it.
    RecordNumber wanted;
    if (*found && (known || bounds.first > 0)) wanted = (*found)->record;
    Followed followed;
    std::optional<Found>& last = followed.last;
    std::uint64_t read_max = 1;  // before a leap is tried
    for (std::uint64_t read = 0; *found;) {
        next = (*found)->offset + 1;
        const RecordNumber number = (*found)->record;
        if (number > wanted) {
            return corrupt(wanted, "is missing: " + topic_ + " offset " +
                                       std::to_string((*found)->offset) + " holds record " +
                                       std::to_string(number.value()));
        }
        const bool is_first = !last && wanted > RecordNumber(0);
        if (number == wanted &&
            (is_first || follows(*(*found)->message, last ? payload_of_any(last->message) : std::nullopt))) {
            last = std::move(*found);
            learn(number, last->offset);
            wanted = number.next();
        } else {
            pass_over((*found)->offset, "record " + std::to_string(number.value()) +
                                            " again, or one that does not follow its "
                                            "predecessor");
        }
        if (last && last->record >= up_to) break;
        const bool is_far = up_to == kLastOfAll
                                ? stable_end - next > kOffsetsOfRecord * (kReadAtEnd + 1)
                                : last && up_to.value() - last->record.value() > kReadOnMax;
        if (last && ++read >= read_max && is_far) {
            Result<Followed> leapt = leap(reader, *last, next, stable_end, up_to);
            if (!leapt) return leapt.error();
            followed.looks += leapt->looks;
            const std::uint64_t gained =
                leapt->last ? leapt->last->record.value() - last->record.value() : 0;
            // Where leaps lead no further than reading would, they become rare: whoever can write
            // to the topic can put something between the records everywhere.
            read_max = gained > leapt->looks ? 1 : read_max * 2;
            read = 0;
            if (leapt->last) {
                last = std::move(leapt->last);
                learn(last->record, last->offset);
                if (last->record >= up_to) break;
                wanted = last->record.next();
                next = last->offset + 1;
            }
            found = first_from(reader, next, stable_end);
        } else {
            found = next_from(reader, next, stable_end);
        }
        if (!found) return found.error();
    }
    return followed;
}

/// The furthest record found, at `begin` or behind and up to `up_to`, until which nothing but
/// records and their marks can stand from `from` on: as many offsets as it takes to write them. Empty
/// when none is found. On the way to the chain's end the last ones are left to be read one by one.
Result<ShardRecords::Followed> ShardRecords::leap(PartitionReader& reader, const Found& from,
                                                  std::int64_t begin, std::int64_t stable_end,
                                                  RecordNumber up_to) {
    Followed leapt;
    // In records: so many fit, so many do not.
    std::int64_t low = (begin - from.offset) / kOffsetsOfRecord;
    std::int64_t high = (stable_end - 1 - from.offset) / kOffsetsOfRecord + 1;
    const std::uint64_t wanted = up_to.value() - from.record.value();
    if (up_to == kLastOfAll) high -= kReadAtEnd;
    else if (wanted < static_cast<std::uint64_t>(high)) high = static_cast<std::int64_t>(wanted) + 1;
    for (std::int64_t far = high - 1; high - low > 1; far = low + (high - low) / 2) {
        const std::int64_t at = from.offset + far * kOffsetsOfRecord;
        Result<std::optional<Found>> found = first_from(reader, at, at + 1);
        if (!found) return found.error();
        ++leapt.looks;
        const std::uint64_t number = from.record.value() + static_cast<std::uint64_t>(far);
        if (*found && (*found)->record.value() == number) {
            low = far;
            leapt.last = std::move(*found);
        } else {
            high = far;
        }
    }
    return leapt;
}

// What was seen is copied before the brokers are asked: other threads look at the same time, and see
// more than this one is told.
Result<Tail> ShardRecords::read_tail() {
    RecordNumber ended;
    std::optional<Place> known;
    {
        const std::lock_guard lock(mutex_);
        ended = end_;
        known = followed_;
    }
    const Result<Extent> bounds = extent();
    if (!bounds) return bounds.error();
    Result<Tail> tail = shown_tail(known, *bounds);
    if (tail && tail->next_record < ended) {
        return corrupt(tail->next_record, "and what follows is gone: the log ended at " +
                                              std::to_string(ended.value()) + " before");
    }
    return tail;
}

/// The end that the brokers show within `bounds`, followed from where the chain was followed to
/// before they were asked for these.
Result<Tail> ShardRecords::shown_tail(std::optional<Place> known, const Extent& bounds) {
    Result<LookUpReader> reader = look_up_reader();
    if (!reader) return reader.error();
    Tail tail;
    tail.end_offset = bounds.stable_end;
    const Result<Followed> followed = follow_chain(**reader, known, bounds, kLastOfAll);
    if (!followed) return followed.error();
    tail.looks = followed->looks;
    const std::optional<Found>& last = followed->last;
    if (last) {
        const ByteView payload = payload_of(*last->message);
        tail.next_record = last->record.next();
        tail.last.emplace(payload.begin(), payload.end());
        cache_.put(shard_, last->record, payload);
    } else if (bounds.first > 0) {
        return Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + ": " + topic_ +
                                             " has lost all its records, it begins at offset " +
                                             std::to_string(bounds.first)};
    }
    const std::lock_guard lock(mutex_);
    if (last && (!followed_ || followed_->offset < last->offset))
        followed_ = Place{last->record, last->offset};
    return tail;
}

Result<std::optional<Bytes>> ShardRecords::next_of(const Tail& tail) {
    const Result<Extent> bounds = extent();
    if (!bounds) return bounds.error();
    Result<LookUpReader> reader = look_up_reader();
    if (!reader) return reader.error();
    std::optional<Bytes> next;
    Result<std::optional<Found>> found = first_from(**reader, tail.end_offset, bounds->stable_end);
    while (found && *found && !next) {
        const rd_kafka_message_t& message = *(*found)->message;
        const ByteView payload = payload_of(message);
        if ((*found)->record == tail.next_record && follows(message, tail.last)) {
            next.emplace(payload.begin(), payload.end());
        } else {
            found = next_from(**reader, (*found)->offset + 1, bounds->stable_end);
        }
    }
    if (!found) return found.error();
    return next;
}

void ShardRecords::own(const Tail& tail, std::function<bool()> is_owner) {
    const std::lock_guard lock(mutex_);
    is_owned_ = true;
    is_owner_ = std::move(is_owner);
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
    // Not the end's offset: until the brokers have written the mark, it lies before this record.
    end_ = record.next();
}

Result<RecordNumber> ShardRecords::end() {
    std::int64_t reached = 0;
    std::optional<Place> known;
    {
        const std::lock_guard lock(mutex_);
        if (knows_end()) return end_;
        reached = end_offset_;
        known = followed_;
    }
    const Result<Extent> bounds = extent();
    if (!bounds) return bounds.error();
    if (bounds->stable_end < reached) {
        return Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + ": " + topic_ +
                                             " ends at offset " +
                                             std::to_string(bounds->stable_end) + ", it reached " +
                                             std::to_string(reached) + " before"};
    }
    if (bounds->stable_end > reached) {
        const Result<Tail> tail = shown_tail(known, *bounds);
        if (!tail) return tail.error();
        const std::lock_guard lock(mutex_);
        // A writer that others may have displaced: what it believes stays its own matter. What it
        // has committed last, the brokers may not show yet.
        if (is_owned_) return std::max(end_, tail->next_record);
        // Another thread may have looked later than this one.
        if (tail->end_offset > end_offset_) {
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
        if (wanted < end_ || knows_end()) return end_;
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
    std::int64_t offset = 0;
    {
        Result<LookUpReader> reader = look_up_reader();
        if (!reader) return reader.error();
        const Result<Found> found = find(**reader, from);
        if (!found) return found.error();
        offset = found->offset;
    }
    if (!cursor) {
        Result<std::unique_ptr<PartitionReader>> reader =
            PartitionReader::open(bootstrap_, topic_, PartitionReader::ReadAhead::far);
        if (!reader) return reader.error();
        cursor = std::make_unique<Cursor>();
        cursor->reader = std::move(*reader);
    }
    if (const Status started =
            cursor->reader->start(static_cast<std::int32_t>(shard_.value()), offset);
        !started) {
        return started.error();
    }
    cursor->begin = offset;
    cursor->next = from;
    cursor->ahead = nullptr;
    cursor->previous = nullptr;
    return cursor;
}

void ShardRecords::return_cursor(std::unique_ptr<Cursor> cursor) {
    std::unique_ptr<Cursor> oldest;  // ends when the lock is free again: it takes a moment
    const std::lock_guard lock(mutex_);
    if (cursors_.size() >= kCursorsMax) {
        oldest = std::move(cursors_.front());
        cursors_.erase(cursors_.begin());
    }
    cursors_.push_back(std::move(cursor));
}

/// Where the record is, without whatever else says to be it: the chain is followed from the nearest
/// place that is known of it. The message ends before its reader.
Result<ShardRecords::Found> ShardRecords::find(PartitionReader& reader, RecordNumber record) {
    const Patience::Deadline deadline = patience_.begin();
    while (true) {
        const bool was_shown = is_shown(record);
        const Result<Extent> bounds = extent();
        if (!bounds) return bounds.error();
        Result<Followed> followed =
            follow_chain(reader, known_before(record, *bounds), *bounds, record);
        if (!followed) return followed.error();
        if (followed->last && followed->last->record == record) return std::move(*followed->last);
        if (was_shown || (followed->last && followed->last->record > record)) {
            return corrupt(record, "is missing from " + topic_ + " partition " +
                                       std::to_string(shard_.value()));
        }
        // It is durable, and its mark still to come: whatever is shown next is waited for.
        const Result<std::optional<Found>> shown =
            first_from(reader, bounds->stable_end, bounds->stable_end + 1);
        if (!shown && shown.error().code != FaultCode::storage) return shown.error();
        if (!shown || deadline.has_passed()) {
            return Fault{FaultCode::storage, record_name(shard_, record) + " is not shown yet"};
        }
    }
}

/// The nearest known place of the chain that is not behind the record, and that the brokers show.
std::optional<ShardRecords::Place> ShardRecords::known_before(RecordNumber record,
                                                              const Extent& bounds) {
    const std::lock_guard lock(mutex_);
    for (auto at = offsets_.upper_bound(record.value()); at != offsets_.begin();) {
        --at;
        if (at->second < bounds.first) break;
        if (at->second < bounds.stable_end) return Place{RecordNumber(at->first), at->second};
    }
    return std::nullopt;
}

/// Whether the chain was followed as far as the record.
bool ShardRecords::is_shown(RecordNumber record) {
    const std::lock_guard lock(mutex_);
    return followed_ && record <= followed_->record;
}

/// Waits for the record that the cursor stands before; it is known to be durable.
Result<ByteView> ShardRecords::look_ahead(Cursor& cursor) {
    const Patience::Deadline deadline = patience_.begin();
    while (!cursor.ahead) {
        std::int64_t reached = 0;
        std::optional<Place> shown;
        {
            const std::lock_guard lock(mutex_);
            reached = end_offset_;
            shown = followed_;
        }
        Result<Polled> polled = cursor.reader->next(kReadPollMs);
        if (!polled && polled.error().code == FaultCode::corrupt) {
            return corrupt(cursor.next, "cannot be read: " + polled.error().message);
        }
        bool is_missing = false;
        if (polled && polled->kind == Polled::Kind::message) {
            const std::optional<RecordNumber> number = record_of(*polled->message);
            if (!number) continue;
            const bool is_next =
                *number == cursor.next &&
                (cursor.previous ? follows(*polled->message, payload_of_any(cursor.previous))
                                 : polled->offset == cursor.begin);
            if (is_next) {
                learn(*number, polled->offset);
                cursor.ahead = std::move(polled->message);
                break;
            }
            is_missing = *number > cursor.next;
            if (!is_missing) {
                pass_over(polled->offset, "record " + std::to_string(number->value()) +
                                              " again, or one that does not follow its "
                                              "predecessor");
                continue;
            }
        } else if (polled && polled->kind == Polled::Kind::unreadable) {
            const Result<Extent> bounds = extent();
            if (!bounds) return bounds.error();
            const Result<std::int64_t> behind = pass_unreadable(
                *cursor.reader, std::max(cursor.begin, polled->offset), bounds->stable_end);
            if (!behind) return behind.error();
            continue;
        } else if (polled && polled->kind == Polled::Kind::end) {
            // An end that was met is no news: more may have come since. Whether the log became
            // shorter is asked of the brokers.
            const Result<Extent> bounds = extent();
            if (!bounds) return bounds.error();
            if (bounds->stable_end < reached) {
                return corrupt(cursor.next, "is gone: " + topic_ + " ends at offset " +
                                                std::to_string(bounds->stable_end) +
                                                ", it reached " + std::to_string(reached) +
                                                " before");
            }
            is_missing = shown && cursor.next <= shown->record && polled->offset > shown->offset;
        }
        if (is_missing) {
            return corrupt(cursor.next, "is missing from " + topic_ + " partition " +
                                            std::to_string(shard_.value()));
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

Status ShardRecords::read_range(RecordNumber record, std::size_t offset, std::size_t size,
                                Bytes& out) {
    if (cache_.read(shard_, record, offset, size, out)) return {};
    const Result<RecordNumber> end = known_end(record);
    if (!end) return end.error();
    if (record >= *end) {
        return corrupt(record, "is not in the log, which ends at " + std::to_string(end->value()));
    }
    Result<LookUpReader> reader = look_up_reader();
    if (!reader) return reader.error();
    const Result<Found> found = find(**reader, record);
    if (!found) return found.error();
    const ByteView bytes = payload_of(*found->message);
    cache_.put(shard_, record, bytes);
    const ByteView behind = bytes.subspan(std::min(offset, bytes.size()));
    const ByteView range = behind.first(std::min(size, behind.size()));
    out.assign(range.begin(), range.end());
    return {};
}

}  // namespace vouch::kafka
