#include "events/log/kafka/record_cursors.h"

#include "events/log/writer_turn.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace vouch::kafka {
namespace {

/// Readers of one shard that are kept where they stopped.
constexpr std::size_t kCursorsMax = 3;

}  // namespace

Result<std::int64_t> RecordCursors::offset_of(RecordNumber record) {
    Result<RecordChain::LookUpReader> reader = chain_.look_up_reader();
    if (!reader) return reader.error();
    const Result<FoundRecord> found = chain_.find(**reader, record);
    if (!found) return found.error();
    return found->offset;
}

Result<std::unique_ptr<RecordCursor>> RecordCursors::take(RecordNumber from) {
    std::unique_ptr<RecordCursor> cursor;
    {
        const std::lock_guard lock(mutex_);
        const auto fitting =
            std::ranges::find_if(idle_, [&](const auto& idle) { return idle->next == from; });
        if (fitting != idle_.end()) {
            cursor = std::move(*fitting);
            idle_.erase(fitting);
            return cursor;
        }
        if (idle_.size() >= kCursorsMax) {
            cursor = std::move(idle_.front());
            idle_.erase(idle_.begin());
        }
    }
    const Result<std::int64_t> offset = offset_of(from);
    if (!offset) return offset.error();
    if (!cursor) {
        Result<std::unique_ptr<PartitionReader>> reader = topic_.open_reader(ReadAhead::far);
        if (!reader) return reader.error();
        cursor = std::make_unique<RecordCursor>();
        cursor->reader = std::move(*reader);
    }
    if (const Status started = cursor->reader->start(topic_.partition(), *offset); !started)
        return started.error();
    cursor->begin = *offset;
    cursor->next = from;
    cursor->ahead = {};
    cursor->previous = {};
    return cursor;
}

void RecordCursors::give_back(std::unique_ptr<RecordCursor> cursor) {
    std::unique_ptr<RecordCursor> oldest;  // ends when the lock is free again: it takes a moment
    const std::lock_guard lock(mutex_);
    if (idle_.size() >= kCursorsMax) {
        oldest = std::move(idle_.front());
        idle_.erase(idle_.begin());
    }
    idle_.push_back(std::move(cursor));
}

/// Whether a message is the record that the cursor stands before, which then has it; what is of no
/// matter is passed over. `corrupt` when a later record stands there instead.
Result<bool> RecordCursors::take_ahead(RecordCursor& cursor, Polled& polled) {
    const std::optional<RecordNumber> number = topic_.record_of(polled.message);
    if (!number) return false;
    const bool is_next =
        *number == cursor.next &&
        (cursor.previous ? topic_.follows(polled.message, cursor.previous)
                         : polled.offset == cursor.begin);
    if (is_next) {
        places_.learn(*number, polled.offset);
        cursor.ahead = std::move(polled.message);
        return true;
    }
    if (*number > cursor.next) return topic_.missing(cursor.next);
    topic_.pass_over_repeat(*number, polled.offset);
    return false;
}

/// An end that was met is no news: more may have come since. Whether the log became shorter is
/// asked of the brokers.
Status RecordCursors::check_end(const RecordCursor& cursor, std::int64_t end, std::int64_t reached,
                                const std::optional<RecordPlace>& shown) {
    const Result<Extent> bounds = topic_.extent();
    if (!bounds) return bounds.error();
    if (bounds->stable_end < reached) {
        return topic_.corrupt(cursor.next, "is gone: " + topic_.name() + " ends at offset " +
                                               std::to_string(bounds->stable_end) +
                                               ", it reached " + std::to_string(reached) +
                                               " before");
    }
    if (shown && cursor.next <= shown->record && end > shown->offset)
        return topic_.missing(cursor.next);
    return {};
}

Result<ByteView> RecordCursors::look_ahead(RecordCursor& cursor) {
    const Patience::Deadline deadline = topic_.patience().begin();
    while (!cursor.ahead) {
        // Before the reader is asked: other threads look at the same time, and see more.
        const std::int64_t reached = end_.reached();
        const std::optional<RecordPlace> shown = places_.followed();
        Result<Polled> polled = cursor.reader->next(RecordTopic::kReadPollMs);
        if (!polled && polled.error().code == FaultCode::corrupt)
            return topic_.corrupt(cursor.next, "cannot be read: " + polled.error().message);
        switch (polled ? polled->kind : Polled::Kind::nothing) {
            case Polled::Kind::message: {
                const Result<bool> taken = take_ahead(cursor, *polled);
                if (!taken) return taken.error();
                continue;
            }
            case Polled::Kind::unreadable: {
                const Result<Extent> bounds = topic_.extent();
                if (!bounds) return bounds.error();
                const Result<std::int64_t> behind = topic_.pass_unreadable(
                    *cursor.reader, std::max(cursor.begin, polled->offset), bounds->stable_end);
                if (!behind) return behind.error();
                continue;
            }
            case Polled::Kind::end:
                if (const Status there = check_end(cursor, polled->offset, reached, shown); !there)
                    return there.error();
                break;
            case Polled::Kind::nothing:
                break;
        }
        if (deadline.has_passed()) {
            return Fault{FaultCode::storage,
                         record_name(topic_.shard(), cursor.next) + " was not read: " +
                             (polled ? std::string("the brokers do not answer")
                                     : polled.error().message)};
        }
    }
    return cursor.ahead.payload;
}

void RecordCursors::consume(RecordCursor& cursor) {
    cursor.previous = std::move(cursor.ahead);
    cursor.next = cursor.next.next();
}

}  // namespace vouch::kafka
