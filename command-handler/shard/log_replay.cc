#include "command-handler/shard/log_replay.h"

#include "events/entries/codec.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace vouch::command_handler {
namespace {

constexpr const char* kNotTheNext = "does not follow its predecessor's digest";

constexpr std::size_t kReplayBytes = std::size_t{8} << 20;

/// What a header says otherwise than the chain demands; null when all is as it must be.
const char* header_fault(const RecordHeader& header, const ChainHead& head) {
    if (header.first_event != head.next_event) return "event numbers do not follow";
    if (header.time < head.last_time) return "time goes back";
    if (header.term < head.term) return "term goes back";
    if (header.epoch != head.epoch) return "not of the open epoch";
    if (!follows(header, head.last_digest)) return kNotTheNext;
    return nullptr;
}

}  // namespace

// The facts of records that the snapshot covers and the store does not are read without applying.
Status LogReplay::run(const StorePosition& store) {
    ChainHead& head = books_.head;
    if (store.next_record < head.next_record) {
        if (Status status = read_facts(store); !status) return status;
    }
    const Result<RecordNumber> end = with_.log.end(with_.shard);
    if (!end) return end.error();
    std::vector<StoredRecord> records;
    while (head.next_record < *end) {
        records.clear();
        if (Status status =
                with_.log.read_records(with_.shard, head.next_record, kReplayBytes, records);
            !status) {
            return status;
        }
        for (const StoredRecord& stored : records) {
            if (head.next_record == *end) break;
            const bool is_new_to_store = head.next_record >= store.next_record;
            if (Status status = replay_record(stored, is_new_to_store); !status) return status;
        }
        if (Status status = rotate_facts(head.next_record); !status) return status;
    }
    return {};
}

Status LogReplay::read_facts(StorePosition from) {
    const ChainHead& head = books_.head;
    RecordNumber& next = from.next_record;
    std::vector<StoredRecord> records;
    while (next < head.next_record) {
        records.clear();
        if (Status status = with_.log.read_records(with_.shard, next, kReplayBytes, records);
            !status) {
            return status;
        }
        for (const StoredRecord& stored : records) {
            if (next == head.next_record) break;
            const Result<RecordView> record = verifier_.verify(next, stored.bytes);
            if (!record) return record.error();
            if (!follows(record->header, from.digest))
                return with_.corrupt(next, kNotTheNext);
            if (Status status = replay_events(*record, false, true); !status) return status;
            from = {next.next(), record->digest};
        }
        if (Status status = rotate_facts(next); !status) return status;
    }
    if (from.digest == head.last_digest) return {};
    return with_.corrupt(RecordNumber(next.value() - 1),
                         "is not the one before those that the snapshot was made from");
}

Status LogReplay::replay_record(const StoredRecord& stored, bool take_facts) {
    ChainHead& head = books_.head;
    const Result<RecordView> record = verifier_.verify(head.next_record, stored.bytes);
    if (!record) return record.error();
    const RecordHeader& header = record->header;
    if (const char* fault = header_fault(header, head)) {
        return with_.corrupt(head.next_record, fault);
    }
    if (Status status = replay_events(*record, true, take_facts); !status) return status;
    if (!head.epoch_has_record) {
        head.epoch_first_event = header.first_event;
        head.epoch_first_time = header.time;
        head.epoch_has_record = true;
    }
    if (ended_epoch_) {
        head.epoch = head.epoch.next();
        head.epoch_has_record = false;
    }
    head.next_record = header.record.next();
    head.next_event = EventNumber(header.first_event.value() + header.event_count);
    head.last_digest = record->digest;
    head.last_time = header.time;
    head.term = header.term;
    head.next_command = header.next_command;
    head.next_step = header.next_step;
    return {};
}

/// Applies a record's events and takes their facts, or one of both.
Status LogReplay::replay_events(const RecordView& record, bool applies, bool takes_facts) {
    const RecordNumber number = record.header.record;
    EventReader reader(record.body);
    std::vector<AddedFact> added;
    EventNumber event_number = record.header.first_event;
    ended_epoch_ = false;
    while (true) {
        const Result<std::optional<ByteView>> bytes = reader.next();
        if (!bytes) return with_.corrupt(number, bytes.error().message);
        if (!*bytes) break;
        const Locator locator{
            .record = number,
            .event = event_number,
            .offset = static_cast<std::uint32_t>((*bytes)->data() - record.body.data()),
            .size = static_cast<std::uint32_t>((*bytes)->size())};
        const Result<Event> event = decode(**bytes, locator);
        if (!event) return event.error();
        if (takes_facts) books_.facts->add_any(*event, locator, added);
        if (applies && !apply(*event, event_number))
            return corrupt(locator, "does not follow from the ones before");
        ended_epoch_ = std::holds_alternative<EpochSealed>(*event);
        event_number = event_number.next();
    }
    if (event_number.value() - record.header.first_event.value() != record.header.event_count) {
        return with_.corrupt(number, "holds another number of events than its header says");
    }
    books_.facts->forget_answers();
    if (books_.facts->fault()) return *books_.facts->fault();
    if (takes_facts)
        books_.index->recent().newest_is_durable(added, {number.next(), record.digest});
    return {};
}

/// All up to `next` are durable.
Status LogReplay::rotate_facts(RecordNumber next) {
    return books_.index->recent().rotate(next, next);
}

/// It borrows from the arena until the next one is decoded.
Result<Event> LogReplay::decode(ByteView bytes, const Locator& locator) {
    arena_.clear();
    Result<Event> event = decode_event(bytes, arena_);
    if (!event) return corrupt(locator, event.error().message);
    const auto* raised = std::get_if<FormatRaised>(&*event);
    if (raised == nullptr || raised->to <= kFormatLevel) return event;
    return Fault{FaultCode::configuration,
                 "shard " + std::to_string(with_.shard.value()) + " record " +
                     std::to_string(locator.record.value()) +
                     ": newer programs write format level " + std::to_string(raised->to) +
                     ", this one knows up to " + std::to_string(kFormatLevel) +
                     "; use the newer program"};
}

Fault LogReplay::corrupt(const Locator& locator, const std::string& what) const {
    return with_.corrupt(locator.record,
                         "event " + std::to_string(locator.event.value()) + ": " + what);
}

/// False when it does not follow from the events before it.
bool LogReplay::apply(const Event& event, EventNumber number) {
    if (!follows_state(event) || !apply_to_peers(event)) return false;
    books_.state.apply(event, number, may_be_newer());
    if (const auto* accepted = std::get_if<ClockAccepted>(&event))
        books_.head.clock_accepted = accepted->last;
    return true;
}

/// A snapshot's peers are exactly of its head, so this holds after one too.
bool LogReplay::apply_to_peers(const Event& event) {
    std::vector<StepPeerBefore> durable;
    if (const auto* sent = std::get_if<StepsSent>(&event))
        return books_.peers.apply(*sent, durable);
    if (const auto* taken = std::get_if<StepsTaken>(&event))
        return books_.peers.apply(*taken, durable);
    return true;
}

bool LogReplay::follows_state(const Event& event) const {
    const std::span<const Change> changes = changes_of(event);
    const auto* decided = std::get_if<CommandDecided>(&event);
    const bool opens = std::holds_alternative<TransitOpened>(event) ||
                       (decided && std::holds_alternative<OpenAccount>(decided->command.body));
    if (changes.empty()) return true;
    const AccountTable& accounts = books_.state.accounts();
    if (opens) {
        const AccountNumber number = changes.front().account;
        return changes.size() == 1 && (number == books_.state.accounts().next() ||
                                       (may_be_newer() && number < books_.state.accounts().next()));
    }
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const Change& change = changes[i];
        if (change.account >= books_.state.accounts().next()) return false;
        if (may_be_newer()) continue;
        // An entry may name an account several times.
        std::uint64_t before = accounts.row(change.account).standing.version.value();
        for (std::size_t k = 0; k < i; ++k)
            before += changes[k].account == change.account ? 1U : 0U;
        if (change.version.value() != before + 1) return false;
    }
    return true;
}

}  // namespace vouch::command_handler
