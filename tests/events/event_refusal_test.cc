#include "event.pb.h"
#include "events/entries/codec.h"
#include "tests/events/raw_message.h"
#include "tests/events/sample_entries.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>

namespace vouch::test {
namespace {

/// The field at fault; "read" when there is none.
std::string event_verdict(std::string_view bytes) {
    const std::vector<std::byte> exact(as_bytes(bytes).begin(), as_bytes(bytes).end());
    Arena arena;
    const Result<Event> event = decode_event(exact, arena);
    if (event) return "read";
    CHECK(event.error().code == FaultCode::corrupt);
    const std::string& message = event.error().message;
    const std::size_t from = message.find('\'') + 1;
    return message.substr(from, message.rfind('\'') - from);
}

v1::Event message_of(std::string_view name) {
    v1::Event message;
    for (const SampleEvent& sample : sample_events()) {
        if (sample.name == name) REQUIRE(message.ParseFromString(encoded(sample.event)));
    }
    return message;
}

const std::string kDigest(32, 'd');

}  // namespace

TEST_CASE("decode_event: an event must be whole, of one kind, and true to its command") {
    struct Row {
        std::string_view sample;
        std::function<void(v1::Event&)> change;
        std::string_view field;
    };
    const Row rows[] = {
        {"transfer", [](v1::Event&) {}, "read"},
        {"transfer", [](v1::Event& e) { e.clear_command(); }, "command"},
        {"transfer", [](v1::Event& e) { e.clear_outcome(); }, "outcome"},
        {"transfer", [](v1::Event& e) { e.set_outcome(static_cast<v1::Outcome>(15)); }, "outcome"},
        {"transfer", [](v1::Event& e) { e.set_outcome(static_cast<v1::Outcome>(63)); }, "outcome"},
        {"transfer", [](v1::Event& e) { e.set_outcome(static_cast<v1::Outcome>(256 + 6)); },
         "outcome"},
        {"transfer", [](v1::Event& e) { e.set_outcome(static_cast<v1::Outcome>(-1)); }, "outcome"},
        {"transfer", [](v1::Event& e) { e.mutable_changes()->RemoveLast(); }, "changes"},
        {"transfer", [](v1::Event& e) { e.add_changes()->set_version(1); }, "changes"},
        {"transfer", [](v1::Event& e) { e.clear_changes(); }, "changes"},
        {"transfer", [](v1::Event& e) { e.set_outcome(v1::OUTCOME_ACCOUNT_CLOSED); }, "changes"},
        {"transfer", [](v1::Event& e) { e.mutable_changes(0)->set_side(v1::SIDE_DEBIT); },
         "changes.side"},
        {"transfer", [](v1::Event& e) { e.mutable_changes(0)->set_amount(5); }, "changes.side"},
        {"transfer",
         [](v1::Event& e) {
             e.mutable_command()->clear_id_low();
             e.mutable_command()->clear_id_high();
         },
         "id"},
        {"transfer",
         [](v1::Event& e) {
             e.mutable_command()->mutable_transfer()->clear_credit_high();
             e.mutable_command()->mutable_transfer()->clear_credit_low();
         },
         "transfer.credit"},
        {"transfer", [](v1::Event& e) { e.mutable_command()->mutable_actor(); }, "actor"},
        {"transfer",
         [](v1::Event& e) {
             e.set_group_high(~0ULL);
             e.set_group_low(~0ULL);
         },
         "group"},
        {"transfer", [](v1::Event& e) { e.mutable_facts(); }, "facts"},
        {"transfer", [](v1::Event& e) { e.mutable_term_started(); }, "event"},
        {"transfer", [](v1::Event& e) { e.mutable_changes(0)->mutable_limit(); }, "limit"},
        {"transfer", [](v1::Event& e) { e.mutable_changes(0)->set_block(4); }, "changes.block"},
        {"post_entry", [](v1::Event& e) { e.mutable_changes()->RemoveLast(); }, "changes"},
        {"post_entry", [](v1::Event& e) { e.mutable_changes(2)->set_side(v1::SIDE_DEBIT); },
         "changes.side"},
        {"capture_hold", [](v1::Event& e) { e.mutable_changes(0)->clear_side(); }, "changes.side"},
        {"capture_hold",
         [](v1::Event& e) { e.mutable_changes(0)->set_side(static_cast<v1::Side>(3)); },
         "changes.side"},
        {"capture_hold", [](v1::Event& e) { e.mutable_changes(0)->clear_amount(); }, "read"},
        {"capture_hold",
         [](v1::Event& e) {
             e.mutable_changes(0)->set_id_high(~0ULL);
             e.mutable_changes(0)->set_id_low(~0ULL);
         },
         "changes.id"},
        // Where the command says it.
        {"transfer", [](v1::Event& e) { e.mutable_changes(1)->set_id_low(1); }, "changes.id"},
        {"post_entry", [](v1::Event& e) { e.mutable_changes(2)->set_id_low(1); }, "changes.id"},
        {"place_hold", [](v1::Event& e) { e.mutable_changes(0)->set_id_low(1); }, "changes.id"},
        {"open_account", [](v1::Event& e) { e.mutable_changes(0)->set_id_low(1); }, "changes.id"},
        {"transfer_in_transit", [](v1::Event& e) { e.mutable_changes(0)->set_id_low(1); },
         "changes.id"},
        {"refund_in_transit", [](v1::Event& e) { e.mutable_changes(0)->set_id_low(1); }, "read"},
        {"capture_hold",
         [](v1::Event& e) {
             e.mutable_hold()->clear_id_high();
             e.mutable_hold()->clear_id_low();
         },
         "hold.id"},
        {"capture_hold",
         [](v1::Event& e) { e.mutable_hold()->set_status(static_cast<v1::HoldStatus>(5)); },
         "hold.status"},
        {"capture_hold", [](v1::Event& e) { e.mutable_hold()->set_expires_at(-1); },
         "hold.expires_at"},
        {"open_account",
         [](v1::Event& e) {
             e.mutable_command()->mutable_open_account()->mutable_limit()->clear_amount();
             e.mutable_command()->mutable_open_account()->mutable_limit()->clear_amount_high();
         },
         "limit"},
        {"open_account", [](v1::Event& e) { e.mutable_command()->set_ledger(8); },
         "open_account.name"},
        {"refund",
         [](v1::Event& e) {
             e.mutable_entry()->clear_id_high();
             e.mutable_entry()->clear_id_low();
         },
         "entry.id"},
        {"refund", [](v1::Event& e) { e.mutable_entry()->mutable_refunded(0)->set_posting(1); },
         "entry.refunded.posting"},
        {"refund", [](v1::Event& e) { e.mutable_entry()->mutable_refunded(0)->set_posting(2); },
         "entry.refunded.posting"},
        {"group", [](v1::Event& e) { e.mutable_members(0)->clear_outcome(); }, "members.outcome"},
        {"group",
         [](v1::Event& e) { e.mutable_members(0)->set_outcome(static_cast<v1::Outcome>(31)); },
         "members.outcome"},
        {"transfer_answered", [](v1::Event& e) { e.clear_outcome(); }, "event"},
        {"transfer_answered", [](v1::Event& e) { e.set_group_low(1); }, "event"},
        {"transfer_answered",
         [](v1::Event& e) { e.add_members()->set_outcome(v1::OUTCOME_POSTED); }, "event"},
        {"transfer_answered",
         [](v1::Event& e) {
             e.mutable_answered()->clear_id_high();
             e.mutable_answered()->clear_id_low();
         },
         "answered.id"},
        {"transfer_answered", [](v1::Event& e) { e.mutable_in_transit()->set_to(1); }, "event"},
        {"transfer", [](v1::Event& e) { e.mutable_answered()->set_id_low(1); }, "event"},
        {"conflict_seen", [](v1::Event& e) { e.clear_command(); }, "event"},
        {"conflict_seen", [](v1::Event& e) { e.set_outcome(v1::OUTCOME_CONFLICT); }, "event"},
        {"conflict_seen", [](v1::Event& e) { e.mutable_conflict_seen()->clear_first_event(); },
         "read"},
        {"unreadable", [](v1::Event& e) { e.mutable_unreadable()->mutable_digest()->pop_back(); },
         "unreadable.digest"},
        {"unreadable",
         [](v1::Event& e) { e.mutable_unreadable()->mutable_digest()->push_back('x'); },
         "unreadable.digest"},
        {"unreadable", [](v1::Event& e) { e.mutable_unreadable()->clear_digest(); },
         "unreadable.digest"},
        {"unreadable", [](v1::Event& e) { e.mutable_unreadable()->clear_outcome(); },
         "unreadable.outcome"},
        {"unreadable",
         [](v1::Event& e) { e.mutable_unreadable()->set_outcome(v1::OUTCOME_CONFLICT); },
         "unreadable.outcome"},
        {"unreadable",
         [](v1::Event& e) { e.mutable_unreadable()->set_field(std::string(65, 'x')); },
         "unreadable.field"},
        {"unreadable", [](v1::Event& e) { e.mutable_term_started(); }, "event"},
        {"unreadable", [](v1::Event& e) { e.mutable_unreadable()->set_next_offset(43); },
         "unreadable.member_plus_one"},
        {"unreadable_batch", [](v1::Event& e) { e.mutable_unreadable()->set_next_offset(1); },
         "read"},
        {"unreadable_range", [](v1::Event& e) { e.mutable_unreadable()->set_field("x"); },
         "unreadable.field"},
        {"unreadable_range", [](v1::Event& e) { e.mutable_unreadable()->set_next_offset(42); },
         "unreadable.next_offset"},
        {"unreadable_range", [](v1::Event& e) { e.mutable_unreadable()->clear_next_offset(); },
         "unreadable.digest"},
        {"unreadable_range", [](v1::Event& e) { e.mutable_unreadable()->set_digest("short"); },
         "unreadable.digest"},
        {"term_started_named",
         [](v1::Event& e) { e.mutable_term_started()->set_writer(std::string(65, 'x')); },
         "term_started.writer"},
        {"term_started_named",
         [](v1::Event& e) { e.mutable_term_started()->set_program(std::string(65, 'x')); },
         "term_started.program"},
        {"mark", [](v1::Event& e) { e.add_changes(); }, "event"},
        {"mark", [](v1::Event& e) { e.mutable_term_started(); }, "event"},
        {"input_moved", [](v1::Event& e) { e.mutable_input_moved()->clear_input(); },
         "input_moved.input"},
        {"input_moved",
         [](v1::Event& e) { e.mutable_input_moved()->set_input(static_cast<v1::InputKind>(3)); },
         "input_moved.input"},
        {"input_moved", [](v1::Event& e) { e.mutable_input_moved()->set_to(0); },
         "input_moved.to"},
        {"input_moved", [](v1::Event& e) { e.mutable_input_moved()->clear_reason(); },
         "input_moved.reason"},
        {"input_moved", [](v1::Event& e) { e.mutable_input_moved()->clear_asked_by(); },
         "input_moved.asked_by"},
        {"clock_accepted", [](v1::Event& e) { e.mutable_clock_accepted()->clear_asked_by(); },
         "clock_accepted.asked_by"},
        {"clock_accepted", [](v1::Event& e) { e.mutable_clock_accepted()->set_accepted(-1); },
         "clock_accepted.accepted"},
        {"tail_lost", [](v1::Event& e) { e.mutable_tail_lost()->set_known_digest(kDigest); },
         "tail_lost.known_digest"},
        {"tail_lost_known", [](v1::Event& e) { e.mutable_tail_lost()->clear_known_digest(); },
         "tail_lost.known_digest"},
        {"tail_lost_known", [](v1::Event& e) { e.mutable_tail_lost()->set_known_record(811); },
         "tail_lost.known_record"},
        {"tail_lost", [](v1::Event& e) { e.mutable_tail_lost()->clear_asked_by(); },
         "tail_lost.asked_by"},
        {"format_raised", [](v1::Event& e) { e.mutable_format_raised()->clear_from(); },
         "format_raised.from"},
        {"format_raised", [](v1::Event& e) { e.mutable_format_raised()->set_to(1); },
         "format_raised.to"},
        {"format_raised", [](v1::Event& e) { e.mutable_format_raised()->clear_asked_by(); },
         "format_raised.asked_by"},
        {"term_started",
         [](v1::Event& e) { e.mutable_epoch_sealed()->set_next_key_commitment(kDigest); }, "event"},
        {"term_started", [](v1::Event& e) { e.set_moved(1); }, "event"},
        {"epoch_sealed",
         [](v1::Event& e) { e.mutable_epoch_sealed()->clear_next_key_commitment(); },
         "epoch_sealed.next_key_commitment"},
        {"hold_expired", [](v1::Event& e) { e.clear_hold(); }, "event"},
        {"hold_expired", [](v1::Event& e) { e.clear_changes(); }, "read"},
        {"hold_expired", [](v1::Event& e) { e.mutable_entry()->set_id_low(1); }, "event"},
        {"hold_expired", [](v1::Event& e) { e.mutable_hold_expired()->clear_ledger(); }, "read"},
    };
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i);
        CAPTURE(rows[i].sample);
        v1::Event message = message_of(rows[i].sample);
        rows[i].change(message);
        CHECK(event_verdict(message.SerializeAsString()) == rows[i].field);
    }
}

TEST_CASE("decode_event: only the canonical form is an event") {
    const std::string plain = message_of("transfer").SerializeAsString();
    const std::string term = raw_message(18, raw_number(1, 5));
    const std::string id = raw_id(1, 1, 5);
    const std::string accounts = raw_id(1, 1, 6) + raw_id(3, 1, 7);
    const auto refused = [&](std::string_view command) {
        return raw_message(1, command) + raw_number(2, 58);
    };
    struct Row {
        std::string bytes;
        std::string_view field;
    };
    const Row rows[] = {
        {term, "read"},
        {refused(id + raw_message(4, accounts + raw_number(5, 3))), "read"},
        // Zeros that need not be said.
        {raw_message(18, raw_number(1, 0)), "term_started.term"},
        {plain + raw_number(9, 0), "moved"},
        {plain + raw_id(7, 0, 5), "group"},
        {refused(id + raw_number(3, 0) + raw_message(4, accounts)), "ledger"},
        {refused(raw_fixed64(1, 0) + raw_fixed64(2, 5) + raw_message(4, accounts)), "id"},
        {refused(id + raw_message(4, accounts) + raw_message(9, "")), "context"},
        {refused(id + raw_message(4, accounts + raw_number(5, 0))), "transfer.amount"},
        {refused(id + raw_message(20, raw_id(1, 1, 6)) +
                 raw_message(26, raw_message(1, "k") + raw_message(2, ""))),
         "metadata.value"},
        // Order.
        {refused(raw_fixed64(2, 5) + raw_fixed64(1, 5) + raw_message(4, accounts)), "id"},
        {refused(raw_message(4, accounts) + id), "id"},
        {refused(id + raw_message(4, raw_id(3, 1, 7) + raw_id(1, 1, 6))), "transfer.debit"},
        {raw_number(2, 58) + raw_message(1, id + raw_message(4, accounts)), "command"},
        // Varints and lengths that are longer than they need be.
        {std::string("\x92\x01\x02\x08\x05", 5), "read"},
        {std::string("\x92\x81\x00\x02\x08\x05", 6), ""},
        {std::string("\x92\x01\x82\x00\x08\x05", 6), ""},
        {std::string("\x92\x01\x03\x08\x85\x00", 6), ""},
        {std::string("\x92\x01\x03\x88\x00\x05", 6), ""},
        // Twice, unknown, of another type, cut off.
        {term + term, "event"},
        {plain + plain, "command"},
        {plain + raw_number(12, 1), "answered"},
        {plain + raw_number(21, 1), "event"},
        // Kept for commands that a gateway authenticated.
        {plain + raw_message(13, "p"), "principal"},
        {plain + raw_message(14, "k"), "door_key"},
        {plain + raw_number(15, 2), "level"},
        {raw_message(29, raw_number(1, 1)), "mark"},
        {raw_message(34, ""), "event"},
        {raw_message(18, raw_number(2, 5)), "term_started.writer"},
        {raw_message(18, raw_number(4, 5)), "term_started"},
        {raw_fixed64(18, 5), "event"},
        {"", "command"},
        {std::string("\x92\x01\x03\x08\x05", 5), ""},
    };
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i);
        CHECK(event_verdict(rows[i].bytes) == rows[i].field);
    }
}

TEST_CASE("decode_event: a command in an event is at most 64 KiB") {
    const std::string filler(kCommandBytesMax, 'x');
    CHECK(event_verdict(raw_message(1, filler + "x")) == "command");
}

}  // namespace vouch::test
