// Records that break exactly one rule, sealed with the right keys: what a holder of the keys could
// do.
#include "tests/reconciler/rule_rows.h"
#include "tests/reconciler/small_books.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::Check;

TEST_CASE("rules: epochs end when they must, with a seal that is right, and terms follow") {
    check_rows({
        {"seal of another epoch", [](SmallBooks& b) { b.first<EpochSealed>().epoch = Epoch(3); },
         Check::epoch},
        {"seal's first event",
         [](SmallBooks& b) { b.first<EpochSealed>().first_event = EventNumber(1); }, Check::epoch},
        {"seal's last event",
         [](SmallBooks& b) { b.first<EpochSealed>().last_event = EventNumber(1); }, Check::epoch},
        {"seal's commitment",
         [](SmallBooks& b) {
             auto& s = b.first<EpochSealed>();
             auto c = b.draft().arena().copy(s.next_key_commitment);
             c[0] ^= std::byte{1};
             s.next_key_commitment = c;
         },
         Check::key_commitment},
        {"no seal",
         [](SmallBooks& b) {
             b.first<EpochSealed>();
             b.remove_found();
         },
         Check::epoch},
        {"a term that skips some", [](SmallBooks& b) { b.first<TermStarted>().term = Term(5); },
         Check::term},
        {"a term in the middle",
         [](SmallBooks& b) {
             b.decided("k1");
             b.insert_before_found(TermStarted{Term(0)});
         },
         Check::event_order},
    });
}

/// Behind the second term's start; says its place and what its record's header says before it.
struct SecondTerm {
    explicit SecondTerm(SmallBooks& all) : books(all) {
        auto& records = books.records();
        for (at = 1; at < records.size(); ++at) {
            if (std::holds_alternative<TermStarted>(records[at].events.front())) return;
        }
        FAIL("no second term");
    }
    RecordHeader& header() { return books.records()[at].header; }
    const RecordHeader& before() { return books.records()[at - 1].header; }
    void act(const Event& event) {
        auto& events = books.records()[at].events;
        events.insert(events.begin() + 1, event);
    }

    SmallBooks& books;
    std::size_t at = 1;
};

TEST_CASE("rules: what an operator asked for fits the records before it") {
    struct Row {
        const char* what;
        std::function<void(SecondTerm&)> edit;
        std::optional<Check> check;
    };
    const auto moved = [](SecondTerm& t, InputKind input, std::uint64_t from, std::uint64_t to) {
        t.act(InputMoved{input, Offset(from), Offset(to), "lost", "ops-7"});
    };
    const Row rows[] = {
        {"input moved back",
         [&](SecondTerm& t) {
             moved(t, InputKind::commands, t.before().next_command.value(), 0);
             t.header().next_command = Offset(0);
         },
         {}},
        {"input moved ahead of its record",
         [&](SecondTerm& t) {
             moved(t, InputKind::commands, t.before().next_command.value(), 1'000'000);
         },
         Check::input_offset},
        {"input moved from elsewhere",
         [&](SecondTerm& t) {
             moved(t, InputKind::commands, t.before().next_command.value() + 1,
                   t.before().next_command.value());
         },
         Check::wrong_act},
        {"moved twice",
         [&](SecondTerm& t) {
             const std::uint64_t at = t.before().next_step.value();
             moved(t, InputKind::steps, at + 5, at);
             moved(t, InputKind::steps, at, at + 5);
         },
         {}},
        {"the other input moved",
         [&](SecondTerm& t) {
             const std::uint64_t at = t.before().next_step.value();
             moved(t, InputKind::steps, at + 5, at);
             moved(t, InputKind::steps, at, at + 5);
             t.header().next_command = Offset(0);
         },
         Check::input_offset},
        {"a later clock",
         [](SecondTerm& t) {
             t.act(ClockAccepted{t.header().time, t.before().time, "ops-7"});
         },
         {}},
        {"an earlier clock",
         [](SecondTerm& t) { t.act(ClockAccepted{Timestamp(5), t.before().time, "ops-7"}); },
         {}},
        {"a clock beside another record",
         [](SecondTerm& t) {
             t.act(ClockAccepted{t.header().time, Timestamp(t.before().time.value() - 1), "ops-7"});
         },
         Check::wrong_act},
        {"a clock later than its record",
         [](SecondTerm& t) {
             t.act(ClockAccepted{Timestamp(t.header().time.value() + 1), t.before().time, "ops-7"});
         },
         Check::wrong_act},
        {"a lost tail",
         [](SecondTerm& t) { t.act(TailLost{t.header().record, {}, {}, "ops-7"}); },
         {}},
        {"a tail lost elsewhere",
         [](SecondTerm& t) { t.act(TailLost{t.before().record, {}, {}, "ops-7"}); },
         Check::wrong_act},
        {"a format raised from another level",
         [](SecondTerm& t) { t.act(FormatRaised{2, 3, "ops-7"}); }, Check::wrong_act},
        {"a format that is not known",
         [](SecondTerm& t) { t.act(FormatRaised{kFormatLevelFirst, kFormatLevel + 1, "ops-7"}); },
         Check::wrong_act},
        {"not at the record's head",
         [](SecondTerm& t) {
             t.books.records()[t.at].events.push_back(TailLost{t.header().record, {}, {}, "ops-7"});
         },
         {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        SmallBooks books;
        SecondTerm term(books);
        row.edit(term);
        const reconciler::ReplayReport report = books.replay();
        CAPTURE(text_of_findings(report));
        CHECK(told(report) == (row.check ? expected({*row.check}, term.at) : ToldFindings()));
    }
}

TEST_CASE("rules: what an operator asked for is listed behind a record that cannot be believed too") {
    SmallBooks books;
    SecondTerm term(books);
    const std::size_t acts = reconciler::kActsKeptMax + 3;
    for (std::size_t i = 0; i < acts; ++i)
        term.act(ClockAccepted{Timestamp(5), term.before().time, "ops-7"});
    books.records()[term.at - 1].header.next_command = Offset(0);
    const reconciler::ReplayReport report = books.replay();
    CHECK(told(report) == expected({Check::input_offset}, term.at - 1));
    const auto read = books.records()[term.at - 2].header.next_command.value();
    CHECK(report.findings.kept().at(0).message ==
          "expected at least " + std::to_string(read) + " found 0");
    CHECK(report.shards[0].acts.size() == reconciler::kActsKeptMax);
    CHECK(report.shards[0].acts_count == acts);
    CHECK(to_text(report).find("shard 0: and 3 more, not listed") != std::string::npos);
}

TEST_CASE("rules: acts, marks and what is unreadable have their place in a record") {
    check_rows({
        {"an act behind commands",
         [](SmallBooks& b) {
             b.decided("k1");
             b.insert_before_found(ClockAccepted{
                 Timestamp(5), b.records()[b.found_record() - 1].header.time, "ops-7"});
         },
         Check::event_order},
        {"a mark behind a command",
         [](SmallBooks& b) {
             b.decided("k1");
             b.insert_before_found(Mark{});
         },
         Check::event_order},
        {"a command behind a mark",
         [](SmallBooks& b) {
             b.decided("t12");
             b.insert_before_found(Mark{});
         },
         Check::event_order},
        {"a range that its record has not reached",
         [](SmallBooks& b) {
             Unreadable range;
             range.offset = Offset(0);
             range.next_offset = Offset(1'000'000);
             b.decided("k1");
             b.insert_before_found(range);
         },
         Check::input_offset},
    });
}

TEST_CASE("rules: what the process died on is no finding, and the report counts it") {
    SmallBooks books;
    const auto tells = [](const std::string& report, const std::string& what) {
        return report.find(what) != std::string::npos;
    };
    CHECK_FALSE(tells(reconciler::to_text(books.replay()), "died"));
    for (const Offset offset : {Offset(0), Offset(1)}) {
        Unreadable isolated;
        isolated.offset = offset;
        isolated.member = 0;
        isolated.digest = books.records().front().header.previous_digest;
        isolated.field = "isolated";
        books.decided("k1");
        books.insert_before_found(isolated);
    }
    const reconciler::ReplayReport report = books.replay();
    CHECK(told(report) == ToldFindings());
    CHECK(tells(reconciler::to_text(report),
                "shard 0: commands without an outcome, because the process died on them: 2, the "
                "last at offset 1\n"));
    CHECK(tells(reconciler::to_json_lines(report), R"("isolated":2,"isolated_last_offset":1,)"));
}

TEST_CASE("rules: no mark is written while a hold is due") {
    SmallBooks books;
    books.first<HoldExpired>();
    books.insert_before_found(Mark{});
    const std::size_t record = books.found_record();
    const ToldFindings found = told(books.replay());
    CHECK(found.contains("hold_not_expired at " + std::to_string(record)));
    CHECK(found.contains("event_order at " + std::to_string(record)));
}

TEST_CASE("rules: a mark alone in its record is in order, and so is one before a seal") {
    SmallBooks books;
    books.first<EpochSealed>();
    const std::size_t sealed = books.found_record();
    auto& records = books.records();
    // The record with the seal keeps its time; a mark takes the place of its events.
    DraftRecord mark = records[sealed];
    mark.events = {Mark{}};
    mark.header.time = records[sealed - 1].header.time;
    mark.header.next_command = records[sealed - 1].header.next_command;
    mark.header.next_step = records[sealed - 1].header.next_step;
    records.insert(records.begin() + static_cast<std::ptrdiff_t>(sealed), mark);
    auto& seal = std::get<EpochSealed>(records[sealed + 1].events.back());
    seal.last_event = seal.last_event.next();
    CHECK(told(books.replay()) == ToldFindings());
}

struct HeaderRow {
    const char* what;
    std::function<void(RecordHeader&)> touch;
    Check check;
};

TEST_CASE("rules: every field of a header continues the record before") {
    constexpr std::size_t kAt = 14;
    const std::vector<HeaderRow> rows = {
        {"deployment", [](RecordHeader& h) { h.deployment = DeploymentId(1, 2); },
         Check::foreign_record},
        {"chain", [](RecordHeader& h) { h.chain = ChainId(9, 1); }, Check::foreign_record},
        {"shard", [](RecordHeader& h) { h.shard = ShardId(1); }, Check::foreign_record},
        {"record number", [](RecordHeader& h) { h.record = RecordNumber(h.record.value() - 1); },
         Check::record_sequence},
        {"first event", [](RecordHeader& h) { h.first_event = h.first_event.next(); },
         Check::event_sequence},
        {"event count", [](RecordHeader& h) { ++h.event_count; }, Check::event_sequence},
        {"time", [](RecordHeader& h) { h.time = Timestamp(h.time.value() - 2'000'000); },
         Check::time_goes_back},
        {"term", [](RecordHeader& h) { h.term = h.term.next(); }, Check::term},
        {"next input offset", [](RecordHeader& h) { h.next_command = Offset(0); },
         Check::input_offset},
        {"previous tag", [](RecordHeader& h) { h.previous_digest[0] ^= std::byte{1}; },
         Check::previous_digest},
    };
    for (const HeaderRow& row : rows) {
        CAPTURE(row.what);
        SmallBooks books;
        LogDraft::Sealing sealing;
        std::size_t at = 0;
        sealing.touch = [&](RecordHeader& header) {
            if (at++ == kAt) row.touch(header);
        };
        const reconciler::ReplayReport report = books.replay(sealing);
        CAPTURE(text_of_findings(report));
        CHECK(told(report) == expected({row.check}, kAt));
    }
}

TEST_CASE("rules: without keys all but MACs is checked, and the report says so") {
    SmallBooks books;
    books.change(books.decided("t2"), 0).version = Version(77);
    RecordList records = books.draft().seal(books.sealed().keys);
    const auto report =
        replay_list(records, books.sealed(),
                    [](reconciler::ReplayOptions& options) { options.keys = nullptr; });
    CHECK(report.macs == reconciler::MacStatus::no_keys);
    CHECK(told(report) == expected({Check::wrong_change}, 3));
    CHECK(to_text(report).find("MACs were NOT checked") != std::string::npos);
    CHECK(to_json_lines(report).find("\"macs\":\"no_keys\"") != std::string::npos);
}

}  // namespace
