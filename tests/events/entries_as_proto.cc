#include "tests/events/entries_as_proto.h"

#include <type_traits>

namespace vouch::test {
namespace {

std::string text(std::string_view view) { return std::string(view); }

std::string text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class M>
void set_account(M& to, AccountId id) {
    to.set_account_high(id.high());
    to.set_account_low(id.low());
}

template <class M>
void set_amount(M& to, Amount amount) {
    to.set_amount(amount.low());
    to.set_amount_high(amount.high());
}

void set_limit(v1::Limit& to, const Limit& limit) {
    to.set_unlimited(limit.is_unlimited());
    set_amount(to, limit.below_zero());
}

template <class M>
void set_debit_credit(M& to, AccountId debit, AccountId credit) {
    to.set_debit_high(debit.high());
    to.set_debit_low(debit.low());
    to.set_credit_high(credit.high());
    to.set_credit_low(credit.low());
}

template <class M>
void set_hold(M& to, CommandId hold) {
    to.set_hold_high(hold.high());
    to.set_hold_low(hold.low());
}

template <class M>
void set_entry(M& to, CommandId entry) {
    to.set_entry_high(entry.high());
    to.set_entry_low(entry.low());
}

template <class M>
void set_payer(M& to, AccountId payer) {
    to.set_payer_high(payer.high());
    to.set_payer_low(payer.low());
}

template <class M>
void set_asset(M& to, Asset asset) {
    to.set_asset_code(asset.code());
    to.set_asset_scale(asset.scale().value());
}

/// Fills the oneof of a Command.
struct BodyWriter {
    v1::Command& to;

    void operator()(const Transfer& from) const {
        v1::Transfer& body = *to.mutable_transfer();
        set_debit_credit(body, from.debit, from.credit);
        set_amount(body, from.amount);
        body.set_balancing(static_cast<v1::Balancing>(from.balancing));
    }
    void operator()(const PlaceHold& from) const {
        v1::PlaceHold& body = *to.mutable_place_hold();
        set_debit_credit(body, from.debit, from.credit);
        set_amount(body, from.amount);
        body.set_balancing(static_cast<v1::Balancing>(from.balancing));
        body.set_expires_in_us(from.expires_in_us);
    }
    void operator()(const CaptureHold& from) const {
        v1::CaptureHold& body = *to.mutable_capture_hold();
        set_hold(body, from.hold);
        set_account(body, from.account);
        if (from.amount) set_amount(body, *from.amount);
        body.set_keep_rest(from.keep_rest);
        body.set_credit_high(from.credit.high());
        body.set_credit_low(from.credit.low());
    }
    void operator()(const ReleaseHold& from) const {
        set_hold(*to.mutable_release_hold(), from.hold);
        set_account(*to.mutable_release_hold(), from.account);
    }
    void operator()(const PostEntry& from) const {
        to.mutable_post_entry();
        for (const Posting& posting : from.postings) {
            v1::Posting& line = *to.mutable_post_entry()->add_postings();
            set_account(line, posting.account);
            line.set_side(posting.side == Side::debit ? v1::SIDE_DEBIT : v1::SIDE_CREDIT);
            set_amount(line, posting.amount);
        }
    }
    void operator()(const OpenAccount& from) const {
        v1::OpenAccount& body = *to.mutable_open_account();
        set_account(body, from.account);
        body.set_name(text(from.name));
        set_asset(body, from.asset);
        body.set_account_class(static_cast<v1::AccountClass>(from.account_class));
        if (from.limit != Limit{}) set_limit(*body.mutable_limit(), from.limit);
        body.set_chart_code(text(from.chart_code));
        body.set_owner(text(from.owner));
        body.set_risk_class(from.risk_class);
    }
    void operator()(const UpdateAccount& from) const {
        v1::UpdateAccount& body = *to.mutable_update_account();
        set_account(body, from.account);
        if (from.limit) set_limit(*body.mutable_limit(), *from.limit);
        if (from.risk_class) body.set_risk_class(*from.risk_class);
    }
    void operator()(const FreezeAccount& from) const {
        set_account(*to.mutable_freeze_account(), from.account);
        to.mutable_freeze_account()->set_block(static_cast<v1::Block>(from.block));
    }
    void operator()(const UnfreezeAccount& from) const {
        set_account(*to.mutable_unfreeze_account(), from.account);
        to.mutable_unfreeze_account()->set_block(static_cast<v1::Block>(from.block));
    }
    void operator()(const CloseAccount& from) const {
        set_account(*to.mutable_close_account(), from.account);
    }
    void operator()(const ExtendHold& from) const {
        set_hold(*to.mutable_extend_hold(), from.hold);
        set_account(*to.mutable_extend_hold(), from.account);
        to.mutable_extend_hold()->set_expires_in_us(from.expires_in_us);
    }
    void operator()(const Reverse& from) const {
        set_entry(*to.mutable_reverse(), from.entry);
        set_account(*to.mutable_reverse(), from.account);
    }
    void operator()(const Refund& from) const {
        v1::Refund& body = *to.mutable_refund();
        set_entry(body, from.entry);
        set_account(body, from.account);
        if (from.amount) set_amount(body, *from.amount);
        body.set_from_high(from.from.high());
        body.set_from_low(from.from.low());
        if (from.debit_posting) body.set_debit_posting(*from.debit_posting);
        if (from.credit_posting) body.set_credit_posting(*from.credit_posting);
    }
    void operator()(const Group& from) const {
        to.mutable_group();
        for (const Command& member : from.members) {
            *to.mutable_group()->add_members() = as_proto(member);
        }
    }
    void operator()(const SetClock& from) const {
        to.mutable_set_clock()->set_time_us(from.time.value());
    }
};

/// Whether a command names the account of the change at this place itself.
bool is_id_said(const v1::Command& command, std::size_t place) {
    if (command.has_transfer() || command.has_place_hold()) return place < 2;
    if (command.has_post_entry())
        return place < static_cast<std::size_t>(command.post_entry().postings_size());
    const bool is_of_one = command.has_open_account() || command.has_update_account() ||
                           command.has_freeze_account() || command.has_unfreeze_account() ||
                           command.has_close_account();
    return is_of_one && place == 0;
}

void set_change(v1::Change& to, const Change& from, bool is_posting_said = false,
                bool is_id_said = false) {
    to.set_account(from.account.value());
    to.set_version(from.version.value());
    to.set_debits_posted(from.totals.debits_posted.low());
    to.set_credits_posted(from.totals.credits_posted.low());
    to.set_debits_held(from.totals.debits_held.low());
    to.set_credits_held(from.totals.credits_held.low());
    to.set_debits_posted_high(from.totals.debits_posted.high());
    to.set_credits_posted_high(from.totals.credits_posted.high());
    to.set_debits_held_high(from.totals.debits_held.high());
    to.set_credits_held_high(from.totals.credits_held.high());
    if (from.limit != Limit{}) set_limit(*to.mutable_limit(), from.limit);
    to.set_block(static_cast<std::uint32_t>(from.state.block));
    to.set_closed(from.state.closed);
    if (!is_posting_said && from.side) {
        to.set_side(*from.side == Side::debit ? v1::SIDE_DEBIT : v1::SIDE_CREDIT);
        set_amount(to, from.amount);
    }
    if (is_id_said) return;
    to.set_id_high(from.id.high());
    to.set_id_low(from.id.low());
}

void set_hold_state(v1::HoldState& to, const HoldState& from) {
    to.set_id_high(from.id.high());
    to.set_id_low(from.id.low());
    to.set_payer(from.payer.value());
    if (from.payee) to.set_payee_plus_one(from.payee->value() + 1);
    to.set_remaining(from.remaining.low());
    to.set_remaining_high(from.remaining.high());
    to.set_captured(from.captured.low());
    to.set_captured_high(from.captured.high());
    to.set_expires_at(from.expires_at.value());
    to.set_status(static_cast<v1::HoldStatus>(from.status));
    to.set_remote_payee_high(from.remote_payee.high());
    to.set_remote_payee_low(from.remote_payee.low());
}

void set_entry_state(v1::EntryState& to, const EntryState& from) {
    to.set_id_high(from.id.high());
    to.set_id_low(from.id.low());
    to.set_reversed(from.reversed);
    for (const Refunded& refunded : from.refunded) {
        v1::Refunded& one = *to.add_refunded();
        one.set_posting(refunded.posting);
        set_amount(one, refunded.amount);
    }
}

void set_fact(v1::AmountFact& to, const AmountFact& from) {
    to.set_unlimited(from.unlimited);
    set_amount(to, from.amount);
}

void set_facts(v1::Facts& to, const Facts& from) {
    set_account(to, from.account);
    if (from.available) set_fact(*to.mutable_available(), *from.available);
    if (from.limit) set_fact(*to.mutable_limit(), *from.limit);
    if (from.held) set_fact(*to.mutable_held(), *from.held);
    if (from.remaining) set_fact(*to.mutable_remaining(), *from.remaining);
    if (from.version) to.set_version(from.version->value());
}

struct EventWriter {
    v1::Event& to;

    void operator()(const CommandDecided& from) const {
        *to.mutable_command() = as_proto(from.command);
        to.set_outcome(static_cast<v1::Outcome>(from.outcome));
        const bool is_said = to.command().has_transfer() || to.command().has_post_entry();
        for (std::size_t i = 0; i < from.changes.size(); ++i)
            set_change(*to.add_changes(), from.changes[i], is_said, is_id_said(to.command(), i));
        if (from.hold) set_hold_state(*to.mutable_hold(), *from.hold);
        if (from.entry) set_entry_state(*to.mutable_entry(), *from.entry);
        if (from.facts != Facts{}) set_facts(*to.mutable_facts(), from.facts);
        to.set_group_high(from.group.high());
        to.set_group_low(from.group.low());
        set_moved(from.moved);
        for (const MemberOutcome& member : from.members) {
            v1::MemberOutcome& one = *to.add_members();
            one.set_outcome(static_cast<v1::Outcome>(member.outcome));
            one.set_repeated(member.repeated);
        }
    }
    void operator()(const CommandAnswered& from) const {
        to.set_outcome(static_cast<v1::Outcome>(from.outcome));
        for (const Change& change : from.changes) set_change(*to.add_changes(), change);
        if (from.hold) set_hold_state(*to.mutable_hold(), *from.hold);
        if (from.entry) set_entry_state(*to.mutable_entry(), *from.entry);
        if (from.facts != Facts{}) set_facts(*to.mutable_facts(), from.facts);
        set_moved(from.moved);
        v1::Answered& answered = *to.mutable_answered();
        answered.set_shard(from.by.shard.value());
        answered.set_record(from.by.record.value());
        answered.set_first_event(from.first_event.value());
        answered.set_ledger(from.ledger.value());
        answered.set_id_high(from.id.high());
        answered.set_id_low(from.id.low());
    }
    void operator()(const ConflictSeen& from) const {
        *to.mutable_command() = as_proto(from.command);
        to.mutable_conflict_seen()->set_first_event(from.first_event.value());
    }
    void operator()(const Unreadable& from) const {
        v1::Unreadable& event = *to.mutable_unreadable();
        event.set_offset(from.offset.value());
        if (from.member) event.set_member_plus_one(*from.member + 1);
        event.set_length(from.length);
        event.set_digest(text(from.digest));
        event.set_outcome(static_cast<v1::Outcome>(from.outcome));
        event.set_field(text(from.field));
        if (from.next_offset) event.set_next_offset(from.next_offset->value());
    }
    void operator()(const TermStarted& from) const {
        v1::TermStarted& event = *to.mutable_term_started();
        event.set_term(from.term.value());
        event.set_writer(text(from.writer));
        event.set_program(text(from.program));
    }
    void operator()(const EpochSealed& from) const {
        v1::EpochSealed& event = *to.mutable_epoch_sealed();
        event.set_epoch(from.epoch.value());
        event.set_first_event(from.first_event.value());
        event.set_last_event(from.last_event.value());
        event.set_next_key_commitment(text(from.next_key_commitment));
    }
    void operator()(const HoldExpired& from) const {
        for (const Change& change : from.changes) set_change(*to.add_changes(), change);
        set_hold_state(*to.mutable_hold(), from.hold);
        to.mutable_hold_expired()->set_ledger(from.ledger.value());
    }
    void operator()(const CommandInTransit& from) const {
        *to.mutable_command() = as_proto(from.command);
        for (std::size_t i = 0; i < from.changes.size(); ++i) {
            const bool is_said = i == 0 && is_id_said(to.command(), i);
            set_change(*to.add_changes(), from.changes[i], false, is_said);
        }
        if (from.hold) set_hold_state(*to.mutable_hold(), *from.hold);
        if (from.entry) set_entry_state(*to.mutable_entry(), *from.entry);
        set_moved(from.moved);
        to.mutable_in_transit()->set_to(from.to.value());
    }
    void operator()(const StepFollowed& from) const {
        to.set_outcome(static_cast<v1::Outcome>(from.outcome));
        for (const Change& change : from.changes) set_change(*to.add_changes(), change);
        if (from.hold) set_hold_state(*to.mutable_hold(), *from.hold);
        if (from.facts != Facts{}) set_facts(*to.mutable_facts(), from.facts);
        set_moved(from.moved);
        *to.mutable_step_followed()->mutable_step() = as_proto(from.step);
    }
    void operator()(const TransitOpened& from) const {
        set_change(*to.add_changes(), from.change);
        v1::TransitOpened& event = *to.mutable_transit_opened();
        event.set_ledger(from.ledger.value());
        event.set_from(from.from.value());
        event.set_to(from.to.value());
        set_asset(event, from.asset);
        event.set_successor(from.successor);
    }
    void operator()(const StepsTaken& from) const {
        v1::StepsTaken& event = *to.mutable_steps_taken();
        event.set_from(from.from.value());
        event.set_number(from.number.value());
        event.set_first(from.first);
        event.set_count(from.count);
        event.set_record(from.record.value());
        event.set_record_digest(text(from.record_digest));
        event.set_digest(text(from.digest));
        event.set_left(from.left);
        event.set_rebuilt(from.rebuilt);
    }
    void operator()(const StepsSent& from) const {
        v1::StepsSent& event = *to.mutable_steps_sent();
        event.set_to(from.to.value());
        event.set_number(from.number.value());
        event.set_count(from.count);
        event.set_digest(text(from.digest));
    }
    void operator()(const StepRefused& from) const {
        v1::StepRefused& event = *to.mutable_step_refused();
        event.set_offset(from.offset.value());
        event.set_length(from.length);
        event.set_digest(text(from.digest));
    }
    void operator()(const CommandForwarded& from) const {
        *to.mutable_command() = as_proto(from.command);
        to.mutable_command_forwarded()->set_to(from.to.value());
    }
    void operator()(const ForwardRepeated& from) const {
        *to.mutable_command() = as_proto(from.command);
        to.mutable_forward_repeated()->set_first_event(from.first_event.value());
    }
    void operator()(const Mark&) const { to.mutable_mark(); }
    void operator()(const InputMoved& from) const {
        v1::InputMoved& event = *to.mutable_input_moved();
        event.set_input(static_cast<v1::InputKind>(from.input));
        event.set_from(from.from.value());
        event.set_to(from.to.value());
        event.set_reason(text(from.reason));
        event.set_asked_by(text(from.asked_by));
    }
    void operator()(const ClockAccepted& from) const {
        v1::ClockAccepted& event = *to.mutable_clock_accepted();
        event.set_accepted(from.accepted.value());
        event.set_last(from.last.value());
        event.set_asked_by(text(from.asked_by));
    }
    void operator()(const TailLost& from) const {
        v1::TailLost& event = *to.mutable_tail_lost();
        event.set_record(from.record.value());
        if (from.known_record) event.set_known_record(from.known_record->value());
        event.set_known_digest(text(from.known_digest));
        event.set_asked_by(text(from.asked_by));
    }
    void operator()(const FormatRaised& from) const {
        v1::FormatRaised& event = *to.mutable_format_raised();
        event.set_from(from.from);
        event.set_to(from.to);
        event.set_asked_by(text(from.asked_by));
    }

    void set_moved(const std::optional<Amount>& moved) const {
        if (!moved) return;
        to.set_moved(moved->low());
        to.set_moved_high(moved->high());
    }
};

/// Fills the oneof of a Step.
struct StepWriter {
    v1::Step& to;

    template <class M, class S>
    static void set_parties(M& body, const S& from) {
        set_payer(body, from.payer);
        body.set_payee_high(from.payee.high());
        body.set_payee_low(from.payee.low());
        set_asset(body, from.asset);
        set_amount(body, from.amount);
    }
    template <class M>
    static void set_freed(M& body, Amount freed) {
        body.set_freed(freed.low());
        body.set_freed_high(freed.high());
    }

    void operator()(const CreditStep& from) const {
        set_parties(*to.mutable_credit(), from);
        to.mutable_credit()->set_may_take_less(from.may_take_less);
        to.mutable_credit()->set_makes_entry(from.makes_entry);
    }
    void operator()(const HoldStep& from) const {
        set_parties(*to.mutable_hold(), from);
        to.mutable_hold()->set_may_take_less(from.may_take_less);
    }
    void operator()(const CaptureStep& from) const {
        v1::CaptureStep& body = *to.mutable_capture();
        set_hold(body, from.hold);
        set_payer(body, from.payer);
        set_amount(body, from.amount);
        set_freed(body, from.freed);
    }
    void operator()(const ReleaseStep& from) const {
        v1::ReleaseStep& body = *to.mutable_release();
        set_hold(body, from.hold);
        set_freed(body, from.freed);
        body.set_expired(from.expired);
    }
    void operator()(const AnswerStep& from) const {
        v1::AnswerStep& body = *to.mutable_answer();
        body.set_outcome(static_cast<v1::Outcome>(from.outcome));
        set_amount(body, from.amount);
        if (from.facts != Facts{}) set_facts(*body.mutable_facts(), from.facts);
    }
    void operator()(const ForwardStep& from) const {
        *to.mutable_forwarded() = as_proto(from.command);
    }
};

}  // namespace

v1::Command as_proto(const Command& from) {
    v1::Command to;
    to.set_id_high(from.id.high());
    to.set_id_low(from.id.low());
    to.set_ledger(from.ledger.value());
    std::visit(BodyWriter{to}, from.body);
    to.set_context(text(from.context));
    if (!from.actor_id.empty()) to.mutable_actor()->set_id(text(from.actor_id));
    if (!from.actor_address.empty()) to.mutable_actor()->set_address(text(from.actor_address));
    if (!from.actor_device.empty()) to.mutable_actor()->set_device(text(from.actor_device));
    to.set_module(text(from.module));
    to.set_ticket(text(from.ticket));
    if (from.expected_version) to.set_expected_version(from.expected_version->value());
    to.set_expires_at(from.expires_at.value());
    if (from.amount_decimals) to.set_amount_decimals(from.amount_decimals->value());
    for (const Metadata& pair : from.metadata) {
        v1::Metadata& one = *to.add_metadata();
        one.set_key(text(pair.key));
        one.set_value(text(pair.value));
    }
    to.set_channel(text(from.channel));
    to.set_id_text(text(from.id_text));
    if (from.trace.is_given()) {
        to.mutable_trace()->set_trace_high(from.trace.high);
        to.mutable_trace()->set_trace_low(from.trace.low);
        to.mutable_trace()->set_span(from.trace.span);
        to.mutable_trace()->set_flags(from.trace.flags);
    }
    to.set_document_date(from.document_date.value());
    to.set_kind(static_cast<v1::VoucherKind>(from.kind));
    for (const Reference& reference : from.references) {
        v1::Reference& one = *to.add_references();
        one.set_type(static_cast<v1::ReferenceType>(reference.type));
        one.set_value(text(reference.value));
    }
    to.set_reason(text(from.reason));
    for (const Attachment& attachment : from.attachments) {
        v1::Attachment& one = *to.add_attachments();
        one.set_digest(attachment.digest.data(), attachment.digest.size());
        one.set_media_type(text(attachment.media_type));
        one.set_size(attachment.size);
    }
    return to;
}

v1::Step as_proto(const Step& from) {
    v1::Step to;
    to.set_ledger(from.ledger.value());
    to.set_command_high(from.command.high());
    to.set_command_low(from.command.low());
    std::visit(StepWriter{to}, from.kind);
    to.set_id_text(text(from.id_text));
    return to;
}

v1::Event as_proto(const Event& from) {
    v1::Event to;
    std::visit(EventWriter{to}, from);
    return to;
}

std::string as_text(const Command& command) { return as_proto(command).DebugString(); }

std::string as_text(const Step& step) { return as_proto(step).DebugString(); }

std::string as_text(const Event& event) {
    std::string shown = as_proto(event).DebugString();
    // What the message leaves to the command.
    if (const auto* decided = std::get_if<CommandDecided>(&event)) {
        for (const Change& change : decided->changes) {
            shown += change.side ? (*change.side == Side::debit ? "debit " : "credit ") : "none ";
            shown += std::to_string(change.amount.high()) + ":" +
                     std::to_string(change.amount.low()) + "\n";
        }
    }
    return shown;
}

}  // namespace vouch::test
