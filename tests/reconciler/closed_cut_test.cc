// Where a log that goes on is cut, on a story of two shards of which one's end is seen late.
#include "reconciler/reading/closed_cut.h"

#include "events/log/log.h"
#include "tests/reconciler/crossing_story.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace vouch;
using namespace vouch::test;

namespace {

/// A log of which kP's end is first seen as it was, at each look as one of `early` says.
class LateLog : public LogReader {
public:
    /// On brokers, which show what is recorded only later to others than its writer.
    LateLog(RecordList& all, std::vector<RecordNumber> early)
        : all_(all), early_(std::move(early)) {}
    /// In files that are written meanwhile: kQ's end is first seen as it was, too.
    LateLog(RecordList& all, std::vector<RecordNumber> early, RecordNumber early_q)
        : all_(all), early_(std::move(early)), early_q_(early_q) {}

    std::uint32_t shard_count() const override { return all_.shard_count(); }
    Result<RecordNumber> end(ShardId shard) override {
        if (shard == kQ) return early_q_ && looks_ == 1 ? *early_q_ : all_.end(shard);
        return looks_ == early_.size() ? all_.end(shard) : early_[looks_++];
    }
    bool shows_late() const override { return !early_q_; }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        ++reads;
        return all_.read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return all_.read_range(shard, record, offset, size, out);
    }

    std::size_t reads = 0;

private:
    RecordList& all_;
    const std::vector<RecordNumber> early_;
    const std::optional<RecordNumber> early_q_;
    std::size_t looks_ = 0;
};

/// A log on brokers that goes on: at each look both ends are a record further, and kP's is behind
/// what kQ's records take.
class BusyLog final : public LateLog {
public:
    explicit BusyLog(RecordList& all) : LateLog(all, {}), all_(all) {}
    Result<RecordNumber> end(ShardId shard) override {
        if (shard == kP) ++looks_;
        return std::min(*all_.end(shard), RecordNumber(shard == kP ? looks_ : looks_ + kBehind));
    }

private:
    static constexpr std::uint64_t kBehind = 5;
    RecordList& all_;
    std::uint64_t looks_ = 1;
};

}  // namespace

TEST_CASE("closed cut: holds every record whose steps another one in it takes") {
    CrossingBooks books;
    tell_story(books);
    RecordList all = books.seal();
    // q's record 5 takes from p's record 5, and nothing is taken from the two behind it.
    LateLog log(all, {RecordNumber(2), RecordNumber(3)}, RecordNumber(5));
    reconciler::ReplayOptions options;
    options.keys = &books.sealed().keys;
    options.threads = 1;
    const auto report = reconciler::replay(log, books.sealed().deployment(), options);
    REQUIRE(report.has_value());
    CHECK(text_of(*report) == "");
    CHECK(report->shards[0].next_record == RecordNumber(6));
    CHECK(report->shards[1].next_record == RecordNumber(6));
}

TEST_CASE("closed cut: of files that nobody writes, reads no record") {
    CrossingBooks books;
    tell_story(books);
    RecordList all = books.seal();
    LateLog log(all, {}, *all.end(kQ));
    const auto cut = reconciler::closed_cut(log);
    REQUIRE(cut.has_value());
    CHECK(cut->ends == std::vector<RecordNumber>{*all.end(kP), *all.end(kQ)});
    CHECK(log.reads == 0);
}

TEST_CASE("closed cut: what brokers show late is waited for, however many records lie behind") {
    CrossingBooks books;
    tell_story(books);
    std::deque<std::string> names;  // which the drafts borrow
    for (std::size_t i = 0; i < 3 * reconciler::kCutTailRecordsMin; ++i) {
        const std::string& name = names.emplace_back("more" + std::to_string(i));
        books.record(kQ, [&] {
            books.open(name, CrossingBooks::account(kQ, 10 + i), AccountClass::liability);
        });
    }
    RecordList all = books.seal();
    LateLog late(all, std::vector<RecordNumber>(8, RecordNumber(3)));
    const auto cut = reconciler::closed_cut(late);
    REQUIRE(cut.has_value());
    CHECK(cut->is_whole);
    CHECK(cut->ends[0] == RecordNumber(6));
}

TEST_CASE("closed cut: what brokers show a moment later is waited for, and not for ever") {
    CrossingBooks books;
    tell_story(books);
    RecordList all = books.seal();
    const std::vector<RecordNumber> ends{*all.end(kP), *all.end(kQ)};
    const RecordNumber newest(ends[0].value() - 1);
    const RecordNumber taken_from(3);
    LateLog newest_late(all, {newest, newest});
    const auto with_newest = reconciler::closed_cut(newest_late, ends);
    REQUIRE(with_newest.has_value());
    CHECK(with_newest->is_whole);
    CHECK(with_newest->ends == ends);
    LateLog taken_late(all, {taken_from, taken_from});
    const auto closed = reconciler::whole_cut(taken_late);
    REQUIRE(closed.has_value());
    CHECK(*closed == std::vector<RecordNumber>{RecordNumber(6), ends[1]});
    LateLog lost(all, std::vector<RecordNumber>(100 * kShowLooks, newest));
    const auto without = reconciler::closed_cut(lost, ends);
    REQUIRE(without.has_value());
    CHECK_FALSE(without->is_whole);
    CHECK(without->ends[0] == newest);
}

TEST_CASE("closed cut: of a log that goes on, what was needed at first is waited for, and no more") {
    CrossingBooks books;
    open_all(books);
    std::deque<std::string> names;  // which the drafts borrow
    for (int i = 0; i < 4 * kShowLooks; ++i) {
        const std::string& name = names.emplace_back("t" + std::to_string(i));
        books.record(kP, [&] { books.transfer(name, payer(), payee(), 1); });
        books.record(kQ, [&] { books.take(); });
    }
    RecordList all = books.seal();
    BusyLog busy(all);
    const auto cut = reconciler::closed_cut(busy);
    REQUIRE(cut.has_value());
    CHECK(cut->is_whole);
    CHECK(cut->ends[0] < *all.end(kP));
}
