#include "projector/answers/answer_json.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/shard_loops.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// Complete and settled time, over logs that a handler wrote.

namespace {

using namespace vouch;
using namespace vouch::projector;
using test::HandlerRig;
using test::TemporaryDirectory;

constexpr std::int64_t kSecond_us = 1'000'000;
constexpr std::int64_t kHour_us = 3'600 * kSecond_us;

/// Two shards with a payer, who may go below zero, and a payee on each; views that follow.
struct PlayedShards {
    PlayedShards() {
        rig.start();
        for (std::uint32_t shard = 0; shard < 2; ++shard) {
            payer[shard] = rig.account_on(shard, 0);
            payee[shard] = rig.account_on(shard, 1);
            play({test::open_account(next_id++, payer[shard], Limit::unlimited()),
                  test::open_account(next_id++, payee[shard])});
        }
    }
    void play(std::initializer_list<Command> commands) {
        for (const test::Answered& each : rig.play_routed(commands))
            REQUIRE(is_accepted(each.outcome));
    }
    void pay(std::uint32_t shard) {
        play({test::transfer(next_id++, payer[shard], payee[shard], 1)});
    }
    /// Lets time pass until both shards have said how far they are.
    void mark() {
        const RecordNumber ends[2] = {*rig.log.end(ShardId(0)), *rig.log.end(ShardId(1))};
        REQUIRE(rig.clock.advance(kSecond_us));
        for (std::uint32_t shard = 0; shard < 2; ++shard) {
            rig.send_bytes(Bytes(), ShardId(shard));
            while (*rig.log.end(ShardId(shard)) == ends[shard]) std::this_thread::yield();
        }
    }
    Books books() {
        if (!views) {
            auto opened =
                ShardViews::open(rig.log, rig.deployment, rig.keys, directory.path(),
                                 rocks_view_stores());
            REQUIRE(opened);
            views = *std::move(opened);
        }
        REQUIRE(views->catch_up_to_end());
        auto opened = Books::open(views->stores());
        REQUIRE(opened);
        return *std::move(opened);
    }
    AccountBalance balance(Books& books, std::uint64_t account, std::optional<Timestamp> at = {}) {
        auto found = books.balance(LedgerId(0), test::account_id(account), at);
        REQUIRE(found);
        REQUIRE(*found);
        return **found;
    }

    HandlerRig rig{2};
    test::TemporaryDirectory directory;
    std::unique_ptr<ShardViews> views;
    std::uint64_t payer[2] = {}, payee[2] = {};
    std::uint64_t next_id = 1;
};

/// How often any cursor of a store's snapshots went to a next row.
class CountedStore final : public ViewStore {
public:
    explicit CountedStore(ViewStore& store) : store_(store) {}
    std::size_t steps() const { return steps_; }

    const std::optional<ViewPosition>& position() const override { return store_.position(); }
    std::optional<Fault> damage() const override { return store_.damage(); }
    Status has_room() override { return store_.has_room(); }
    std::unique_ptr<ViewWrite> start_batch() override { return store_.start_batch(); }
    Result<std::unique_ptr<ViewWrite>> start_bulk() override { return store_.start_bulk(); }
    Result<std::unique_ptr<ViewSnapshot>> snapshot() override {
        Result<std::unique_ptr<ViewSnapshot>> made = store_.snapshot();
        if (!made) return made.error();
        return std::unique_ptr<ViewSnapshot>(new Snapshot(*std::move(made), steps_));
    }

private:
    class Cursor final : public RowCursor {
    public:
        Cursor(std::unique_ptr<RowCursor> rows, std::size_t& steps)
            : rows_(std::move(rows)), steps_(steps) {}
        void seek(ByteView key) override { rows_->seek(key); }
        void seek_at_or_before(ByteView key) override { rows_->seek_at_or_before(key); }
        void next() override {
            ++steps_;
            rows_->next();
        }
        bool is_valid() const override { return rows_->is_valid(); }
        ByteView key() const override { return rows_->key(); }
        ByteView value() const override { return rows_->value(); }
        Status status() const override { return rows_->status(); }

    private:
        std::unique_ptr<RowCursor> rows_;
        std::size_t& steps_;
    };
    class Snapshot final : public ViewSnapshot {
    public:
        Snapshot(std::unique_ptr<ViewSnapshot> snapshot, std::size_t& steps)
            : snapshot_(std::move(snapshot)), steps_(steps) {}
        const std::optional<ViewPosition>& position() const override {
            return snapshot_->position();
        }
        Result<bool> get(ByteView key, Bytes& value) override {
            return snapshot_->get(key, value);
        }
        std::unique_ptr<RowCursor> cursor() override {
            return std::make_unique<Cursor>(snapshot_->cursor(), steps_);
        }
        bool newest_history(AccountNumber account, EventNumber end, Bytes& value) override {
            return snapshot_->newest_history(account, end, value);
        }

    private:
        std::unique_ptr<ViewSnapshot> snapshot_;
        std::size_t& steps_;
    };

    ViewStore& store_;
    std::size_t steps_ = 0;
};

StatementPage page_after(Books& books, std::optional<StatementPosition> after,
                         std::size_t rows_max = 1000) {
    StatementQuery query;
    query.after = after;
    query.rows_max = rows_max;
    query.complete_only = true;
    auto page = books.statement(query);
    REQUIRE(page);
    return *std::move(page);
}

std::string available_units(const AccountBalance& balance) {
    const Side normal = normal_side(balance.account.account_class);
    return to_text(*available(balance.without_due(), normal, balance.limit), Scale(0));
}

}  // namespace

TEST_CASE("settled: when every shard that is read has a later record, for ever") {
    HandlerRig rig(2);
    const TemporaryDirectory directory;
    test::ShardLoops loops(rig);
    loops.start();
    loops.run(0);  // and nothing comes of the other one
    const std::uint64_t payer = rig.account_on(0, 0), payee = rig.account_on(0, 1);
    loops.play(0, std::vector{test::open_account(1, payer, Limit::unlimited()),
                              test::open_account(2, payee)});
    REQUIRE(rig.clock.advance(kSecond_us));
    const Timestamp paid = rig.clock.now();
    loops.play(0, std::vector{test::transfer(3, payer, payee, 1)});

    auto views = ShardViews::open(rig.log, rig.deployment, rig.keys, directory.path(),
                                  rocks_view_stores());
    REQUIRE(views);
    const auto books = [&] {
        REQUIRE((*views)->catch_up_to_end());
        auto opened = Books::open((*views)->stores());
        REQUIRE(opened);
        return *std::move(opened);
    };
    const auto ask = [&](std::optional<Timestamp> at) {
        Books now = books();
        const auto found = now.balance(LedgerId(0), test::account_id(payee), at);
        REQUIRE((found && *found));
        return **found;
    };
    const AccountId account = test::account_id(payee);
    CHECK(books().is_settled(Timestamp(paid.value() - 1), account));
    CHECK_FALSE(books().is_settled(Timestamp(paid.value() - 1)));  // the other one may be behind
    CHECK_FALSE(books().is_settled(paid, account));
    CHECK(ask(paid).settled == false);
    CHECK_FALSE(ask({}).settled);

    REQUIRE(rig.clock.advance(kSecond_us));
    loops.halt(0);  // with a mark
    CHECK(books().is_settled(paid, account));
    CHECK_FALSE(books().is_settled(paid));
    CHECK(books().trial_balance({}, paid)->front().settled == false);
    const std::string settled = to_json(ask(paid));
    CHECK(settled.find(R"("settled":true,"final":true)") != std::string::npos);
    const std::string future = to_json(ask(Timestamp(std::int64_t{1} << 60)));
    CHECK(future.find(R"("settled":false,"final":false)") != std::string::npos);

    loops.run(1);
    loops.halt(1);
    CHECK(books().is_settled(paid));
    CHECK(books().trial_balance({}, paid)->front().settled == true);
    for (std::uint64_t i = 4; i < 7; ++i) {
        loops.run(0);
        loops.play(0, std::vector{test::transfer(i, payer, payee, 1)});
        loops.halt(0);
        CHECK(to_json(ask(paid)) == settled);
    }
}

TEST_CASE("settled: a hold past its end is due and its money available, also when nobody writes") {
    PlayedShards shards;
    const std::uint64_t holder = shards.payee[0];
    for (int i = 0; i < 10; ++i) shards.pay(0);
    shards.play({test::place_hold(50, holder, shards.payer[0], 4, kHour_us),
                 test::place_hold(51, holder, shards.payer[0], 3, 2 * kHour_us),
                 test::place_hold(52, holder, shards.payer[0], 2)});
    shards.rig.crash();
    const Timestamp end(shards.rig.clock.now().value() + kHour_us);
    const auto status = [&](Books& books, std::uint64_t id) {
        const auto found = books.hold(LedgerId(0), test::command_id(id));
        REQUIRE((found && *found));
        return std::string((*found)->shown_status());
    };
    {
        Books books = shards.books();
        books.set_present(Timestamp(end.value() - 1));
        CHECK(status(books, 50) == "open");
        CHECK(available_units(shards.balance(books, holder)) == "1");
        books.set_present(end);
        CHECK(status(books, 50) == "due");
        CHECK(status(books, 51) == "open");
        const AccountBalance due = shards.balance(books, holder);
        CHECK(due.totals.debits_held == Amount(9));
        CHECK(due.debits_due == Amount(4));
        CHECK(available_units(due) == "5");
        CHECK(shards.balance(books, shards.payer[0]).credits_due == Amount(4));
        const AccountBalance at = shards.balance(books, holder, end);
        CHECK(available_units(at) == "5");
        CHECK(at.settled == false);
        // What is still to come is not due, whatever time is asked about.
        CHECK(available_units(shards.balance(books, holder, Timestamp(1LL << 60))) == "5");
        books.set_present(Timestamp(end.value() + kHour_us));
        CHECK(available_units(shards.balance(books, holder)) == "8");
        CHECK(status(books, 52) == "open");
        // An asker's clock may go back, and on again.
        books.set_present(end);
        CHECK(available_units(shards.balance(books, holder)) == "5");
        books.set_present(Timestamp(end.value() + kHour_us - 1));
        CHECK(available_units(shards.balance(books, holder)) == "5");
        books.set_present(Timestamp(end.value() + kHour_us));
        CHECK(available_units(shards.balance(books, holder)) == "8");
        CHECK(shards.balance(books, shards.payer[0]).credits_due == Amount(7));
    }
    // Once the expiries are recorded the answer about then is the same, and for ever.
    REQUIRE(shards.rig.clock.advance(3 * kHour_us));
    shards.rig.start();
    shards.rig.stop();
    Books books = shards.books();
    CHECK(status(books, 50) == "expired");
    const AccountBalance at = shards.balance(books, holder, end);
    CHECK(at.settled == true);
    CHECK(at.debits_due == Amount(4));
    CHECK(at.totals.debits_held == Amount(9));
    CHECK(available_units(at) == "5");
    CHECK(available_units(shards.balance(books, holder)) == "8");
}

TEST_CASE("settled: a hold that is known to be due is not looked for again") {
    PlayedShards shards;
    for (int i = 0; i < 10; ++i) shards.pay(0);
    for (std::uint64_t id = 50; id < 55; ++id)
        shards.play({test::place_hold(id, shards.payee[0], shards.payer[0], 1, kHour_us)});
    shards.play({test::place_hold(55, shards.payee[0], shards.payer[0], 1, 2 * kHour_us)});
    const Timestamp end(shards.rig.clock.now().value() + kHour_us);
    (void)shards.books();
    CountedStore store(*shards.views->stores()[0]);
    const std::vector<ViewStore*> stores = {&store, shards.views->stores()[1]};
    auto opened = Books::open(stores);
    REQUIRE(opened);
    Books& books = *opened;
    const auto steps_by = [&](Timestamp present, const std::string& available) {
        const std::size_t before = store.steps();
        books.set_present(present);
        CHECK(available_units(shards.balance(books, shards.payee[0])) == available);
        return store.steps() - before;
    };
    CHECK(steps_by(end, "9") == 5);
    CHECK(steps_by(Timestamp(end.value() + 1), "9") == 0);
    CHECK(steps_by(Timestamp(end.value() + kHour_us), "10") == 1);
    CHECK(steps_by(end, "9") == 5);
}

TEST_CASE("settled: pages end before what another shard may still write something before") {
    PlayedShards shards;
    std::optional<StatementPosition> cursor;
    shards.pay(1);
    {
        // The other shard may still write at that time, and would come first.
        Books books = shards.books();
        const StatementPage page = page_after(books, cursor);
        CHECK(page.rows.empty());
        CHECK(page.withheld == shards.rig.clock.now());
        CHECK_FALSE(page.follow);
        CHECK(books.statement({})->rows.size() == 2);
    }
    std::vector<std::uint64_t> seen;  // of event, shard and change
    const auto follow = [&] {
        Books books = shards.books();
        while (true) {
            const StatementPage page = page_after(books, cursor, 3);
            CHECK(page.rows.size() <= 3);
            for (const StatementRow& row : page.rows) {
                seen.push_back(row.recorded.event.value() * 4 + row.recorded.shard.value() * 2 +
                               row.change);
            }
            if (page.follow) cursor = page.follow;
            if (!page.next) return;
        }
    };
    for (std::uint32_t i = 0; i < 20; ++i) {
        shards.pay(i % 3 == 0 ? 0 : 1);
        if (i % 4 == 0) REQUIRE(shards.rig.clock.advance(kSecond_us));
        follow();
    }
    shards.mark();
    follow();
    CHECK(seen.size() == 2 * 21);
    std::sort(seen.begin(), seen.end());
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    Books books = shards.books();
    const StatementPage last = page_after(books, cursor);
    CHECK(last.rows.empty());
    CHECK(last.follow == cursor);
    CHECK_FALSE(last.withheld);
    shards.rig.stop();
}
