#include "event.pb.h"
#include "events/entries/codec.h"
#include "step.pb.h"
#include "tests/events/entries_as_proto.h"
#include "tests/events/golden_file.h"
#include "tests/events/random_entries.h"
#include "tests/events/raw_message.h"
#include "tests/events/sample_entries.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {
namespace {

std::string hex(std::string_view bytes) { return to_hex(as_bytes(bytes)); }

/// The field that a corrupt fault names; the whole message where it names none.
std::string field_of(const Fault& fault) {
    CHECK(fault.code == FaultCode::corrupt);
    const std::size_t from = fault.message.find('\'') + 1;
    if (from == 0) return fault.message;
    return fault.message.substr(from, fault.message.rfind('\'') - from);
}

/// Of the first step of a list: the field at fault; "read" when there is none.
std::string step_verdict(const v1::Step& step) {
    const std::string list = raw_message(1, step.SerializeAsString());
    const std::vector<std::byte> exact(as_bytes(list).begin(), as_bytes(list).end());
    Arena arena;
    StepReader reader(exact);
    const Result<std::optional<Step>> read = reader.next(arena);
    return read ? "read" : field_of(read.error());
}

std::string event_verdict(const v1::Event& event) {
    const std::string bytes = event.SerializeAsString();
    const std::vector<std::byte> exact(as_bytes(bytes).begin(), as_bytes(bytes).end());
    Arena arena;
    const Result<Event> read = decode_event(exact, arena);
    return read ? "read" : field_of(read.error());
}

v1::Event event_of(std::string_view name) {
    v1::Event message;
    for (const SampleEvent& sample : sample_events()) {
        if (sample.name == name) REQUIRE(message.ParseFromString(encoded(sample.event)));
    }
    REQUIRE(message.ByteSizeLong() != 0);
    return message;
}

v1::Step step_of(std::string_view event) { return event_of(event).step_followed().step(); }

v1::Step answer() {
    v1::Step step;
    step.set_command_low(1);
    step.mutable_answer()->set_outcome(v1::OUTCOME_ACCOUNT_CLOSED);
    step.mutable_answer()->mutable_facts()->set_account_low(2);
    return step;
}

v1::Step forward() {
    v1::Step step;
    *step.mutable_forwarded() = as_proto(sample_command("transfer_full"));
    return step;
}

}  // namespace

TEST_CASE("step codec: every kind is what generated code writes, and is read back in its place") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        RandomEntries random(seed);
        std::vector<std::byte> list;
        std::vector<Step> steps;
        v1::StepList expected;
        for (std::size_t kind = 0; kind < kStepKinds; ++kind) {
            steps.push_back(random.step(kind));
            append_to_steps(steps.back(), list);
            *expected.add_steps() = as_proto(steps.back());
        }
        REQUIRE(hex(as_view(list)) == hex(expected.SerializeAsString()));
        StepReader reader(list);
        Arena arena;
        for (const Step& step : steps) {
            const Result<std::optional<Step>> read = reader.next(arena);
            REQUIRE(read);
            REQUIRE(*read);
            CHECK(as_text(**read) == as_text(step));
            CHECK((*read)->kind.index() == step.kind.index());
        }
        const Result<std::optional<Step>> end = reader.next(arena);
        REQUIRE(end);
        CHECK(!*end);
    }
}

TEST_CASE("step codec: what is no list of steps is corrupt, from there on") {
    const std::string step = raw_message(1, answer().SerializeAsString());
    const std::string rows[] = {raw_message(2, "x"),
                                raw_number(1, 1),
                                "\x0a",
                                "\x0a\x02x",
                                std::string("\x8a\x00\x00", 3),
                                std::string("\x0a\x80\x00", 3),
                                std::string("\x0a\x00", 2),
                                std::string("\x00", 1)};
    for (const std::string& row : rows) {
        CAPTURE(hex(row));
        const std::string list = step + row;
        StepReader reader(as_bytes(list));
        Arena arena;
        REQUIRE(reader.next(arena));
        for (int times = 0; times < 2; ++times) {
            const auto next = reader.next(arena);
            REQUIRE(!next);
            CHECK(next.error().code == FaultCode::corrupt);
        }
    }
}

TEST_CASE("step codec: every truncation and flipped bit is corrupt or re-encodes to itself") {
    std::vector<std::byte> list;
    RandomEntries random(5);
    for (std::size_t kind = 0; kind < 5; ++kind) append_to_steps(random.step(kind), list);
    append_to_steps({{}, {}, ForwardStep{sample_command("transfer_full")}}, list);
    const auto is_sound = [](std::span<const std::byte> bytes) {
        const std::vector<std::byte> exact(bytes.begin(), bytes.end());
        std::vector<std::byte> again;
        StepReader reader(exact);
        Arena arena;
        while (true) {
            const Result<std::optional<Step>> step = reader.next(arena);
            if (!step) return true;
            if (!*step) return again == exact;
            append_to_steps(**step, again);
        }
    };
    REQUIRE(is_sound(list));
    for (std::size_t size = 0; size < list.size(); ++size) {
        CAPTURE(size);
        CHECK(is_sound(std::span(list).first(size)));
    }
    for (std::size_t bit = 0; bit < 8 * list.size(); ++bit) {
        CAPTURE(bit);
        std::vector<std::byte> flipped = list;
        flipped[bit / 8] ^= std::byte{1} << (bit % 8);
        CHECK(is_sound(flipped));
    }
}

TEST_CASE("step codec: a step must be whole, of one kind and canonical") {
    struct Row {
        v1::Step step;
        std::function<void(v1::Step&)> change;
        std::string_view field;
    };
    const v1::Step credit = step_of("credit_followed");
    const v1::Step hold = step_of("hold_followed");
    const v1::Step capture = step_of("capture_followed");
    const v1::Step release = step_of("release_followed");
    const auto no_command = [](v1::Step& s) {
        s.clear_command_high();
        s.clear_command_low();
    };
    const Row rows[] = {
        {credit, [](v1::Step&) {}, "read"},
        {credit, no_command, "step.command"},
        {answer(), no_command, "step.command"},
        {credit, [](v1::Step& s) { s.clear_kind(); }, "step"},
        {credit,
         [](v1::Step& s) {
             s.set_command_high(~0ULL);
             s.set_command_low(~0ULL);
         },
         "step.command"},
        {credit, [](v1::Step& s) { s.clear_ledger(); }, "read"},
        {credit,
         [](v1::Step& s) {
             s.mutable_credit()->clear_payer_high();
             s.mutable_credit()->clear_payer_low();
         },
         "credit.payer"},
        {credit,
         [](v1::Step& s) {
             s.mutable_credit()->clear_payee_high();
             s.mutable_credit()->clear_payee_low();
         },
         "credit.payee"},
        {credit, [](v1::Step& s) { s.mutable_credit()->clear_asset_code(); }, "credit.asset_code"},
        {credit, [](v1::Step& s) { s.mutable_credit()->set_asset_code("eur"); },
         "credit.asset_code"},
        {credit, [](v1::Step& s) { s.mutable_credit()->set_asset_code(std::string(18, 'X')); },
         "credit.asset_code"},
        {credit, [](v1::Step& s) { s.mutable_credit()->set_asset_scale(19); }, "credit.asset_code"},
        {hold,
         [](v1::Step& s) {
             s.mutable_hold()->clear_payee_high();
             s.mutable_hold()->clear_payee_low();
         },
         "hold.payee"},
        {hold, [](v1::Step& s) { s.mutable_hold()->clear_asset_code(); }, "hold.asset_code"},
        {capture,
         [](v1::Step& s) {
             s.mutable_capture()->clear_hold_high();
             s.mutable_capture()->clear_hold_low();
         },
         "capture.hold"},
        {capture,
         [](v1::Step& s) {
             s.mutable_capture()->clear_payer_high();
             s.mutable_capture()->clear_payer_low();
         },
         "capture.payer"},
        {capture, [](v1::Step& s) { s.mutable_capture()->clear_amount(); }, "read"},
        {release,
         [](v1::Step& s) {
             s.mutable_release()->clear_hold_high();
             s.mutable_release()->clear_hold_low();
         },
         "release.hold"},
        {answer(), [](v1::Step&) {}, "read"},
        {answer(), [](v1::Step& s) { s.mutable_answer()->clear_outcome(); }, "answer.outcome"},
        {answer(), [](v1::Step& s) { s.mutable_answer()->set_outcome(v1::OUTCOME_OPENED); },
         "answer.outcome"},
        {answer(),
         [](v1::Step& s) { s.mutable_answer()->set_outcome(static_cast<v1::Outcome>(63)); },
         "answer.outcome"},
        {answer(), [](v1::Step& s) { s.mutable_answer()->mutable_facts()->Clear(); }, "facts"},
        {forward(), [](v1::Step&) {}, "read"},
        {forward(), [](v1::Step& s) { s.set_ledger(1); }, "forwarded"},
        {forward(), [](v1::Step& s) { s.set_command_low(1); }, "forwarded"},
        {forward(), [](v1::Step& s) { s.mutable_forwarded()->clear_transfer(); }, "body"},
        {forward(),
         [](v1::Step& s) { s.mutable_forwarded()->set_context(std::string(65'536, 'x')); },
         "forwarded"},
    };
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i);
        v1::Step step = rows[i].step;
        rows[i].change(step);
        CHECK(step_verdict(step) == rows[i].field);
    }
}

TEST_CASE("step codec: two kinds in one step, and zeros that need not be said, are refused") {
    const auto verdict = [](const std::string& step) {
        const std::string list = raw_message(1, step);
        Arena arena;
        StepReader reader(as_bytes(list));
        const Result<std::optional<Step>> read = reader.next(arena);
        return read ? "read" : field_of(read.error());
    };
    const std::string command = raw_id(2, 1, 2);
    const std::string hold = raw_id(1, 1, 2);
    const std::string release = raw_message(7, hold);
    const std::string refusal = raw_message(8, raw_number(1, 44));
    CHECK(verdict(command + release) == "read");
    CHECK(verdict(command + refusal) == "read");
    CHECK(verdict(command + release + refusal) == "step");
    CHECK(verdict(command + refusal + release) == "release");
    CHECK(verdict(command + release + release) == "release");
    CHECK(verdict(raw_number(1, 0) + command + release) == "step.ledger");
    CHECK(verdict(command + raw_message(7, hold + raw_number(3, 0))) == "release.freed");
    CHECK(verdict(command + raw_message(7, hold + raw_number(5, 0))) == "release.expired");
    CHECK(verdict(command + raw_message(7, hold + raw_number(5, 2))) == "release.expired");
    CHECK(verdict(command + raw_message(7, hold + raw_number(6, 1))) == "release");
    // What is reserved for kinds to come is none yet, beside another or alone.
    for (const std::uint32_t number : {10U, 11U, 12U, 13U, 14U}) {
        CAPTURE(number);
        CHECK(v1::Step::descriptor()->IsReservedNumber(static_cast<int>(number)));
        CHECK(verdict(command + raw_message(number, hold)) == "step");
        CHECK(verdict(command + release + raw_message(number, hold)) == "step");
        CHECK(verdict(command + raw_number(number, 1)) == "step");
    }
    CHECK(verdict(release + command) == "step.command");
}

TEST_CASE("decode_event: each event across shards has exactly its own fields") {
    struct Row {
        std::string_view sample;
        std::function<void(v1::Event&)> change;
        std::string_view field;
    };
    const auto zero_step = [](v1::Event& e) { e.mutable_step_followed()->clear_step(); };
    const Row rows[] = {
        {"transfer_answered_partly", [](v1::Event&) {}, "read"},
        // The answer takes the place of the command.
        {"transfer_answered_partly", [](v1::Event& e) { e.clear_answered(); }, "command"},
        {"transfer", [](v1::Event& e) { e.mutable_answered(); }, "event"},
        {"transfer_answered", [](v1::Event& e) { e.clear_outcome(); }, "event"},
        {"term_started", [](v1::Event& e) { e.mutable_answered(); }, "event"},

        {"transfer_in_transit", [](v1::Event& e) { e.clear_command(); }, "event"},
        {"transfer_in_transit", [](v1::Event& e) { e.set_outcome(v1::OUTCOME_POSTED); }, "event"},
        {"transfer_in_transit", [](v1::Event& e) { e.mutable_facts()->set_version(1); }, "event"},
        {"transfer_in_transit", [](v1::Event& e) { e.set_group_low(1); }, "event"},
        {"transfer_in_transit", [](v1::Event& e) { e.mutable_answered(); }, "event"},
        {"transfer_in_transit",
         [](v1::Event& e) { e.add_members()->set_outcome(v1::OUTCOME_POSTED); }, "event"},
        {"transfer_in_transit", [](v1::Event& e) { e.mutable_in_transit()->clear_to(); }, "read"},
        {"transfer_in_transit", [](v1::Event& e) { e.clear_moved(); }, "read"},
        {"transfer_in_transit", [](v1::Event& e) { e.set_moved_high(1); }, "read"},
        {"transfer_in_transit", [](v1::Event& e) { e.mutable_changes(0)->clear_side(); },
         "changes.side"},
        {"hold_in_transit", [](v1::Event& e) { e.clear_hold(); }, "read"},
        {"hold_in_transit",
         [](v1::Event& e) {
             e.mutable_hold()->set_remote_payee_high(~0ULL);
             e.mutable_hold()->set_remote_payee_low(~0ULL);
         },
         "hold.remote_payee"},

        {"credit_followed", [](v1::Event& e) { e.clear_outcome(); }, "event"},
        {"credit_followed", [](v1::Event& e) { e.set_outcome(v1::OUTCOME_REVERSED); }, "outcome"},
        {"credit_followed", [](v1::Event& e) { e.set_outcome(v1::OUTCOME_HELD); }, "read"},
        {"credit_followed", [](v1::Event& e) { e.set_outcome(static_cast<v1::Outcome>(63)); },
         "outcome"},
        {"credit_followed",
         [](v1::Event& e) { *e.mutable_command() = as_proto(sample_command("transfer")); },
         "event"},
        {"credit_followed", [](v1::Event& e) { e.mutable_entry()->set_id_low(1); }, "event"},
        {"credit_followed", [](v1::Event& e) { e.mutable_answered(); }, "event"},
        {"credit_followed", [](v1::Event& e) { e.mutable_in_transit(); }, "event"},
        {"credit_followed", zero_step, "step_followed.step"},
        {"credit_followed",
         [](v1::Event& e) { *e.mutable_step_followed()->mutable_step() = answer(); },
         "step_followed.step"},
        {"credit_followed",
         [](v1::Event& e) { *e.mutable_step_followed()->mutable_step() = forward(); },
         "step_followed.step"},

        {"transit_opened", [](v1::Event& e) { e.clear_changes(); }, "event"},
        {"transit_opened", [](v1::Event& e) { e.add_changes()->set_version(1); }, "changes"},
        {"transit_opened", [](v1::Event& e) { e.mutable_transit_opened()->clear_asset_code(); },
         "transit_opened.asset_code"},
        {"transit_opened", [](v1::Event& e) { e.mutable_hold()->set_id_low(1); }, "event"},

        {"steps_taken", [](v1::Event& e) { e.mutable_steps_taken()->clear_count(); },
         "steps_taken.count"},
        {"steps_taken", [](v1::Event& e) { e.mutable_steps_taken()->clear_record_digest(); },
         "steps_taken.record_digest"},
        {"steps_taken",
         [](v1::Event& e) { e.mutable_steps_taken()->mutable_digest()->push_back('x'); },
         "steps_taken.digest"},
        {"steps_taken", [](v1::Event& e) { e.add_changes()->set_version(1); }, "event"},
        {"steps_sent", [](v1::Event& e) { e.mutable_steps_sent()->clear_count(); },
         "steps_sent.count"},
        {"steps_sent", [](v1::Event& e) { e.mutable_steps_sent()->clear_digest(); },
         "steps_sent.digest"},
        {"steps_sent", [](v1::Event& e) { e.mutable_steps_taken(); }, "event"},
        {"step_refused", [](v1::Event& e) { e.mutable_step_refused()->clear_digest(); },
         "step_refused.digest"},
        {"step_refused", [](v1::Event& e) { e.mutable_step_refused()->clear_offset(); }, "read"},

        {"command_forwarded", [](v1::Event& e) { e.clear_command(); }, "event"},
        {"command_forwarded", [](v1::Event& e) { e.set_moved(1); }, "event"},
        {"forward_repeated", [](v1::Event& e) { e.clear_command(); }, "event"},
        {"forward_repeated", [](v1::Event& e) { e.set_outcome(v1::OUTCOME_DONE); }, "event"},
    };
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i);
        CAPTURE(rows[i].sample);
        v1::Event message = event_of(rows[i].sample);
        rows[i].change(message);
        CHECK(event_verdict(message) == rows[i].field);
    }
}

}  // namespace vouch::test
