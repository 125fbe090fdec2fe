#include "events/bytes/wire.h"
#include "events/entries/codec.h"
#include "events/entries/write_step.h"
#include "tests/events/entries_as_proto.h"
#include "tests/events/golden_file.h"
#include "tests/events/random_entries.h"
#include "tests/events/raw_message.h"
#include "tests/events/sample_entries.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

namespace vouch::test {
namespace {

/// The decoded event as text, or the fault's message.
std::string decoded_event(std::string_view bytes) {
    Arena arena;
    const Result<Event> event = decode_event(as_bytes(bytes), arena);
    return event ? as_text(*event) : event.error().message;
}

std::vector<std::byte> list_of(const Step& step) {
    std::vector<std::byte> list;
    append_to_steps(step, list);
    return list;
}

}  // namespace

TEST_CASE("event codec: every kind is what generated code writes, and is read back") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
            // Every command in the kinds that have one.
            const std::size_t bodies = has_command(kind) ? kCommandKinds.size() : 1;
            for (std::size_t body = 0; body < bodies; ++body) {
                CAPTURE(seed);
                CAPTURE(kind);
                CAPTURE(body);
                RandomEntries random(seed);
                const Event event = random.event(kind, body);
                const std::string bytes = encoded(event);
                const v1::Event message = as_proto(event);
                REQUIRE(to_hex(bytes) == to_hex(message.SerializeAsString()));
                REQUIRE(decoded_event(bytes) == as_text(event));
                if (const auto* decided = std::get_if<CommandDecided>(&event)) {
                    REQUIRE(to_hex(encoded(*decided)) == to_hex(bytes));
                    REQUIRE(encoded_event_max(*decided) == encoded_event_max(event));
                }
                if (const auto* sent = std::get_if<CommandInTransit>(&event)) {
                    REQUIRE(to_hex(encoded(*sent)) == to_hex(bytes));
                    REQUIRE(encoded_event_max(*sent) == encoded_event_max(event));
                }
                if (const auto* answered = std::get_if<CommandAnswered>(&event)) {
                    REQUIRE(to_hex(encoded(*answered)) == to_hex(bytes));
                    REQUIRE(encoded_event_max(*answered) == encoded_event_max(event));
                }
                if (const auto* followed = std::get_if<StepFollowed>(&event)) {
                    REQUIRE(to_hex(encoded(*followed)) == to_hex(bytes));
                    REQUIRE(encoded_event_max(*followed) == encoded_event_max(event));
                }
            }
        }
    }
}

TEST_CASE("event codec: a body is walked event by event") {
    RandomEntries random(23);
    std::vector<std::byte> body;
    v1::EventBatch expected;
    for (int i = 0; i < 100; ++i) {
        const Event event = random.event();
        const std::size_t before = body.size();
        body.resize(before + encoded_event_max(event));
        const std::byte* end = append_event(event, body.data() + before);
        body.resize(static_cast<std::size_t>(end - body.data()));
        *expected.add_events() = as_proto(event);
    }
    CHECK(to_hex(as_view(body)) == to_hex(expected.SerializeAsString()));

    EventReader reader(body);
    std::size_t position = 0;
    for (int i = 0; i < 100; ++i) {
        CHECK(reader.position() == position);
        const auto bytes = reader.next();
        REQUIRE(bytes);
        REQUIRE(*bytes);
        CHECK(to_hex(as_view(**bytes)) == to_hex(expected.events(i).SerializeAsString()));
        position = static_cast<std::size_t>((*bytes)->data() + (*bytes)->size() - body.data());
    }
    const auto end = reader.next();
    REQUIRE(end);
    CHECK(!*end);
    CHECK(reader.position() == body.size());
}

TEST_CASE("event codec: what is no body of events is corrupt") {
    const std::string event = raw_message(1, encoded(sample_events().front().event));
    const std::string rows[] = {raw_message(2, "x"),
                                raw_number(1, 1),
                                "\x0a",
                                "\x0a\x02x",
                                "\x80",
                                std::string("\x8a\x00\x00", 3),
                                std::string("\x0a\x80\x00", 3),
                                std::string("\x00", 1)};
    for (const std::string& row : rows) {
        CAPTURE(to_hex(row));
        const std::string body = event + row;
        EventReader reader(as_bytes(body));
        REQUIRE(reader.next());
        const auto next = reader.next();
        REQUIRE(!next);
        CHECK(next.error().code == FaultCode::corrupt);
        CHECK(next.error().message.find(std::to_string(event.size())) != std::string::npos);
        CHECK(reader.position() == event.size());
    }
}

TEST_CASE("event codec: bytes are those of the golden file") {
    const nlohmann::json golden = read_golden_json("event_bytes.json");
    CHECK(golden.size() == sample_events().size());
    for (const SampleEvent& sample : sample_events()) {
        CAPTURE(sample.name);
        const std::string expected = golden.at(std::string(sample.name));
        CHECK(to_hex(encoded(sample.event)) == expected);
        const std::vector<std::byte> bytes = from_hex(expected);
        CHECK(decoded_event(as_view(bytes)) == as_text(sample.event));
    }
}

TEST_CASE("event codec: postings that the command says are left out and read back") {
    for (const SampleEvent& sample : sample_events()) {
        const auto* decided = std::get_if<CommandDecided>(&sample.event);
        if (decided == nullptr) continue;
        CAPTURE(sample.name);
        v1::Event message;
        REQUIRE(message.ParseFromString(encoded(sample.event)));
        const bool is_said = message.command().has_transfer() || message.command().has_post_entry();
        Arena arena;
        const std::string bytes = encoded(sample.event);
        const Result<Event> read = decode_event(as_bytes(bytes), arena);
        REQUIRE(read);
        const auto& changes = std::get<CommandDecided>(*read).changes;
        REQUIRE(changes.size() == decided->changes.size());
        for (std::size_t i = 0; i < changes.size(); ++i) {
            const v1::Change& written = message.changes(static_cast<int>(i));
            if (is_said) CHECK(written.side() == v1::SIDE_UNSPECIFIED);
            if (is_said) CHECK(written.amount() == 0);
            if (!is_said)
                CHECK((written.side() != v1::SIDE_UNSPECIFIED) == changes[i].side.has_value());
            CHECK(changes[i] == decided->changes[i]);
        }
    }
}

TEST_CASE("event codec: the room asked for suffices when every field is at its largest") {
    const std::string short_text(kShortTextMax, 'x');
    const std::string long_text(kLongTextMax, 'x');
    const CommandId id(~0ULL, ~0ULL - 1);
    const AccountId account(~0ULL, ~0ULL - 1);
    const Amount most = Amount::max();
    const std::vector<Metadata> metadata(kMetadataMax, Metadata{short_text, long_text});
    const std::vector<Posting> postings(kPostingsMax, Posting{account, Side::credit, most});
    const Change change{AccountNumber(~0U),
                        Version(~0ULL),
                        {most, most, most, most},
                        Limit(most),
                        {Block::both, true},
                        Side::credit,
                        most,
                        account};
    const std::vector<Change> changes(kPostingsMax, change);
    const std::vector<Refunded> refunds(kPostingsMax, Refunded{~0U, most});
    const std::vector<MemberOutcome> outcomes(kGroupMembersMax,
                                              MemberOutcome{Outcome::group_failed, true});

    Command command;
    command.id = id;
    command.ledger = LedgerId(~0U);
    command.context = command.ticket = long_text;
    command.actor_id = command.actor_address = command.actor_device = short_text;
    command.module = command.channel = short_text;
    command.id_text = command.reason = long_text;
    command.trace = {~0ULL, ~0ULL, ~0ULL, 255};
    command.document_date = kDayMax;
    command.kind = VoucherKind::closing;
    const std::vector<Reference> references(kReferencesMax,
                                            Reference{ReferenceType::statement, long_text});
    command.references = references;
    const std::vector<Attachment> attachments(kAttachmentsMax,
                                              Attachment{{}, short_text, Attachment::kSizeMax});
    command.attachments = attachments;
    command.metadata = metadata;
    command.expected_version = Version(~0ULL);
    command.expires_at = Timestamp(-1);
    command.amount_decimals = kScaleMax;
    const Command member = [&] {
        Command in_group = command;
        in_group.body = Refund{id, account, most, account, ~0U, ~0U};
        return in_group;
    }();
    const std::vector<Command> members(20, member);
    const CommandBody bodies[] = {
        Transfer{account, account, most, Balancing::both},
        PlaceHold{account, account, most, Balancing::both, ~0ULL},
        CaptureHold{id, account, most, true, account},
        PostEntry{postings},
        OpenAccount{account, long_text, *Asset::make("ABCDEFGHIJKLMNOPQ", kScaleMax),
                    AccountClass::expense, Limit(most), short_text, short_text, 255},
        UpdateAccount{account, Limit(most), 255},
        ExtendHold{id, account, ~0ULL},
        Refund{id, account, most, account, ~0U, ~0U},
        Group{members},
        SetClock{Timestamp(-1)},
    };
    for (const CommandBody& body : bodies) {
        CAPTURE(kind_name(body));
        command.body = body;
        CommandDecided event;
        event.command = command;
        event.outcome = Outcome::not_supported_across_shards;
        // Of transfers and entries that are accepted the changes would leave their postings out.
        const bool is_said =
            std::holds_alternative<Transfer>(body) || std::holds_alternative<PostEntry>(body);
        if (!is_said) event.changes = changes;
        event.hold = HoldState{id,   AccountNumber(~0U), AccountNumber(~0U - 1), most,
                               most, Timestamp(-1),      HoldStatus::refused,    account};
        event.entry = EntryState{id, true, refunds};
        const AmountFact fact{true, most};
        event.facts = {account, fact, fact, fact, fact, Version(~0ULL)};
        event.group = id;
        event.moved = most;
        event.members = outcomes;

        const std::size_t bound = encoded_event_max(event);
        std::vector<std::byte> out(2 * bound);
        const auto size = static_cast<std::size_t>(append_event(event, out.data()) - out.data());
        CHECK(size + wire::kWriterSlack <= bound);

        const auto fits = [&](const auto& other) {
            std::vector<std::byte> room(2 * encoded_event_max(other));
            const std::byte* const end = append_event(other, room.data());
            return static_cast<std::size_t>(end - room.data()) + wire::kWriterSlack <=
                   encoded_event_max(other);
        };
        const Asset asset = *Asset::make("ABCDEFGHIJKLMNOPQ", kScaleMax);
        const ShardId shard(~0U);
        const StepBatchNumber number(~0ULL);
        const std::vector<std::byte> digest(32);
        CHECK(fits(CommandInTransit{command, shard, changes, event.hold, event.entry, most}));
        CHECK(fits(CommandAnswered{LedgerId(~0U),
                                   id,
                                   EventNumber(~0ULL),
                                   {shard, RecordNumber(~0ULL)},
                                   Outcome::insufficient_funds,
                                   changes,
                                   event.hold,
                                   event.entry,
                                   event.facts,
                                   most}));
        CHECK(fits(Event(CommandForwarded{command, shard})));
        CHECK(fits(Event(ForwardRepeated{command, EventNumber(~0ULL)})));
        CHECK(fits(Event(ConflictSeen{command, EventNumber(~0ULL)})));
        CHECK(fits(Event(TransitOpened{LedgerId(~0U), shard, shard, asset, change, ~0U})));
        CHECK(
            fits(Event(StepsTaken{shard, number, ~0U, ~0U, RecordNumber(~0ULL), digest, digest, ~0U,
                                  true})));
        CHECK(fits(Event(StepsSent{shard, number, ~0U, digest})));
        CHECK(fits(Event(StepRefused{Offset(~0ULL), ~0ULL, digest})));
        CHECK(fits(Event(Unreadable{
            Offset(~0ULL), ~0U - 1, ~0ULL, digest, Outcome::malformed, short_text, {}})));
        CHECK(fits(Event(Unreadable{
            Offset(~0ULL - 1), {}, ~0ULL, digest, Outcome::malformed, {}, Offset(~0ULL)})));
        CHECK(fits(Event(TermStarted{Term(~0ULL), short_text, short_text})));
        CHECK(fits(Event(Mark{})));
        CHECK(fits(Event(
            InputMoved{InputKind::steps, Offset(0), Offset(~0ULL), long_text, short_text})));
        CHECK(fits(Event(ClockAccepted{Timestamp(-1), Timestamp(-1), short_text})));
        CHECK(fits(Event(
            TailLost{RecordNumber(~0ULL), RecordNumber(~0ULL), digest, short_text})));
        CHECK(fits(Event(FormatRaised{~0U - 1, ~0U, short_text})));
        CHECK(
            fits(Event(EpochSealed{Epoch(~0ULL), EventNumber(~0ULL), EventNumber(~0ULL), digest})));
        const StepKind kinds[] = {CreditStep{account, account, asset, most, true, true},
                                  HoldStep{account, account, asset, most, true},
                                  CaptureStep{id, account, most, most},
                                  ReleaseStep{id, most, true},
                                  AnswerStep{Outcome::insufficient_funds, most, event.facts},
                                  ForwardStep{command}};
        for (const StepKind& kind : kinds) {
            Step step{LedgerId(~0U), id, kind};
            if (is_followed(step)) {
                step.id_text = long_text;
                CHECK(fits(StepFollowed{step, Outcome::insufficient_funds, changes, event.hold,
                                        event.facts, most}));
            }
            CHECK(wire::step_size_bound(step) >= list_of(step).size() + wire::kWriterSlack);
        }
    }
}

TEST_CASE("event codec: a plain transfer's event takes at most 130 bytes") {
    // Ids in full; accounts of a million, a million changes of each, and a thousand billion units
    // on both sides of both accounts.
    CommandDecided event;
    event.command.id = CommandId(~0ULL, 1);
    event.command.body =
        Transfer{{~0ULL, 2}, {~0ULL, 3}, Amount(1'000'000'000'000), Balancing::none};
    event.outcome = Outcome::posted;
    std::array<Change, 2> changes;
    for (Change& change : changes) {
        change.account = AccountNumber(999'999);
        change.version = Version(1'000'000);
        change.totals.debits_posted = Amount(1'000'000'000'000);
        change.totals.credits_posted = Amount(1'000'000'000'000);
        change.amount = Amount(1'000'000'000'000);
    }
    changes[0].side = Side::debit;
    changes[1].side = Side::credit;
    changes[0].id = AccountId(~0ULL, 2);
    changes[1].id = AccountId(~0ULL, 3);
    event.changes = changes;
    // Its tag and length in the body: 3 bytes more.
    const std::size_t in_body = encoded(event).size() + 3;
    CHECK(in_body <= 130);
    CHECK(in_body >= 100);
}

TEST_CASE("event codec: a crossing transfer's three events take at most 365 bytes") {
    // As above, with shards of three digits and full batches of a million records.
    const Amount large(1'000'000'000'000);
    CommandInTransit sent;
    sent.command.id = CommandId(~0ULL, 1);
    const AccountId payer(~0ULL, 2);
    const AccountId payee(~0ULL, 3);
    sent.command.body = Transfer{payer, payee, large, Balancing::none};
    sent.to = ShardId(999);
    std::array<Change, 2> changes;
    for (Change& change : changes) {
        change.account = AccountNumber(999'999);
        change.version = Version(1'000'000);
        change.totals.debits_posted = large;
        change.totals.credits_posted = large;
        change.limit = Limit::unlimited();
        change.amount = large;
    }
    changes[0].side = Side::debit;
    changes[1].side = Side::credit;
    changes[0].id = payer;  // the other is the transit account
    sent.changes = changes;
    StepFollowed followed;
    followed.step = {LedgerId(), sent.command.id,
                     CreditStep{payer, payee, *Asset::make("EUR", Scale(2)), large, false, true}};
    followed.outcome = Outcome::posted;
    std::array<Change, 2> followed_changes = changes;
    followed_changes[0].id = {};
    followed_changes[1].id = payee;
    followed.changes = followed_changes;
    CommandAnswered answered;
    answered.id = sent.command.id;
    answered.outcome = Outcome::posted;
    answered.by = {ShardId(999), RecordNumber(1'000'000)};
    answered.first_event = EventNumber(1'000'000'000);
    // The command is not told again.
    CHECK(encoded(answered).size() + 3 <= 60);
    const std::size_t in_bodies =
        encoded(sent).size() + encoded(followed).size() + encoded(answered).size() + 3 * 3;
    CHECK(in_bodies <= 365);
    CHECK(in_bodies >= 300);
}

}  // namespace vouch::test
