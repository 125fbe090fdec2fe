#include "projector/views/follower.h"

#include "projector/queries/books.h"
#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace vouch;
using namespace vouch::projector;
using test::RandomBooks;

namespace {

/// No test waits that long when all is well.
Follower::Deadline late() { return std::chrono::steady_clock::now() + std::chrono::minutes(1); }
Follower::Deadline now() { return std::chrono::steady_clock::now(); }

/// A log that others read while it grows: it shows so many records of each shard, and may fail.
class GrowingLog final : public LogReader {
public:
    explicit GrowingLog(RandomBooks& books) : log_(books.log), shown_(log_.shard_count()) {}

    void show(ShardId shard, RecordNumber end) {
        const std::lock_guard lock(mutex_);
        shown_.at(shard.value()) = end;
    }
    void show_all() {
        for (std::uint32_t i = 0; i < shard_count(); ++i) show(ShardId(i), *log_.end(ShardId(i)));
    }
    void fail(std::optional<Fault> fault) {
        const std::lock_guard lock(mutex_);
        fault_ = std::move(fault);
    }
    void damage(ShardId shard) {
        const std::lock_guard lock(mutex_);
        damaged_ = shard;
    }

    std::uint32_t shard_count() const override { return log_.shard_count(); }
    Result<RecordNumber> end(ShardId shard) override {
        const std::lock_guard lock(mutex_);
        if (fault_) return *fault_;
        return shown_.at(shard.value());
    }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        {
            const std::lock_guard lock(mutex_);
            if (damaged_ == shard) return Fault{FaultCode::corrupt, "a record is rotten"};
        }
        return log_.read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return log_.read_range(shard, record, offset, size, out);
    }

private:
    test::MemoryLog& log_;
    std::mutex mutex_;
    std::vector<RecordNumber> shown_;
    std::optional<Fault> fault_;
    std::optional<ShardId> damaged_;
};

struct Fixture {
    explicit Fixture(std::uint64_t seed) : books(2, seed), log(grown(books)) { open(); }
    void open() {
        views.reset();
        auto opened = ShardViews::open(log, books.deployment.deployment,
                                       *books.deployment.keys, directory.path(),
                                       rocks_view_stores());
        REQUIRE(opened);
        views = *std::move(opened);
    }
    static RandomBooks& grown(RandomBooks& books) {
        for (int i = 0; i < 400; ++i) books.step();
        books.seal_all();
        return books;
    }
    RecordNumber last(std::uint32_t shard) {
        return RecordNumber(books.log.end(ShardId(shard))->value() - 1);
    }
    test::TemporaryDirectory directory;
    RandomBooks books;
    GrowingLog log;
    std::unique_ptr<ShardViews> views;
};

/// A look that only a call brings: one that the interval brings would come too late for any test.
FollowerOptions only_when_called() {
    FollowerOptions options;
    options.look_interval = std::chrono::hours(1);
    options.records_per_turn = 3;
    return options;
}

}  // namespace

TEST_CASE("follower: a view whose last record the log does not give goes no further, and says so") {
    Fixture fixture(70);
    fixture.log.show_all();
    REQUIRE(fixture.views->catch_up_to_end());
    fixture.log.damage(ShardId(1));
    fixture.open();
    Follower follower(fixture.log, *fixture.views, only_when_called());
    const auto waited = follower.wait_until(ShardId(1), fixture.last(1).next(), late());
    REQUIRE_FALSE(waited);
    CHECK(waited.error().code == FaultCode::corrupt);
    CHECK(waited.error().message == "a record is rotten");
    CHECK(!follower.fault(ShardId(0)));
}

TEST_CASE("follower: who waits for a record sees it, and all before it") {
    Fixture fixture(71);
    Follower follower(fixture.log, *fixture.views, only_when_called());
    for (const std::uint64_t record : {0U, 1U, 9U}) {
        for (const ShardId shard : {ShardId(1), ShardId(0)}) {
            fixture.log.show(shard, RecordNumber(record + 1));
            const auto reached = follower.wait_until(shard, RecordNumber(record), late());
            REQUIRE(reached);
            CHECK(*reached);
            CHECK(follower.position(shard) == RecordNumber(record + 1));
        }
    }
    fixture.log.show_all();
    follower.notify();
    for (const std::uint32_t shard : {0U, 1U}) {
        CHECK(*follower.wait_until(ShardId(shard), fixture.last(shard), late()));
        CHECK_FALSE(follower.fault(ShardId(shard)).has_value());
    }
    follower.stop();
    // The rows are those of a view that was not followed.
    test::OpenView plain(fixture.directory.path() / "plain", fixture.books.log,
                         fixture.books.deployment, test::always_batch(), ShardId(1));
    REQUIRE(plain.projector->catch_up_to_end());
    CHECK(test::rows_of(*fixture.views->stores()[1]) == test::rows_of(*plain.store));
}

TEST_CASE("follower: a look that is asked for finds what the log has then, and says so") {
    Fixture fixture(74);
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t changes = 0;
    FollowerOptions options = only_when_called();
    options.changed = [&] {
        const std::lock_guard lock(mutex);
        ++changes;
        changed.notify_all();
    };
    Follower follower(fixture.log, *fixture.views, options);
    for (const std::uint64_t end : {0U, 1U, 7U}) {
        for (std::uint32_t i = 0; i < 2; ++i) fixture.log.show(ShardId(i), RecordNumber(end));
        const std::uint64_t look = follower.look();
        std::unique_lock lock(mutex);
        // Nobody is told anything before the follower has looked.
        REQUIRE(changed.wait_until(lock, late(), [&] { return follower.ends(look).has_value(); }));
        CHECK(follower.ends(look) == std::vector(2, RecordNumber(end)));
        lock.unlock();
        for (std::uint32_t i = 0; end > 0 && i < 2; ++i)
            REQUIRE(follower.wait_until(ShardId(i), RecordNumber(end - 1), late()).value());
        CHECK(follower.applied() == 2 * end);
    }
    CHECK_FALSE(follower.ends(follower.look() + 1));
}

TEST_CASE("follower: a view that rests writes its rows out, for who reads its files beside it") {
    Fixture fixture(76);
    std::mutex mutex;
    std::condition_variable changed;
    FollowerOptions options = only_when_called();
    options.write_out_after = std::chrono::milliseconds(0);
    options.changed = [&] {
        const std::lock_guard lock(mutex);
        changed.notify_all();
    };
    fixture.log.show_all();
    Follower follower(fixture.log, *fixture.views, options);
    for (const std::uint32_t shard : {0U, 1U})
        REQUIRE(follower.wait_until(ShardId(shard), fixture.last(shard), late()).value());
    const std::uint64_t look = follower.look();
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_until(lock, late(), [&] { return follower.ends(look).has_value(); }));
    for (const std::uint32_t shard : {0U, 1U}) {
        const auto read = rocks_view_stores().open_to_read(
            fixture.directory.path() / std::to_string(shard),
            view_key(*fixture.books.deployment.keys, ShardId(shard)));
        REQUIRE(read);
        REQUIRE((*read)->position());
        CHECK((*read)->position()->next_record == fixture.last(shard).next());
    }
}

TEST_CASE("follower: looks by itself, when nobody calls") {
    Fixture fixture(72);
    Follower follower(fixture.log, *fixture.views);
    // Woken through shard 0; shard 1 grows afterwards and nobody says so.
    CHECK_FALSE(*follower.wait_until(ShardId(0), RecordNumber(0), now()));
    fixture.log.show_all();
    const Follower::Deadline deadline = late();
    while (follower.position(ShardId(1)) <= fixture.last(1) && now() < deadline) {
        std::this_thread::yield();
    }
    CHECK(follower.position(ShardId(1)) == fixture.last(1).next());
}

TEST_CASE("follower: a wait ends at its deadline, and when the follower stops") {
    Fixture fixture(73);
    Follower follower(fixture.log, *fixture.views, only_when_called());
    const auto early = follower.wait_until(ShardId(0), RecordNumber(0), now());
    REQUIRE(early);
    CHECK_FALSE(*early);
    std::optional<bool> reached;
    std::thread waiter([&] {
        const auto waited = follower.wait_until(ShardId(0), RecordNumber(5), late());
        if (waited) reached = *waited;
    });
    follower.stop();
    waiter.join();
    CHECK(reached == false);
    // Also one that comes later, and stopping twice.
    CHECK_FALSE(*follower.wait_until(ShardId(0), RecordNumber(5), late()));
    follower.stop();
}

TEST_CASE("follower: a shard at fault stands still and says so; the other goes on") {
    Fixture fixture(74);
    fixture.books.log.records(ShardId(0))[4].back() ^= std::byte{1};
    std::mutex mutex;
    std::condition_variable changed;
    FollowerOptions options = only_when_called();
    options.changed = [&] {
        const std::lock_guard lock(mutex);
        changed.notify_all();
    };
    Follower follower(fixture.log, *fixture.views, options);
    fixture.log.show_all();
    const auto lost = follower.wait_until(ShardId(0), fixture.last(0), late());
    REQUIRE_FALSE(lost);
    CHECK(lost.error().code == FaultCode::corrupt);
    CHECK(follower.position(ShardId(0)) == RecordNumber(4));
    CHECK(follower.fault(ShardId(0))->message.find("shard 0 record 4") == 0);
    // What it had reached is there.
    CHECK(*follower.wait_until(ShardId(0), RecordNumber(3), late()));
    CHECK(*follower.wait_until(ShardId(1), fixture.last(1), late()));
    CHECK_FALSE(follower.fault(ShardId(1)).has_value());
    // Who asks for what the log has is told, of both.
    const std::uint64_t look = follower.look();
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_until(lock, late(), [&] { return follower.ends(look).has_value(); }));
    CHECK(follower.ends(look) ==
          std::vector{fixture.last(0).next(), fixture.last(1).next()});
    lock.unlock();
    const Follower::Lag whole = follower.lag(ShardId(1));
    const Follower::Lag behind = follower.lag(ShardId(0));
    CHECK(whole.records == 0U);
    CHECK(behind.records == fixture.last(0).value() - 3);
    // The one had all of the log when nothing was shown yet, the other later.
    CHECK(whole.time < behind.time);
    const Result<Books> books = Books::open(fixture.views->stores());
    REQUIRE(books);
    CHECK(whole.complete_below == books->complete_below(ShardId(1)));
    CHECK(behind.complete_below == books->complete_below(ShardId(0)));
    REQUIRE(behind.complete_below.has_value());
}

TEST_CASE("follower: a view that stops during the look that is asked for ends that look") {
    Fixture fixture(77);
    std::mutex mutex;
    std::condition_variable changed;
    FollowerOptions options = only_when_called();
    options.changed = [&] {
        const std::lock_guard lock(mutex);
        changed.notify_all();
    };
    fixture.log.show_all();
    Follower follower(fixture.log, *fixture.views, options);
    for (std::uint32_t i = 0; i < 2; ++i)
        REQUIRE(*follower.wait_until(ShardId(i), fixture.last(i), late()));
    // First a fault that may pass, then one that does not: both are told within their look.
    for (const FaultCode code : {FaultCode::retriable, FaultCode::storage}) {
        fixture.log.fail(Fault{code, "the log cannot be read"});
        const std::uint64_t look = follower.look();
        std::unique_lock lock(mutex);
        const auto is_told = [&] {
            const auto fault = follower.fault(ShardId(1));
            const bool is_lost = code != FaultCode::retriable;
            return fault && fault->code == code && follower.ends(look).has_value() == is_lost;
        };
        CHECK(changed.wait_until(lock, late(), is_told));
    }
}

TEST_CASE("follower: a fault that passes is tried again") {
    Fixture fixture(75);
    FollowerOptions often;
    often.look_interval = std::chrono::milliseconds(1);
    Follower follower(fixture.log, *fixture.views, often);
    SUBCASE("as it says itself") { fixture.log.fail(Fault{FaultCode::retriable, "not now"}); }
    SUBCASE("no descriptor is left") {
        fixture.log.fail(Fault{FaultCode::storage,
                               "open of 00000000.segment failed: Too many open files (errno 24)"});
    }
    const Follower::Deadline deadline = late();
    while (!follower.fault(ShardId(1)) && now() < deadline) std::this_thread::yield();
    REQUIRE(follower.fault(ShardId(1)));
    CHECK(follower.fault(ShardId(1))->code == FaultCode::retriable);
    CHECK_FALSE(*follower.wait_until(ShardId(0), RecordNumber(0), now()));
    fixture.log.show_all();
    fixture.log.fail({});
    CHECK(*follower.wait_until(ShardId(0), fixture.last(0), late()));
    CHECK(*follower.wait_until(ShardId(1), fixture.last(1), late()));
    CHECK_FALSE(follower.fault(ShardId(1)).has_value());
}

TEST_CASE("follower: a log that did not answer for long is told, and tried again") {
    Fixture fixture(78);
    FollowerOptions often;
    often.look_interval = std::chrono::milliseconds(1);
    fixture.log.fail(Fault{FaultCode::storage, "the brokers do not answer"});
    Follower follower(fixture.log, *fixture.views, often);
    const auto waited = follower.wait_until(ShardId(0), fixture.last(0), late());
    REQUIRE(!waited);
    CHECK(waited.error().code == FaultCode::storage);
    fixture.log.show_all();
    fixture.log.fail({});
    const Follower::Deadline deadline = late();
    for (std::uint32_t i = 0; i < 2; ++i) {
        while (follower.position(ShardId(i)) <= fixture.last(i) && now() < deadline)
            std::this_thread::yield();
        CHECK(follower.position(ShardId(i)) > fixture.last(i));
    }
}

TEST_CASE("follower: many threads wait for many records") {
    Fixture fixture(76);
    std::atomic<std::uint64_t> changes = 0;
    FollowerOptions options = only_when_called();
    options.changed = [&changes] { ++changes; };
    Follower follower(fixture.log, *fixture.views, options);
    std::atomic<int> reached = 0;
    std::vector<std::thread> waiters;
    for (std::uint32_t i = 0; i < 8; ++i) {
        waiters.emplace_back([&, i] {
            const ShardId shard(i % 2);
            const auto waited = follower.wait_until(shard, fixture.last(i % 2), late());
            if (waited && *waited) ++reached;
        });
    }
    fixture.log.show_all();
    follower.notify();
    for (std::thread& waiter : waiters) waiter.join();
    CHECK(reached == 8);
    follower.stop();
    // Three records a turn, and each turn is told of once.
    const auto turns = [&](std::uint32_t shard) {
        return (fixture.last(shard).value() + 1 + 2) / 3;
    };
    CHECK(changes == turns(0) + turns(1));
}
