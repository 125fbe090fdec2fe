#include "command-handler/intake/handler_directory.h"
#include "command-handler/shard/handler.h"
#include "events/log/embedded/embedded_log.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/record_on_disk.h"
#include "tests/command-handler/whole_books.h"
#include "tests/support/manual_clock.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

// Four shards on one log. One of them reads back a record that somebody has changed, and stops: the
// others go on, what is not known because of it is said to be so, and what is on its way to it
// waits.

namespace {

using namespace vouch;
using namespace vouch::command_handler;
using namespace vouch::test;
namespace fs = std::filesystem;

constexpr std::uint32_t kShards = 4;
constexpr ShardId kBad{2};
constexpr std::uint64_t kOldTransfer = 500;
const LedgerId kLedger{0};

/// Every shard has cash and two accounts with funds; the bad one an old record to itself.
class FourShards {
public:
    static constexpr std::uint64_t kFunds = 1'000'000;

    FourShards() {
        options_.directory = directory_.path() / "shards";
        options_.bounds.mark_after_us = kNoMarks_us;
        open_log();
        start();
        std::vector<Command> opening;
        for (std::uint32_t shard = 0; shard < kShards; ++shard) {
            opening.push_back(open_account(10 + shard, account(shard, 0), Limit::unlimited()));
            for (const std::uint64_t nth : {1U, 2U})
                opening.push_back(open_account(20 + 10 * nth + shard, account(shard, nth)));
            opening.push_back(
                transfer(60 + shard, account(shard, 0), account(shard, 1), kFunds));
        }
        for (const Answered& each : play_routed(*log_, answers_, opening))
            REQUIRE(is_accepted(each.outcome));
        const auto old = play({transfer(kOldTransfer, account(2, 1), account(2, 2), 5)});
        REQUIRE(old.at(0).outcome == Outcome::posted);
        old_ = stored(old.at(0).record);
        place_ = find(old_);
    }
    ~FourShards() { handler_.reset(); }

    std::uint64_t account(std::uint32_t shard, std::uint64_t nth) const {
        return account_on(kShards, shard, nth);
    }
    std::vector<Answered> play(std::vector<Command> commands) {
        return play_routed(*log_, answers_, commands);
    }
    /// To the shard that decides it, without waiting.
    std::pair<ShardId, Offset> send(const Command& command) {
        const ShardId shard = home_of(command, kShards);
        return {shard, *log_->produce(shard, batch_of({&command, 1}))};
    }

    void start() {
        answers_.forget();
        auto started = Handler::start(*log_, deployment_, keys_, clock_, answers_, options_);
        REQUIRE_MESSAGE(started, started.error().message);
        handler_ = std::move(*started);
    }
    Status stop() {
        Status status = handler_->stop();
        handler_.reset();
        return status;
    }
    /// One byte of the old record's body; or as it was.
    void damage() { write(place_, old_, old_.size() - 1, true); }
    void restore() { write(place_, old_, old_.size() - 1, false); }
    /// One byte of the bad shard's newest record.
    void damage_newest(bool in_front) {
        const Bytes newest = stored(RecordNumber(log_->end(kBad)->value() - 1));
        write(find(newest), newest, in_front ? 40 : newest.size() - 1, true);
    }
    /// The bad shard meets what was damaged.
    void make_stop() {
        damage();
        send(transfer(kOldTransfer, account(2, 1), account(2, 2), 5));
        answers_.wait_until_stopped(kBad);
    }
    Handler& handler() { return *handler_; }
    AnswerBook& answers() { return answers_; }
    HandlerOptions& options() { return options_; }
    void check_books() {
        WholeBooks books(deployment_, keys_);
        books.read(*log_);
        CHECK(books.faults() == "");
    }
    std::uint64_t credited(std::uint32_t shard, std::uint64_t nth) {
        WholeBooks books(deployment_, keys_);
        books.read(*log_);
        return books.shard(shard).account(account(shard, nth))->totals.credits_posted.low();
    }

private:
    void open_log() {
        auto opened = EmbeddedLog::open({.directory = (directory_.path() / "log").string(),
                                         .shard_count = kShards,
                                         .segment_bytes = std::uint64_t{1} << 20,
                                         .prepare_in_background = false});
        REQUIRE_MESSAGE(opened, opened.error().message);
        log_ = std::move(*opened);
    }
    Bytes stored(RecordNumber record) {
        std::vector<StoredRecord> records;
        REQUIRE(log_->read_records(kBad, record, 1, records).has_value());
        return records.front().bytes;
    }
    PlaceOnDisk find(const Bytes& record) const {
        return find_on_disk(directory_.path() / "log", record);
    }
    static void write(const PlaceOnDisk& place, const Bytes& record, std::size_t at,
                      bool is_damaged) {
        const std::byte byte = record.at(at) ^ (is_damaged ? std::byte{1} : std::byte{0});
        overwrite_on_disk({place.file, place.at + at}, {&byte, 1});
    }

    TemporaryDirectory directory_;
    Deployment deployment_ = make_deployment(kShards, false, Timestamp(kStart_us)).deployment;
    EpochKeys keys_ = make_test_keys(deployment_);
    ManualClock clock_{Timestamp(kStart_us)};
    HandlerOptions options_;
    std::unique_ptr<EmbeddedLog> log_;
    AnswerBook answers_;
    std::unique_ptr<Handler> handler_;
    Bytes old_;
    PlaceOnDisk place_;
};

}  // namespace

TEST_CASE("stopped shard: the others go on, and it is known which has stopped and why") {
    FourShards books;
    CHECK(books.handler().stopped().empty());
    books.make_stop();
    const std::vector<StoppedShard> stopped = books.handler().stopped();
    REQUIRE(stopped.size() == 1);
    CHECK(stopped.front().shard == kBad);
    CHECK(stopped.front().fault.code == FaultCode::corrupt);
    CHECK(stopped.front().fault.message.find("shard 2 record ") == 0);
    CHECK(books.answers().wait_until_stopped(kBad).message == stopped.front().fault.message);
    for (const std::uint32_t shard : {0U, 1U, 3U}) {
        CAPTURE(shard);
        CHECK_FALSE(books.handler().stop_of(ShardId(shard)));
        const std::pair<ShardId, Offset> sent =
            books.send(transfer(600 + shard, books.account(shard, 1), books.account(shard, 2), 7));
        CHECK(books.answers().wait(sent.first, sent.second, 1).at(0).outcome == Outcome::posted);
    }
    // Between two that go on.
    const auto [from, crossing] =
        books.send(transfer(610, books.account(0, 1), books.account(3, 2), 9));
    books.answers().wait(from, crossing, 1);
    while (books.answers().look(from, crossing).at(0).in_transit)
        (void)books.handler().find_account(kLedger, account_id(books.account(0, 1)));
    CHECK(books.answers().look(from, crossing).at(0).outcome == Outcome::posted);
    (void)books.handler().find_account(kLedger, account_id(books.account(0, 1)));
    CHECK(books.handler().in_transit(from) == 0);
    CHECK(books.stop().error().message == stopped.front().fault.message);
    books.restore();
    books.start();
    CHECK(books.stop().has_value());
    books.check_books();
}

TEST_CASE("stopped shard: what it may know is unknown, and what it surely does not know is not") {
    FourShards books;
    books.make_stop();
    Handler& handler = books.handler();
    const auto by_bad = [](const auto& look_up) {
        return !look_up && look_up.unknown && look_up.unknown->shard == kBad;
    };
    CHECK(by_bad(handler.find_account(kLedger, account_id(books.account(2, 1)))));
    CHECK(handler.find_account(kLedger, account_id(books.account(1, 1))));
    CHECK(by_bad(handler.find_entry(kLedger, command_id(kOldTransfer))));
    CHECK(by_bad(handler.find_hold(kLedger, command_id(kOldTransfer))));
    // Its id under other content, on another shard, is a conflict that cannot be told: no new one.
    const Command stolen = transfer(kOldTransfer, books.account(0, 1), books.account(0, 2), 1);
    CHECK(by_bad(handler.find_command(stolen, ShardId(0))));
    const Command fresh = transfer(700, books.account(0, 1), books.account(0, 2), 1);
    const auto unseen = handler.find_command(fresh, ShardId(0));
    CHECK_FALSE(unseen);
    CHECK_FALSE(unseen.unknown);
    CHECK_FALSE(handler.find_hold(kLedger, command_id(700)).unknown);
    // What another shard knows is known.
    CHECK(handler.find_entry(kLedger, command_id(60)));
    CHECK(handler.find_command(transfer(60, books.account(1, 0), books.account(1, 1), 1),
                               ShardId(1)));

    HandlerDirectory directory(handler, kShards);
    const auto needs_bad = [&](const Command& command) {
        const auto stop = directory.stop_before(command, home_of(command, kShards), {});
        return stop && stop->shard == kBad;
    };
    CHECK_FALSE(needs_bad(fresh));
    CHECK(needs_bad(transfer(701, books.account(2, 1), books.account(0, 2), 1)));
    CHECK(needs_bad(transfer(702, books.account(0, 1), books.account(2, 2), 1)));
    // What its own shard may answer as a repeat goes there.
    CHECK_FALSE(needs_bad(transfer(60, books.account(0, 0), books.account(2, 2), 1)));
}

TEST_CASE("stopped shard: what is on its way to it stays in transit, and ends after the way on") {
    FourShards books;
    books.make_stop();
    const Command command = transfer(800, books.account(0, 1), books.account(2, 2), 11);
    const auto [from, offset] = books.send(command);
    CHECK(books.answers().wait(from, offset, 1).at(0).in_transit);
    // A whole round of the shard that sent it, and it is so still.
    (void)books.handler().find_account(kLedger, account_id(books.account(0, 1)));
    CHECK(books.answers().look(from, offset).at(0).in_transit);
    CHECK(books.handler().in_transit(from) == 1);
    CHECK(books.handler().in_transit(ShardId(1)) == 0);
    CHECK_FALSE(books.stop().has_value());
    books.restore();
    CHECK(books.credited(2, 2) == 5);

    books.start();
    // Asked again, it is the first one: in transit or posted.
    const auto told = books.play({command});
    REQUIRE(told.size() == 1);
    CHECK(told.front().repeated);
    CHECK(told.front().outcome == Outcome::posted);
    CHECK(books.stop().has_value());
    CHECK(books.credited(2, 2) == 16);
    books.check_books();
}

TEST_CASE("stopped shard: repeats of what waits for it are answered, and hold up nothing") {
    FourShards books;
    REQUIRE(books.stop().has_value());
    books.options().bounds.waiters = 3;
    books.start();
    books.make_stop();
    const Command command = transfer(800, books.account(0, 1), books.account(2, 2), 11);
    for (std::size_t i = 0; i < 10; ++i) {
        const auto [from, offset] = books.send(command);
        const Answered told = books.answers().wait(from, offset, 1).at(0);
        CHECK(told.in_transit);
        // Who asked hears of the stop itself.
        CHECK_FALSE(told.is_last);
    }
    const auto [from, offset] =
        books.send(transfer(801, books.account(0, 1), books.account(0, 2), 1));
    CHECK(books.answers().wait(from, offset, 1).at(0).outcome == Outcome::posted);
    CHECK_FALSE(books.stop().has_value());
}

TEST_CASE("stopped shard: a record that a start cannot read stops its shard alone") {
    FourShards books;
    REQUIRE(books.stop().has_value());
    books.options().snapshots = false;
    fs::remove_all(books.options().directory);
    books.damage();
    books.start();
    CHECK(books.answers().has_stopped(kBad));
    const std::vector<StoppedShard> stopped = books.handler().stopped();
    REQUIRE(stopped.size() == 1);
    CHECK(stopped.front().shard == kBad);
    CHECK(stopped.front().fault.code == FaultCode::corrupt);
    const auto sent = books.send(transfer(900, books.account(0, 1), books.account(0, 2), 7));
    CHECK(books.answers().wait(sent.first, sent.second, 1).at(0).outcome == Outcome::posted);
    // Nobody can say which ids it has seen: none is new.
    const auto unseen = books.handler().find_command(
        transfer(901, books.account(0, 1), books.account(0, 2), 1), ShardId(0));
    REQUIRE(unseen.unknown);
    CHECK(unseen.unknown->fault.message.find("record ") != std::string::npos);
    CHECK(unseen.unknown->fault.message.find("; which ids it has seen is not known") !=
          std::string::npos);
    CHECK_FALSE(books.stop().has_value());
    books.restore();
    books.start();
    CHECK(books.handler().stopped().empty());
    CHECK(books.stop().has_value());
    books.check_books();
}

TEST_CASE("stopped shard: rot in the newest record that its store has seen stops no other shard") {
    for (const bool in_front : {false, true}) {
        CAPTURE(in_front);
        FourShards books;
        REQUIRE(books.stop().has_value());
        REQUIRE(fs::exists(books.options().directory / "2" / "snapshot"));
        books.damage_newest(in_front);
        books.start();
        CHECK(books.answers().has_stopped(kBad));
        CHECK(books.handler().stopped().size() == 1);
        const auto sent = books.send(transfer(900, books.account(0, 1), books.account(0, 2), 7));
        CHECK(books.answers().wait(sent.first, sent.second, 1).at(0).outcome == Outcome::posted);
    }
}

TEST_CASE("stopped shard: a start that cannot read one, whose store has all ids, refuses no new one") {
    FourShards books;
    REQUIRE(books.stop().has_value());
    books.options().snapshots = false;
    books.damage();
    books.start();
    CHECK(books.answers().has_stopped(kBad));
    Handler& handler = books.handler();
    const auto fresh = handler.find_command(
        transfer(901, books.account(0, 1), books.account(0, 2), 1), ShardId(0));
    CHECK_FALSE(fresh);
    CHECK_FALSE(fresh.unknown);
    const auto stolen = handler.find_command(
        transfer(kOldTransfer, books.account(0, 1), books.account(0, 2), 1), ShardId(0));
    REQUIRE(stolen.unknown);
    CHECK(stolen.unknown->shard == kBad);
    CHECK(stolen.unknown->fault.message.find("is not known") == std::string::npos);
    CHECK(handler.find_entry(kLedger, command_id(kOldTransfer)).unknown);
    CHECK_FALSE(books.stop().has_value());
    books.restore();
    books.start();
    CHECK(books.stop().has_value());
    books.check_books();
}

TEST_CASE("stopped shard: ids that its store has not followed to the log's end are not known") {
    FourShards books;
    const fs::path store = books.options().directory / "2" / "store";
    const fs::path earlier = books.options().directory / "earlier";
    REQUIRE(books.stop().has_value());
    fs::copy(store, earlier, fs::copy_options::recursive);
    books.start();
    REQUIRE(books.play({transfer(550, books.account(2, 1), books.account(2, 2), 3)}).size() == 1);
    REQUIRE(books.stop().has_value());
    fs::remove_all(store);
    fs::rename(earlier, store);
    books.options().snapshots = false;
    books.damage();
    books.start();
    CHECK(books.handler()
              .find_command(transfer(901, books.account(0, 1), books.account(0, 2), 1), ShardId(0))
              .unknown);
    CHECK_FALSE(books.stop().has_value());
    books.restore();
    books.start();
    CHECK(books.stop().has_value());
    books.check_books();
}
