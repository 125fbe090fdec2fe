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
        {"chain", [](RecordHeader& h) { h.chain_low ^= 1; }, Check::foreign_record},
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
