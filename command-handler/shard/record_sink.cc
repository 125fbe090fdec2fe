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
    VOUCH_ASSERT(record_.body_size + encoded_event_max(event) + kMemberPrefixMax <= OpenRecord::kBodyCapacity);
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

void RecordSink::append(const CommandDecided& event) { facts_.add(event, write(event), record_.facts); }

void RecordSink::append(const HoldExpired& event) { facts_.add(event, write(Event(event)), record_.facts); }

void RecordSink::append(const ConflictSeen& event) { write(Event(event)); }

void RecordSink::append(const Event& event) { write(event); }

std::uint64_t RecordSink::position() const {
    points_.push_back({record_.body_size, record_.event_count, record_.facts.size()});
    return points_.size() - 1;
}

void RecordSink::undo_to(std::uint64_t position) {
    const Point point = points_[position];
    points_.resize(position);
    facts_.undo(record_.facts, point.facts);
    record_.body_size = point.body_size;
    record_.event_count = point.event_count;
}

std::size_t RecordSink::events_bytes_max(const CommandBody& body, std::size_t command_bytes) {
    // An account after a change, with every number at its longest.
    constexpr std::size_t kChangeBytesMax = 192;
    // A posting in a command is never shorter than its two id halves.
    constexpr std::size_t kPostingBytesMin = 18;
    constexpr std::size_t kRest = 512;
    std::size_t changes = command_bytes / kPostingBytesMin + 2;
    if (std::holds_alternative<Reverse>(body) || std::holds_alternative<Group>(body)) changes = kPostingsMax + 2;
    return 2 * command_bytes + changes * kChangeBytesMax + kRest;
}

}  // namespace vouch::command_handler
