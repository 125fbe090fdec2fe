#include "reconciler/reading/prepared_record.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "events/entries/event.h"
#include "events/part_of.h"

namespace vouch::reconciler {

void Chunk::clear() {
    stored.clear();
    records.clear();
    items.clear();
    transfers.clear();
    events.clear();
    arena.clear();
    fault.reset();
}

void RecordPreparation::prepare(Chunk& chunk) {
    for (const StoredRecord& stored : chunk.stored) {
        PreparedRecord record;
        record.position = stored.number;
        record.first_item = chunk.items.size();
        if (const Result<RecordView> view = parse_record(stored.bytes); view) {
            record.is_record = true;
            record.header = view->header;
            record.digest = view->digest;
            record.body = view->body;
            if (!has_body_of_table(*view)) {
                record.mac = MacCheck::wrong;
            } else if (macs_) {
                const Tag expected = record_tag(macs_->of(view->header.epoch), view->digest);
                record.mac = equal_tags(expected, view->tag) ? MacCheck::right : MacCheck::wrong;
            }
            prepare_events(chunk, record);
        } else {
            record.fault = view.error().message;
        }
        record.item_count = chunk.items.size() - record.first_item;
        chunk.records.push_back(record);
    }
}

namespace {

const Command* command_of(const Event& event) {
    return part_of(event, static_cast<const Command*>(nullptr),
                   [](const auto& e) -> decltype(&e.command) { return &e.command; });
}

PlainTransfer::Leg leg_of(AccountId id, const Change& change) {
    return {id, change.account, change.state, change.version, change.totals, change.limit};
}

}  // namespace

void RecordPreparation::prepare_events(Chunk& chunk, PreparedRecord& record) {
    EventReader reader(record.body);
    bool is_first = true;
    while (true) {
        const Result<std::optional<ByteView>> bytes = reader.next();
        if (!bytes) {
            record.fault = bytes.error().message;
            return;
        }
        if (!bytes->has_value()) break;
        // Transfers are read into memory that is used again at once; what stays is read a second
        // time.
        scratch_.clear();
        if (const Status read = decode_event(**bytes, scratch_, event_); !read) {
            record.fault = read.error().message;
            return;
        }
        record.seal.reset();
        const auto* decided = std::get_if<CommandDecided>(&event_);
        if (decided == nullptr || !prepare_transfer(chunk, record, *decided, **bytes)) {
            PreparedEvent* kept = chunk.arena.make<PreparedEvent>(1).data();
            const Status again = decode_event(**bytes, chunk.arena, kept->event);
            VOUCH_ASSERT(again.has_value());
            if (const Command* command = command_of(kept->event))
                kept->content = content_.of(*command);
            if (const auto* seal = std::get_if<EpochSealed>(&kept->event)) record.seal = *seal;
            if (const auto* term = std::get_if<TermStarted>(&kept->event); term && is_first) {
                record.term_started = term->term;
                record.program = term->program;
            }
            if (kind_of(kept->event).is_act) record.acts.push_back(&kept->event);
            chunk.items.push_back(static_cast<std::uint32_t>(chunk.events.size()));
            chunk.events.push_back(kept);
        }
        is_first = false;
    }
    record.is_whole = true;
}

bool RecordPreparation::prepare_transfer(Chunk& chunk, const PreparedRecord& record,
                                         const CommandDecided& decided, ByteView bytes) {
    const Command& command = decided.command;
    const auto* transfer = std::get_if<Transfer>(&command.body);
    if (transfer == nullptr || decided.outcome != Outcome::posted || decided.changes.size() != 2)
        return false;
    if (transfer->balancing != Balancing::none || decided.moved || !decided.group.is_zero())
        return false;
    if (decided.hold || decided.entry || !decided.members.empty() || !decided.facts.is_empty())
        return false;
    if (command.expected_version) return false;
    if (command.expires_at.value() != 0 && record.header.time >= command.expires_at) return false;
    const Change& debit = decided.changes[0];
    const Change& credit = decided.changes[1];
    if (debit.side != Side::debit || credit.side != Side::credit) return false;
    if (debit.amount != transfer->amount || credit.amount != transfer->amount) return false;
    PlainTransfer& plain = chunk.transfers.emplace_back();
    plain.debit = leg_of(transfer->debit, debit);
    plain.credit = leg_of(transfer->credit, credit);
    plain.amount = transfer->amount;
    plain.id = command.id;
    plain.ledger = command.ledger;
    plain.decimals = command.amount_decimals;
    plain.content = content_.of(command);
    if (!command.context.empty()) plain.context = text_digest(command.context);
    plain.body_offset = static_cast<std::uint32_t>(bytes.data() - record.body.data());
    plain.body_size = static_cast<std::uint32_t>(bytes.size());
    chunk.items.push_back(Chunk::kIsTransfer |
                          static_cast<std::uint32_t>(chunk.transfers.size() - 1));
    return true;
}

}  // namespace vouch::reconciler
