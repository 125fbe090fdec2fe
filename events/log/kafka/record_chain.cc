#include "events/log/kafka/record_chain.h"

#include "events/log/writer_turn.h"

#include <mutex>
#include <utility>

namespace vouch::kafka {
namespace {

/// Closer than this to a known record, reading on is quicker than looking up.
constexpr std::uint64_t kReadOnMax = 2;
/// A record's transaction takes as many of its topic's offsets, at least: itself and its mark.
constexpr std::int64_t kOffsetsOfRecord = 2;
/// So many of the last records are read one by one.
constexpr std::int64_t kReadAtEnd = 16;

/// Whether the records before one can have stood since `offset`, where `record` can have. A number
/// beyond that is somebody's invention.
bool has_room(std::int64_t offset, RecordNumber record, const FoundRecord& behind) {
    const std::int64_t room = (behind.offset - offset) / kOffsetsOfRecord;
    return behind.record.value() - record.value() <= static_cast<std::uint64_t>(room);
}

}  // namespace

Result<RecordChain::LookUpReader> RecordChain::look_up_reader() {
    {
        const std::lock_guard lock(mutex_);
        if (look_up_) return LookUpReader(look_up_.release(), {this});
    }
    Result<std::unique_ptr<PartitionReader>> opened = topic_.open_reader(ReadAhead::none);
    if (!opened) return opened.error();
    return LookUpReader(opened->release(), {this});
}

/// The one that another thread gave back meanwhile ends, and waits for the messages that its thread
/// still has: not under the lock, which that one may want.
void RecordChain::GiveBack::operator()(PartitionReader* given) const {
    std::unique_ptr<PartitionReader> reader(given);
    // Left at the log's end it would ask the broker all the time.
    reader->stop();
    {
        const std::lock_guard lock(to->mutex_);
        to->look_up_.swap(reader);
    }
}

Result<ChainReach> RecordChain::follow(PartitionReader& reader, std::optional<RecordPlace> known,
                                     const Extent& bounds, RecordNumber up_to) {
    const std::int64_t stable_end = bounds.stable_end;
    std::int64_t next = known ? known->offset : bounds.first;
    Result<std::optional<FoundRecord>> found = topic_.first_from(reader, next, stable_end);
    if (!found) return found.error();
    if (known && (!*found || (*found)->record != known->record || (*found)->offset != next)) {
        return topic_.corrupt(known->record, "is gone: it was at " + topic_.name() + " offset " +
                                          std::to_string(next) + " before");
    }
    // What the brokers have trimmed is missed by whoever wants it.
    RecordNumber wanted;
    if (*found && (known || bounds.first > 0)) wanted = (*found)->record;
    const TopicMessage nothing;
    ChainReach followed;
    std::optional<FoundRecord>& last = followed.last;
    std::uint64_t read_max = 1;  // before a leap is tried
    for (std::uint64_t read = 0; *found;) {
        next = (*found)->offset + 1;
        const RecordNumber number = (*found)->record;
        const bool is_behind_gap =
            number > wanted && topic_.passes_damage() &&
            has_room(last ? last->offset : bounds.first, last ? last->record : wanted, **found);
        if (number > wanted && !topic_.passes_damage()) {
            return topic_.corrupt(wanted, "is missing: " + topic_.name() + " offset " +
                                       std::to_string((*found)->offset) + " holds record " +
                                       std::to_string(number.value()));
        }
        const bool is_first = !last && wanted > RecordNumber(0);
        const bool is_next =
            number == wanted &&
            (is_first || topic_.follows((*found)->message, last ? last->message : nothing));
        if (is_next || is_behind_gap) {
            last = std::move(*found);
            places_.learn(number, last->offset);
            wanted = number.next();
        } else {
            topic_.pass_over_repeat(number, (*found)->offset);
        }
        if (last && last->record >= up_to) break;
        const bool is_far = up_to == kLastOfAll
                                ? stable_end - next > kOffsetsOfRecord * (kReadAtEnd + 1)
                                : last && up_to.value() - last->record.value() > kReadOnMax;
        if (last && ++read >= read_max && is_far) {
            Result<ChainReach> leapt = leap(reader, *last, next, stable_end, up_to);
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
                places_.learn(last->record, last->offset);
                if (last->record >= up_to) break;
                wanted = last->record.next();
                next = last->offset + 1;
            }
            found = topic_.first_from(reader, next, stable_end);
        } else {
            found = topic_.next_from(reader, next, stable_end);
        }
        if (!found) return found.error();
    }
    return followed;
}

/// The furthest record found, at `begin` or behind and up to `up_to`, until which nothing but
/// records and their marks can stand from `from` on: as many offsets as it takes to write them.
/// Empty when none is found. On the way to the chain's end the last ones are left to be read one by
/// one.
Result<ChainReach> RecordChain::leap(PartitionReader& reader, const FoundRecord& from,
                                   std::int64_t begin, std::int64_t stable_end,
                                   RecordNumber up_to) {
    ChainReach leapt;
    // In records: so many fit, so many do not.
    std::int64_t low = (begin - from.offset) / kOffsetsOfRecord;
    std::int64_t high = (stable_end - 1 - from.offset) / kOffsetsOfRecord + 1;
    const std::uint64_t wanted = up_to.value() - from.record.value();
    if (up_to == kLastOfAll) high -= kReadAtEnd;
    else if (wanted < static_cast<std::uint64_t>(high))
        high = static_cast<std::int64_t>(wanted) + 1;
    for (std::int64_t far = high - 1; high - low > 1; far = low + (high - low) / 2) {
        const std::int64_t at = from.offset + far * kOffsetsOfRecord;
        Result<std::optional<FoundRecord>> found = topic_.first_from(reader, at, at + 1);
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

Result<FoundRecord> RecordChain::find(PartitionReader& reader, RecordNumber record) {
    const Patience::Deadline deadline = topic_.patience().begin();
    while (true) {
        const bool was_shown = is_shown(record);
        const Result<Extent> bounds = topic_.extent();
        if (!bounds) return bounds.error();
        Result<ChainReach> followed =
            follow(reader, places_.nearest(record, *bounds), *bounds, record);
        if (!followed) return followed.error();
        if (followed->last && followed->last->record == record) return std::move(*followed->last);
        if (was_shown || (followed->last && followed->last->record > record)) {
            return topic_.missing(record);
        }
        // It is durable, and its mark still to come: whatever is shown next is waited for.
        const Result<std::optional<FoundRecord>> shown =
            topic_.first_from(reader, bounds->stable_end, bounds->stable_end + 1);
        if (!shown && shown.error().code != FaultCode::storage) return shown.error();
        if (!shown || deadline.has_passed()) {
            return Fault{FaultCode::storage,
                         record_name(topic_.shard(), record) + " is not shown yet"};
        }
    }
}

/// Whether the chain was followed as far as the record.
bool RecordChain::is_shown(RecordNumber record) {
    const std::optional<RecordPlace> followed = places_.followed();
    return followed && record <= followed->record;
}

}  // namespace vouch::kafka
