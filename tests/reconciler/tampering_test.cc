#include "tests/reconciler/tampering.h"

#include "events/seal/record.h"
#include "reconciler/replay/replay.h"
#include "tests/reconciler/played_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::Check;

/// Where the whole log ended, as a view would have seen it.
reconciler::ViewPosition end_of(const RecordList& records) {
    const std::vector<Bytes>& list = records.shard(ShardId(0));
    const Result<RecordView> last = parse_record(list.back());
    REQUIRE(last.has_value());
    return {ShardId(0), RecordNumber(list.size()), last->digest};
}

struct Books {
    SealedDeployment sealed = make_sealed_deployment();
    SealedDeployment other_sealed = make_sealed_deployment(1, false, 2);
    RecordList original{1};
    RecordList other{1};

    explicit Books(std::uint64_t seed) {
        original = make_busy_log(sealed, seed, 120);
        other = make_busy_log(other_sealed, seed, 200);
        REQUIRE(other.shard(ShardId(0)).size() >= original.shard(ShardId(0)).size());
        REQUIRE(text_of_findings(replay_list(original, sealed)) == "");
    }

    reconciler::ReplayReport replay(Tampered& tampered, bool check_macs) const {
        return replay_list(tampered.records, sealed, [&](reconciler::ReplayOptions& options) {
            if (!check_macs) options.keys = nullptr;
            if (tampered.what == Tampering::cut_tail) options.positions = {end_of(original)};
        });
    }
};

/// The records that findings name. What a broken log adds up to is no more than a consequence.
std::set<std::uint64_t> records_named(const reconciler::ReplayReport& report) {
    std::set<std::uint64_t> named;
    for (const reconciler::Finding& finding : report.findings.kept()) {
        if (finding.check == Check::trial_balance) continue;
        REQUIRE(finding.record.has_value());
        named.insert(finding.record->value());
    }
    return named;
}

constexpr std::size_t kEdits = 5'000;
constexpr std::size_t kEditsALog = 250;
constexpr std::size_t kNewestEvery = 4;

/// The next one of chance that finds something to change.
Tampered next_act(const Books& books, bool newest, std::mt19937_64& random) {
    while (true) {
        const auto what = static_cast<Tampering>(random() % kTamperings);
        if (auto tampered = tamper(books.original, books.other, what, newest, random))
            return std::move(*tampered);
    }
}

TEST_CASE(
    "tampering: of 5,000 acts on the log none is missed, and each is told of the record it was "
    "done to") {
    std::size_t acts = 0;
    for (std::uint64_t seed = 1; acts < kEdits; ++seed) {
        const Books books(seed);
        std::mt19937_64 random(seed);
        for (std::size_t i = 0; i < kEditsALog; ++i) {
            Tampered tampered = next_act(books, i % kNewestEvery == 0, random);
            ++acts;
            const reconciler::ReplayReport report = books.replay(tampered, true);
            CAPTURE(seed);
            CAPTURE(i);
            CAPTURE(std::string(to_text(tampered.what)));
            CAPTURE(text_of_findings(report));
            CHECK(records_named(report) == tampered.edited);
        }
    }
    CHECK(acts == kEdits);
}

TEST_CASE("tampering: without the chain's MACs some edits would slip through") {
    std::map<std::string, std::pair<std::size_t, std::size_t>> missed_of;
    std::size_t missed_edits = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const Books books(seed);
        std::mt19937_64 random(seed);
        for (std::size_t i = 0; i < kEditsALog; ++i) {
            Tampered tampered = next_act(books, i % kNewestEvery == 0, random);
            const bool is_missed = books.replay(tampered, false).is_clean();
            auto& [missed, all] = missed_of[std::string(to_text(tampered.what))];
            missed += is_missed ? 1 : 0;
            all += 1;
            missed_edits += is_missed ? 1 : 0;
        }
    }
    std::string told;
    for (const auto& [what, counts] : missed_of) {
        told += what + ": " + std::to_string(counts.first) + " of " +
                std::to_string(counts.second) + " missed\n";
    }
    MESSAGE(told);
    // What the newest record says of itself has no record behind it: only the MAC knows what it
    // was.
    CHECK(missed_of["edit_header"].first > 0);
    CHECK(missed_of["reseal"].first + missed_of["edit_tag"].first > 0);
    // Events are held against their record's digests, and those against the chain, without any key.
    CHECK(missed_of["edit_event"].first == 0);
    CHECK(missed_of["drop_record"].first == 0);
    CHECK(missed_of["splice_record"].first == 0);
    CHECK(missed_of["insert_spliced"].first == 0);
    CHECK(missed_of["duplicate_record"].first == 0);
}

}  // namespace
