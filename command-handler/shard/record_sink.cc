#include "command-handler/shard/record_sink.h"

#include "events/check.h"
#include "events/entries/codec.h"

namespace vouch::command_handler {
namespace {

/// A varint of the event's length, plus its tag.
constexpr std::size_t kMemberPrefixMax = 6;

/// What stands before an event's message in the body: its tag (one byte) and its length.
std::uint32_t member_prefix(const std::byte* member) {
    std::uint32_t bytes = 1;
    while (static_cast<unsigned>(member[bytes]) >= 0x80) ++bytes;
    return bytes + 1;
}

}  // namespace

template <class Written>
Locator RecordSink::write(const Written& event) {
    VOUCH_ASSERT(record_.body_size + encoded_event_max(event) + kMemberPrefixMax <=
                 OpenRecord::kBodyCapacity);
    std::byte* start = record_.body.get() + record_.body_size;
    const std::byte* end = append_event(event, start);
    const std::uint32_t prefix = member_prefix(start);
    const Locator locator{.record = record_.number(),
                          .event = record_.next_event(),
                          .offset = static_cast<std::uint32_t>(record_.body_size) + prefix,
                          .size = static_cast<std::uint32_t>(end - start) - prefix};
    record_.body_size += static_cast<std::size_t>(end - start);
    ++record_.event_count;
    return locator;
}

void RecordSink::append(const CommandDecided& event) {
    facts_.add(event, write(event), record_.facts);
}

void RecordSink::append(const HoldExpired& event) {
    facts_.add(event, write(Event(event)), record_.facts);
}

void RecordSink::append(const ConflictSeen& event) { write(Event(event)); }

void RecordSink::append(const CommandInTransit& event) {
    facts_.add(event, write(event), record_.facts);
}

void RecordSink::append(const CommandAnswered& event) {
    facts_.add(event, write(event), record_.facts);
}

void RecordSink::append(const StepFollowed& event) {
    facts_.add(event, write(event), record_.facts);
}

void RecordSink::append(const TransitOpened& event) { write(Event(event)); }

void RecordSink::append(const ForwardRepeated& event) { write(Event(event)); }

void RecordSink::append(const CommandForwarded& event) { write(Event(event)); }

void RecordSink::append(const Event& event) { write(event); }

bool RecordSink::has_room_for(std::size_t bytes, std::size_t batches) const {
    const std::size_t batches_then = record_.outbox.batch_count() + batches;
    return batches_then <= kCommitStepsMax &&
           record_.body_size + bytes + batches_then * kStepsSentBytesMax <= kRecordBodyMax;
}

std::uint64_t RecordSink::position() const {
    points_.push_back({record_.body_size, record_.event_count, record_.facts.size(),
                       record_.outbox.batch_count()});
    return points_.size() - 1;
}

void RecordSink::undo_to(std::uint64_t position) {
    const Point point = points_[position];
    points_.resize(position);
    VOUCH_ASSERT(record_.outbox.batch_count() == point.batches);  // nothing in a group sends steps
    recent_.undo(record_.number(), record_.facts, point.facts);
    record_.body_size = point.body_size;
    record_.event_count = point.event_count;
}

}  // namespace vouch::command_handler
