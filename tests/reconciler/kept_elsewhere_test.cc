// Logs against what was kept of them elsewhere, and what a replay says of how far its word goes.
#include "events/seal/record.h"
#include "reconciler/archive/export.h"
#include "reconciler/replay/replay.h"
#include "reconciler/verdict/verdict.h"
#include "tests/reconciler/played_log.h"
#include "tests/support/simulated_log.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using reconciler::ReplayOptions;
using reconciler::ReplayReport;

constexpr ShardId kOther(1);

struct Kept {
    TemporaryDirectory directory;
    SealedDeployment sealed = make_sealed_deployment(2);
    RecordList records = make_busy_log(sealed, 7, 60);

    std::uint64_t last() const { return records.shard(kOther).size() - 1; }
    reconciler::KeptRecord record(std::uint64_t number) const {
        return {kOther, RecordNumber(number),
                parse_record(records.shard(kOther)[number])->digest};
    }
    std::unique_ptr<reconciler::ArchiveReader> archive() {
        const auto file = directory.path() / "kept";
        REQUIRE(reconciler::export_archive(records, sealed.created.bytes, sealed.keys, file));
        auto opened = reconciler::ArchiveReader::open(file);
        REQUIRE(opened);
        return std::move(*opened);
    }
};

/// A log of the same beginning whose records differ from `record` on.
RecordList forked(const Kept& kept, std::uint64_t record) {
    RecordList copy = kept.records;
    LogDraft draft = LogDraft::read(copy, kept.sealed.deployment());
    for (std::size_t i = record; i < draft.shard(kOther).size(); ++i) {
        RecordHeader& header = draft.shard(kOther)[i].header;
        header.time = Timestamp(header.time.value() + 1);
    }
    return draft.seal(kept.sealed.keys);
}

std::string words(const std::vector<reconciler::Verdict::Part>& parts) {
    std::string text;
    for (const auto& part : parts) text += std::string(part.word) + ' ';
    return text;
}

TEST_CASE("kept elsewhere: a head names a record that the log must have") {
    Kept kept;
    const std::uint64_t last = kept.last();
    const auto findings = [&](RecordList& log, std::uint64_t record) {
        const ReplayReport report = replay_list(log, kept.sealed, [&](ReplayOptions& options) {
            options.kept = std::vector{kept.record(record)};
        });
        CHECK(words(reconciler::verdict_of(report).checked).find("head") != std::string::npos);
        return text_of_findings(report);
    };
    CHECK(findings(kept.records, last) == "");
    CHECK(findings(kept.records, 2) == "");
    RecordList older = kept.records;
    older.shard(kOther).pop_back();
    CHECK(findings(older, last).find("shard 1 record " + std::to_string(last) + ": rolled_back") !=
          std::string::npos);
    const ReplayReport report = replay_list(older, kept.sealed, [&](ReplayOptions& options) {
        options.kept = std::vector{kept.record(last)};
        options.is_end_known = true;
    });
    CHECK(report.tail == reconciler::TailStatus::incomplete);
    RecordList other = forked(kept, 3);
    CHECK(findings(other, 2).find("forked") == std::string::npos);
    CHECK(findings(other, last).find("shard 1 record " + std::to_string(last) + ": forked") !=
          std::string::npos);
}

TEST_CASE("kept elsewhere: an archive is the beginning of the log, or the fork is named") {
    Kept kept;
    const auto archive = kept.archive();
    const auto findings = [&](RecordList& log) {
        return text_of_findings(replay_list(log, kept.sealed, [&](ReplayOptions& options) {
            options.since = archive.get();
        }));
    };
    CHECK(findings(kept.records) == "");
    RecordList older = kept.records;
    older.shard(kOther).resize(kept.last() - 1);
    CHECK(findings(older).find("shard 1 record " + std::to_string(kept.last() - 1) +
                               ": rolled_back") != std::string::npos);
    RecordList other = forked(kept, 3);
    const std::string text = findings(other);
    CHECK(text.find("shard 1 record 3: forked") != std::string::npos);
    CHECK(text.find("record 4: forked") == std::string::npos);
    // A newer log than the archive is what it is for.
    RecordList newer = kept.records;
    kept.records.shard(kOther).pop_back();
    CHECK(findings(newer) == "");
}

TEST_CASE("kept elsewhere: a log is read up to a record, of which the state digest is then") {
    Kept kept;
    const std::uint64_t cut = kept.last() - 2;
    const auto until = [&](std::uint64_t record) {
        return [record](ReplayOptions& options) {
            options.until = {{kOther, RecordNumber(record)}};
        };
    };
    const ReplayReport report = replay_list(kept.records, kept.sealed, until(cut));
    CHECK(text_of_findings(report) == "");
    CHECK(report.shards[1].next_record == RecordNumber(cut + 1));
    CHECK(report.shards[0].next_record == report.shards[0].log_end);
    CHECK(words(reconciler::verdict_of(report).unasked) == "end views head archive steps ");
    CHECK(to_text(report).find("shard 1 was read up to record " + std::to_string(cut) + " of " +
                               std::to_string(kept.last())) != std::string::npos);
    RecordList shorter = kept.records;
    shorter.shard(kOther).resize(cut + 1);
    CHECK(report.shards[1].state_digest ==
          replay_list(shorter, kept.sealed).shards[1].state_digest);
    CHECK(report.log_digest == replay_list(shorter, kept.sealed).log_digest);
    // To its end is not cut.
    CHECK(!replay_list(kept.records, kept.sealed, until(kept.last())).is_cut());
    ReplayOptions options;
    options.until = {{kOther, RecordNumber(kept.last() + 1)}};
    const auto beyond = reconciler::replay(kept.records, kept.sealed.deployment(), options);
    REQUIRE(!beyond);
    CHECK(beyond.error().code == FaultCode::configuration);
}

TEST_CASE("kept elsewhere: shards that send each other money are clean wherever one is cut") {
    const SealedDeployment sealed = make_sealed_deployment(3);
    RecordList records = make_busy_log(sealed, 3, 400);
    std::size_t below_zero = 0;
    for (std::uint32_t shard = 0; shard < 3; ++shard) {
        const std::size_t end = records.shard(ShardId(shard)).size();
        for (std::size_t record = 0; record < end; record += end / 6 + 1) {
            CAPTURE(shard);
            CAPTURE(record);
            const ReplayReport report = replay_list(records, sealed, [&](ReplayOptions& options) {
                options.until = {{ShardId(shard), RecordNumber(record)}};
            });
            CHECK(text_of_findings(report) == "");
            if (!report.is_cut()) continue;
            // What the others took of the part that is not read is below zero, and told so.
            const std::string text = to_text(report);
            CHECK(text.find("steps in flight") == std::string::npos);
            const std::string lines = to_json_lines(report);
            CHECK(lines.find(R"("steps_in_flight":null)") != std::string::npos);
            CHECK(lines.find(R"("trial_balance_even":null)") != std::string::npos);
            for (const reconciler::TrialLine& line : report.trial_balance.lines()) {
                const bool is_below = line.transit_debits_posted > line.transit_credits_posted;
                if (is_below) ++below_zero;
                CHECK((line.in_transit_text().front() == '-') == is_below);
                const bool is_told =
                    text.find("posted " + line.in_transit_text() + ";") != std::string::npos;
                CHECK(is_told >= line.has_transit());
            }
        }
    }
    CHECK(below_zero > 0);
}

TEST_CASE("kept elsewhere: a log of which anything was not read as it was written has no digest") {
    Kept kept;
    const ReplayReport whole = replay_list(kept.records, kept.sealed);
    REQUIRE(whole.state_digest);
    REQUIRE(whole.log_digest);
    CHECK(whole.unread() == "");
    // Every byte of a record in turn, with keys and without: contexts, refusals, headers, tags.
    for (const bool has_keys : {true, false}) {
        Bytes& bytes = kept.records.shard(kOther)[3];
        for (std::size_t at = 0; at < bytes.size(); at += 3) {
            CAPTURE(at);
            bytes[at] ^= std::byte{1};
            const ReplayReport report =
                replay_list(kept.records, kept.sealed, [&](ReplayOptions& options) {
                    if (!has_keys) options.keys = nullptr;
                });
            bytes[at] ^= std::byte{1};
            // Without keys nothing tells that a tag was edited, which says nothing of the books.
            if (!has_keys && report.is_clean()) {
                CHECK(report.log_digest == whole.log_digest);
                continue;
            }
            REQUIRE(report.findings.count() > 0);
            CHECK(report.state_digest == std::nullopt);
            CHECK(report.log_digest == std::nullopt);
            CHECK(report.unread().find("shard 1 record ") == 0);
        }
    }
}

TEST_CASE("kept elsewhere: neighbours that cannot be read are a finding each, the rest is read") {
    const SealedDeployment sealed = make_sealed_deployment();
    RecordList records = make_busy_log(sealed, 4, 80);
    SimulatedLog log(1);
    REQUIRE(write_to(log, records).has_value());
    for (const std::uint64_t record : {7U, 8U, 9U}) log.damage(ShardId(0), RecordNumber(record));
    ReplayOptions options;
    options.keys = &sealed.keys;
    options.threads = 2;
    const auto report = reconciler::replay(log, sealed.deployment(), options);
    REQUIRE(report);
    const std::string text = text_of_findings(*report);
    for (const std::string record : {"7", "8", "9"})
        CHECK(text.find("shard 0 record " + record + ": unreadable") != std::string::npos);
    CHECK(report->records == records.shard(ShardId(0)).size() - 3);
    CHECK(report->unread() == "shard 0 record 7 cannot be read");
    CHECK(to_text(*report).find("NO state digest: shard 0 record 7 cannot be read") !=
          std::string::npos);
    CHECK(to_json_lines(*report).find("\"state_digest\":null") != std::string::npos);
}

}  // namespace
