#include "projector/views/materialise.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "events/entries/event.h"

#include <string>
#include <type_traits>
#include <variant>

namespace vouch::projector {
namespace {

Fault broken(const RecordHeader& header, std::uint64_t event, const std::string& what) {
    return {FaultCode::corrupt, "shard " + std::to_string(header.shard.value()) + " record " +
                                    std::to_string(header.record.value()) + " event " +
                                    std::to_string(event) + ": " + what};
}

/// Kinds that are found by their number only: an act, and what is named here. A command that is
/// decided on another shard must not seem to be one of this shard.
template <class E>
constexpr bool kHasNoRow =
    kEventKind<E>.is_act ||
    kIsOneOf<E, Unreadable, TermStarted, EpochSealed, StepsTaken, StepsSent, StepRefused,
             CommandForwarded, ForwardRepeated, Mark>;

}  // namespace

Status Materialiser::add(const RecordView& record, RowSink& sink) {
    const RecordHeader& header = record.header;
    EventReader reader(record.body);
    EventNumber number = header.first_event;
    const EventNumber end(header.first_event.value() + header.event_count);
    EventNumber block_first = number;
    std::size_t block_begin = 0;
    const auto close_block = [&] {
        const std::size_t size = reader.position() - block_begin;
        if (size == 0) return;
        encode_event_block({header.record, header.time}, record.body.subspan(block_begin, size),
                           value_);
        sink.put_at_end(event_block_key(block_first), value_);
        block_first = number;
        block_begin = reader.position();
    };

    while (true) {
        Result<std::optional<std::span<const std::byte>>> bytes = reader.next();
        if (!bytes) return broken(header, number.value(), bytes.error().message);
        if (!*bytes) break;
        if (number == end)
            return broken(header, number.value(), "more events than the header says");
        arena_.clear();
        if (const Status read = decode_event(**bytes, arena_, event_); !read)
            return broken(header, number.value(), read.error().message);
        add_event(header, number, event_, sink);
        number = number.next();
        if (reader.position() - block_begin >= kEventBlockBytes) close_block();
    }
    if (number != end) return broken(header, number.value(), "fewer events than the header says");
    close_block();

    encode_record_events({header.first_event, header.event_count}, value_);
    sink.put_at_end(record_time_key(header.time, header.record), value_);
    return {};
}

void Materialiser::add_event(const RecordHeader& header, EventNumber number, const Event& event,
                             RowSink& sink) {
    const auto visitor = [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, CommandDecided>) {
            add_decided(header, number, e, sink);
        } else if constexpr (std::is_same_v<E, HoldExpired>) {
            add_history(number, e.changes, sink);
            add_states(number, e.ledger, e.hold, {}, {}, sink);
        } else if constexpr (std::is_same_v<E, CommandInTransit>) {
            add_in_transit(number, e, sink);
        } else if constexpr (std::is_same_v<E, CommandAnswered>) {
            // The first event is the one that its context finds, and cited, so that it is found
            // from here.
            sink.put_command(e.ledger, e.id, number);
            add_history(number, e.changes, sink);
            add_states(number, e.ledger, e.hold, e.entry, e.by.shard, sink);
        } else if constexpr (std::is_same_v<E, StepFollowed>) {
            // Its id is another shard's command. The outcome there names the record here, so that
            // neither the event nor a followed hold needs a row to be found by.
            add_history(number, e.changes, sink);
        } else if constexpr (std::is_same_v<E, ConflictSeen>) {
            // The id's command row stays that of its first outcome.
            sink.put(conflict_key(e.command.ledger, e.command.id, number), {});
        } else if constexpr (std::is_same_v<E, TransitOpened>) {
            add_transit_opened(header, number, e, sink);
        } else {
            static_assert(kHasNoRow<E> && !ChangesAccounts<E>);
        }
    };
    std::visit(visitor, event);
}

void Materialiser::add_decided(const RecordHeader& header, EventNumber number,
                               const CommandDecided& decided, RowSink& sink) {
    const Command& command = decided.command;
    sink.put_command(command.ledger, command.id, number);
    add_history(number, decided.changes, sink);
    add_states(number, command.ledger, decided.hold, decided.entry, {}, sink);
    add_context(number, command, sink);
    if (is_accepted(decided.outcome)) {
        add_account_rows(header, number, decided, sink);
    } else {
        add_failed_members(number, decided, sink);
    }
}

void Materialiser::add_in_transit(EventNumber number, const CommandInTransit& sent, RowSink& sink) {
    const Command& command = sent.command;
    sink.put_command(command.ledger, command.id, number);
    add_history(number, sent.changes, sink);
    // What is undone across shards came from the one that it is given back to.
    add_states(number, command.ledger, sent.hold, sent.entry, sent.to, sink);
    add_context(number, command, sink);
}

void Materialiser::add_transit_opened(const RecordHeader& header, EventNumber number,
                                      const TransitOpened& opened, RowSink& sink) {
    add_history(number, {&opened.change, 1}, sink);
    encode_transit_opened(opened, number, {header.record, header.time}, value_);
    sink.put(account_opened_key(opened.change.account), value_);
}

void Materialiser::add_states(EventNumber number, LedgerId ledger,
                              const std::optional<HoldState>& hold,
                              const std::optional<EntryState>& entry, Leader leader,
                              RowSink& sink) {
    if (hold) {
        encode_hold(*hold, number, value_);
        sink.put(hold_key(ledger, hold->id), value_);
        // Stays when the hold is closed: who finds it asks the hold.
        const bool can_expire = hold->status == HoldStatus::open && hold->expires_at.value() != 0;
        if (can_expire) sink.put(hold_expiry_key(hold->expires_at, ledger, hold->id), {});
    }
    if (entry) {
        encode_entry_state(*entry, number, value_);
        sink.put(entry_state_key(ledger, entry->id, leader), value_);
        for (const Refunded& each : entry->refunded) {
            encode_refunded(each, value_);
            sink.put(refunded_key(ledger, entry->id, leader, each.posting), value_);
        }
    }
}

void Materialiser::add_context(EventNumber number, const Command& command, RowSink& sink) {
    if (command.context.empty()) return;
    sink.put(context_key(command.ledger, command.context, number), {});
}

void Materialiser::add_account_rows(const RecordHeader& header, EventNumber number,
                                    const CommandDecided& decided, RowSink& sink) {
    const Command& command = decided.command;
    if (decided.changes.empty()) return;
    const AccountNumber account = decided.changes.front().account;
    if (const auto* open = std::get_if<OpenAccount>(&command.body)) {
        encode_number(account.value(), value_);
        sink.put(account_id_key(command.ledger, open->account), value_);
        encode_account_opened(command, *open, number, {header.record, header.time}, value_);
        sink.put(account_opened_key(account), value_);
        if (!open->owner.empty()) sink.put(owner_key(command.ledger, open->owner, account), {});
    } else if (const auto* update = std::get_if<UpdateAccount>(&command.body)) {
        if (update->risk_class) {
            encode_number(*update->risk_class, value_);
            sink.put(account_update_key(account, AccountField::risk_class), value_);
        }
        if (!command.metadata.empty()) {
            encode_metadata(command.metadata, value_);
            sink.put(account_update_key(account, AccountField::metadata), value_);
        }
    }
}

void Materialiser::add_failed_members(EventNumber number, const CommandDecided& decided,
                                      RowSink& sink) {
    const auto* group = std::get_if<Group>(&decided.command.body);
    if (group == nullptr) return;
    // A member may have had its outcome before, which nothing here says of those behind the one
    // that failed. So these rows have the event in their key and overwrite nothing, and a reader
    // asks for the command row first.
    for (const Command& member : group->members) {
        sink.put(failed_member_key(member.ledger, member.id, number), {});
    }
}

void Materialiser::add_history(EventNumber number, std::span<const Change> changes, RowSink& sink) {
    VOUCH_ASSERT(changes.size() <= 0xffff);  // decode_event admits no more than a record's postings
    std::byte value[kHistoryValueMax];
    std::uint16_t index = 0;
    for (const Change& change : changes) {
        const std::byte* end = encode_history(change, value);
        sink.put_history(change.account, number, index, {value, end});
        ++index;
    }
}

}  // namespace vouch::projector
