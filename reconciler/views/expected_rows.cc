#include "reconciler/views/expected_rows.h"

#include "reconciler/views/row_match.h"

namespace vouch::reconciler {

void ExpectedRows::expect(const ViewRow& row) {
    rows_.add(row_digest(IdRowKind::row_expected, row, event_));
}

void ExpectedRows::add(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event) {
    record_ = record.position;
    time_ = record.header.time;
    event_ = first_event;
    for (const std::uint32_t item :
         std::span(chunk.items).subspan(record.first_item, record.item_count)) {
        if ((item & Chunk::kIsTransfer) == 0) {
            std::visit([this](const auto& event) { add(event); }, chunk.events[item]->event);
        } else if (const PlainTransfer& plain = chunk.transfers[item & ~Chunk::kIsTransfer];
                   plain.context) {
            rows_.add(context_row(plain.ledger, *plain.context, event_));
        }
        event_ = event_.next();
    }
}

void ExpectedRows::add_states(LedgerId ledger, const std::optional<HoldState>& hold,
                              const std::optional<EntryState>& entry, const Leader& leader) {
    if (hold) {
        expect(ViewHold{ledger, *hold, event_});
        // One for each end that the hold ever had, also after it is closed.
        if (hold->status == HoldStatus::open && hold->expires_at.value() != 0)
            expect(ViewHoldExpiry{ledger, hold->id, hold->expires_at});
    }
    if (!entry) return;
    expect(ViewEntry{ledger, entry->id, leader, entry->reversed, event_});
    for (const Refunded& sum : entry->refunded)
        expect(ViewRefunded{ledger, entry->id, leader, sum});
}

void ExpectedRows::add_context(const Command& command) {
    if (!command.context.empty()) expect(ViewContext{command.ledger, command.context, event_});
}

void ExpectedRows::add(const CommandDecided& decided) {
    add_context(decided.command);
    add_states(decided.command.ledger, decided.hold, decided.entry, {});
    add_command(decided);
}

/// What it is known of for ever: an account that it opened or updated, or the members that failed.
void ExpectedRows::add_command(const CommandDecided& decided) {
    const Command& command = decided.command;
    const bool is_accepted_here = is_accepted(decided.outcome);
    if (const auto* group = std::get_if<Group>(&command.body); group && !is_accepted_here) {
        for (const Command& member : group->members)
            expect(ViewFailedMember{member.ledger, member.id, event_});
    }
    if (!is_accepted_here || decided.changes.empty()) return;
    if (const auto* open = std::get_if<OpenAccount>(&command.body)) add_opening(decided, *open);
    const auto* update = std::get_if<UpdateAccount>(&command.body);
    if (update == nullptr) return;
    const AccountNumber number = decided.changes.front().account;
    if (update->risk_class) expect(ViewRiskClass{number, *update->risk_class});
    if (!command.metadata.empty()) expect(ViewMetadata{number, command.metadata});
}

void ExpectedRows::add_opening(const CommandDecided& decided, const OpenAccount& open) {
    const Command& command = decided.command;
    const AccountNumber number = decided.changes.front().account;
    expect(ViewAccountId{command.ledger, open.account, number});
    expect(ViewAccount{number, command.ledger, open.account, open.asset, open.account_class,
                       open.risk_class, open.name, open.chart_code, open.owner, command.metadata,
                       {}, event_, record_, time_});
    if (!open.owner.empty()) expect(ViewOwner{command.ledger, open.owner, number});
}

/// What is undone across shards came from the shard that it goes back to, which led it.
void ExpectedRows::add(const CommandInTransit& sent) {
    add_context(sent.command);
    add_states(sent.command.ledger, sent.hold, sent.entry, sent.to);
}

void ExpectedRows::add(const CommandAnswered& answered) {
    add_states(answered.ledger, answered.hold, answered.entry, answered.by.shard);
}

void ExpectedRows::add(const ConflictSeen& conflict) {
    expect(ViewConflict{conflict.command.ledger, conflict.command.id, event_});
}

void ExpectedRows::add(const HoldExpired& expired) {
    add_states(expired.ledger, expired.hold, {}, {});
}

void ExpectedRows::add(const TransitOpened& opened) {
    expect(ViewAccount{opened.change.account, opened.ledger, {}, opened.asset,
                       AccountClass::liability, 0, {}, {}, {}, {},
                       ViewTransit{opened.from, opened.to}, event_, record_, time_});
}

}  // namespace vouch::reconciler
