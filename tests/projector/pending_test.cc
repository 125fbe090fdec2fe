// What is pending, held against what random books have made: each crossing without an outcome, and
// each hold past its end.

#include "projector/answers/questions.h"
#include "projector/queries/books.h"
#include "projector/queries/shard_reader.h"
#include "projector/queries/ways_out.h"
#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace vouch;
using namespace vouch::projector;
using test::RandomBooks;

namespace {

/// Whether it is due, and its key.
using Pending = std::tuple<bool, LedgerId, std::string>;

/// Random books of three shards as of a time at which all holds that end are due.
struct BooksWithPending {
    explicit BooksWithPending(std::uint64_t seed) : made(3, seed) {
        for (int i = 0; i < 4'000; ++i) made.step();
        made.seal_all();
        auto opened = ShardViews::open(made.log, made.deployment.deployment, *made.deployment.keys,
                                       directory.path(), rocks_view_stores());
        REQUIRE(opened);
        views = *std::move(opened);
        REQUIRE(views->catch_up_to_end());
        auto asked = Books::open(views->stores());
        REQUIRE(asked);
        books = std::make_unique<Books>(*std::move(asked));
        books->set_present(kPresent);
    }

    std::set<Pending> expected(const std::function<bool(ShardId, ShardId, LedgerId)>& is_asked,
                               bool crossings = true, bool due = true) const {
        std::set<Pending> all;
        for (const RandomBooks::Crossing& it : made.crossings) {
            if (!crossings || it.stage == RandomBooks::Crossing::Stage::done) continue;
            if (!is_asked(it.from, it.to, it.command.ledger)) continue;
            all.emplace(false, it.command.ledger, id_text(it.command.id));
        }
        for (const auto& [key, hold] : made.holds) {
            const ShardId shard = made.accounts[hold.payer].shard;
            const bool is_open = hold.state.status == HoldStatus::open;
            if (!due || !is_open || hold.state.expires_at == Timestamp(0)) continue;
            if (hold.in_transit) continue;  // listed as that
            if (!is_asked(shard, shard, key.first)) continue;
            all.emplace(true, key.first, id_text(key.second));
        }
        return all;
    }

    PendingPage page(const PendingQuery& query) {
        const Result<PendingPage> found = books->pending(query);
        REQUIRE_MESSAGE(found, (found ? "" : found.error().message));
        CHECK(found->not_covered.empty());
        return *found;
    }

    static constexpr Timestamp kPresent{std::int64_t{1} << 60};
    RandomBooks made;
    test::TemporaryDirectory directory;
    std::unique_ptr<ShardViews> views;
    std::unique_ptr<Books> books;
};

std::set<Pending> of(const PendingPage& page) {
    std::set<Pending> all;
    for (const PendingRow& row : page.rows) {
        all.emplace(row.place.is_due, row.ledger, row.id);
        CHECK((row.way_on.reason == PendingReason::due) == row.place.is_due);
    }
    CHECK(all.size() == page.rows.size());
    return all;
}

const auto kEverywhere = [](ShardId, ShardId, LedgerId) { return true; };

}  // namespace

TEST_CASE("pending: each crossing without an outcome and each hold past its end, oldest first") {
    BooksWithPending books(71);
    const PendingPage all = books.page({});
    const std::set<Pending> expected = books.expected(kEverywhere);
    REQUIRE(books.expected(kEverywhere, true, false).size() > 10);
    REQUIRE(books.expected(kEverywhere, false, true).size() > 10);
    CHECK(of(all) == expected);
    CHECK(std::ranges::is_sorted(all.rows, {}, &PendingRow::place));
    CHECK_FALSE(all.next);
    std::size_t found = 0;
    for (const PendingRow& row : all.rows) {
        for (const RandomBooks::Crossing& it : books.made.crossings) {
            const bool is_it = !row.place.is_due && row.ledger == it.command.ledger &&
                               row.id == id_text(it.command.id);
            if (!is_it) continue;
            ++found;
            CHECK(row.recorded.record == it.sent_record);
            CHECK(row.recorded.time == row.place.since);
            CHECK(row.place.shard == it.from);
            CHECK(row.waits_for == it.to);
            CHECK(row.amount == it.sent);
            CHECK(row.asset == books.made.accounts[it.payer].asset);
            const auto shown = [&](std::size_t account) {
                const auto balance = books.books->balance(it.command.ledger,
                                                          books.made.accounts[account].id);
                REQUIRE(balance);
                return (*balance)->account.shown();
            };
            CHECK(row.payer == shown(it.payer));
            CHECK(row.payee == shown(it.payee));
        }
        if (!row.place.is_due) continue;
        for (const auto& [key, hold] : books.made.holds) {
            if (key.first != row.ledger || id_text(key.second) != row.id) continue;
            ++found;
            CHECK(row.place.since == hold.state.expires_at);
            CHECK(row.amount == hold.state.remaining);
            CHECK_FALSE(row.waits_for);
        }
    }
    CHECK(found == expected.size());
    const auto is_both = [](const auto& each) {
        return each.second.in_transit && each.second.state.expires_at != Timestamp(0);
    };
    CHECK(std::ranges::any_of(books.made.holds, is_both));
}

TEST_CASE("pending: what is known of accounts goes on with the next question") {
    BooksWithPending books(76);
    WaysOut known;
    books.books->go_on_from(known);
    const PendingPage before = books.page({});
    for (int i = 0; i < 2'000; ++i) books.made.step();
    books.made.seal_all();
    REQUIRE(books.views->catch_up_to_end());
    const auto ask = [&](WaysOut* from) {
        auto asked = Books::open(books.views->stores());
        REQUIRE(asked);
        books.books = std::make_unique<Books>(*std::move(asked));
        books.books->set_present(books.kPresent);
        if (from) books.books->go_on_from(*from);
        return of(books.page({}));
    };
    CHECK(ask(&known) == ask(nullptr));
    CHECK(ask(&known) == books.expected(kEverywhere));
    // Accounts that were read are not read again: an empty view has none.
    auto full = ShardReader::open(ShardId(0), *books.views->stores()[0]);
    REQUIRE(full);
    const auto read = known.of(**full, nullptr);
    REQUIRE(read);
    REQUIRE(!read->empty());
    const test::TemporaryDirectory directory;
    auto empty_store = rocks_view_stores().open(directory.path(), test::view_key());
    REQUIRE(empty_store);
    auto empty = ShardReader::open(ShardId(0), **empty_store);
    REQUIRE(empty);
    const auto again = known.of(**empty, nullptr);
    REQUIRE(again);
    CHECK(again->size() == read->size());
}

TEST_CASE("pending: pages of any size are the same list, also where many are of one time") {
    BooksWithPending books(72);
    const PendingPage all = books.page({});
    for (const std::size_t size : {1U, 7U}) {
        CAPTURE(size);
        PendingQuery query;
        query.rows_max = size;
        std::size_t rows = 0;
        while (true) {
            const PendingPage page = books.page(query);
            for (const PendingRow& row : page.rows) {
                REQUIRE(rows < all.rows.size());
                CHECK(row.place == all.rows[rows++].place);
            }
            if (!page.next) break;
            query.after = PendingPlace::parse(page.next->text());
            REQUIRE(query.after == page.next);
        }
        CHECK(rows == all.rows.size());
    }
    for (const std::string wrong :
         {"", "1", "1.2.0.1.2", "1.2.2.1.2.3", "1.2.0.1.2.3.", "x.2.0.1.2.3"})
        CHECK_FALSE(PendingPlace::parse(wrong));
}

TEST_CASE("pending: of a shard, a ledger, a reason, an age") {
    BooksWithPending books(73);
    PendingQuery query;
    query.shard = ShardId(1);
    CHECK(of(books.page(query)) == books.expected([](ShardId from, ShardId to, LedgerId) {
        return from == ShardId(1) || to == ShardId(1);
    }));
    query = {};
    query.ledger = LedgerId(0);
    CHECK(of(books.page(query)) == books.expected([](ShardId, ShardId, LedgerId ledger) {
        return ledger == LedgerId(0);
    }));
    query = {};
    query.reason = PendingReason::due;
    CHECK(of(books.page(query)) == books.expected(kEverywhere, false, true));
    // Who serves is not known: of each crossing the way on is a server.
    query.reason = PendingReason::not_served;
    CHECK(of(books.page(query)) == books.expected(kEverywhere, true, false));
    query.at_work.served = ShardsAtWork::Served::here;
    CHECK(books.page(query).rows.empty());
    query.at_work.log_waits = "no room";
    query.reason = PendingReason::log_waits;
    CHECK(of(books.page(query)) == books.expected(kEverywhere, true, false));
    // What one shard has met goes before what all wait for.
    query.at_work.stopped = {{ShardId(2), "its disk failed"}};
    query.reason = PendingReason::shard_stopped;
    const PendingPage stopped = books.page(query);
    CHECK(of(stopped) == books.expected([](ShardId from, ShardId to, LedgerId) {
        return from == ShardId(2) || to == ShardId(2);
    }, true, false));
    REQUIRE(!stopped.rows.empty());
    CHECK(stopped.rows[0].way_on.text.find("shard 2 has stopped (its disk failed)") == 0);
    query.at_work.stopped.clear();
    query.at_work.log_waits.reset();
    query.at_work.held_back = {{ShardId(0), ShardId(1), "shard 1 takes no steps of shard 0"}};
    query.reason = PendingReason::held_back;
    CHECK(of(books.page(query)) == books.expected([](ShardId from, ShardId to, LedgerId) {
        return from.value() < 2 && to.value() < 2;
    }, true, false));

    query = {};
    const PendingPage all = books.page(query);
    const PendingRow& middle = all.rows.at(all.rows.size() / 2);
    query.older_than_us =
        static_cast<std::uint64_t>(books.kPresent.value() - middle.place.since.value());
    const PendingPage old = books.page(query);
    REQUIRE(!old.rows.empty());
    CHECK(old.rows.back().place.since == middle.place.since);
    CHECK(old.rows.size() < all.rows.size());
}

TEST_CASE("pending: of shards whose views stand still, and of nothing") {
    RandomBooks made(1, 74);
    made.seal_all();
    const test::TemporaryDirectory directory;
    auto views = ShardViews::open(made.log, made.deployment.deployment, *made.deployment.keys,
                                  directory.path(), rocks_view_stores());
    REQUIRE(views);
    auto books = Books::open((*views)->stores());
    REQUIRE(books);
    PendingQuery query;
    const auto nothing = ask_pending(*books, query, Form::text);
    REQUIRE(nothing);
    CHECK(nothing->text == "nothing is pending\n");
    CHECK_FALSE(nothing->next);
    query.at_work.views_stopped = {{ShardId(0), "its view has stopped: a\x1b[2Jb"}};
    const auto some = ask_pending(*books, query, Form::text);
    REQUIRE(some);
    CHECK(some->text ==
          "nothing is pending on the shards that are covered\n"
          "shard 0 is not covered: its view has stopped: a?[2Jb\n");
    CHECK(some->not_covered == query.at_work.views_stopped);
    // A page behind others knows nothing of them.
    query = {};
    query.after = PendingPlace{};
    const auto later = ask_pending(*books, query, Form::text);
    REQUIRE(later);
    CHECK(later->text.empty());
}

TEST_CASE("pending: a way on where no server is seen names the server that may be elsewhere") {
    const ShardsAtWork nobody;
    const std::string first = "no server answers for this directory: ask the one that has the books";
    CHECK(way_on_between(nobody, ShardId(0), ShardId(1)).text.find(first) == 0);
    CHECK(way_on_of_due(nobody, ShardId(0)).text.find(first) == 0);
    ShardsAtWork elsewhere;
    elsewhere.served = ShardsAtWork::Served::elsewhere;
    const WayOn between = way_on_between(elsewhere, ShardId(0), ShardId(1));
    CHECK(between.reason == PendingReason::under_way);
    CHECK(between.text.find("ask the server that decides") != std::string::npos);
    CHECK(way_on_of_due(elsewhere, ShardId(0)).text.find("wait: ") == 0);
}

TEST_CASE("pending: the question ends when it is told to") {
    BooksWithPending books(75);
    std::atomic<bool> ending = true;
    books.books->end_when(ending);
    const Result<PendingPage> ended = books.books->pending({});
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == FaultCode::retriable);
    ending = false;
    CHECK(books.books->pending({}));
}
