#include "projector/queries/books.h"

#include "events/seal/deployment.h"
#include "projector/queries/shard_reader.h"
#include "projector/views/row_key.h"
#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
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

/// Random books over several shards and their views.
struct Fixture {
    Fixture(std::uint32_t shards, std::uint64_t seed, int steps) : books(shards, seed) {
        for (int i = 0; i < steps; ++i) books.step();
        books.seal_all();
        auto opened = ShardViews::open(books.log, books.deployment.deployment,
                                       *books.deployment.keys, directory.path(),
                                       rocks_view_stores());
        REQUIRE(opened);
        views = *std::move(opened);
        REQUIRE(views->catch_up_to_end());
    }
    Books open() {
        auto opened = Books::open(views->stores());
        REQUIRE(opened);
        return *std::move(opened);
    }
    std::vector<std::unique_ptr<ShardReader>> readers() {
        std::vector<std::unique_ptr<ShardReader>> out;
        for (ViewStore* store : views->stores()) {
            auto opened =
                ShardReader::open(ShardId(static_cast<std::uint32_t>(out.size())), *store);
            REQUIRE(opened);
            out.push_back(*std::move(opened));
        }
        return out;
    }
    /// Shard and number of all keys that begin as this one does and end with a number of `bytes`.
    std::set<std::pair<std::uint32_t, std::uint64_t>> numbers_behind(const RowKey& first,
                                                                     std::size_t bytes) {
        const ByteView prefix = first.view().first(first.view().size() - bytes);
        std::set<std::pair<std::uint32_t, std::uint64_t>> out;
        for (const auto& shard : readers()) {
            const auto rows = shard->cursor();
            for (rows->seek(prefix); rows->is_valid() && starts_with(rows->key(), prefix);
                 rows->next()) {
                std::uint64_t number = 0;
                for (const std::byte byte : rows->key().last(bytes))
                    number = number << 8 | std::to_integer<std::uint64_t>(byte);
                out.emplace(shard->shard().value(), number);
            }
            REQUIRE(rows->status());
        }
        return out;
    }
    test::TemporaryDirectory directory;
    RandomBooks books;
    std::unique_ptr<ShardViews> views;
};

/// Times worth asking about: before anything, of records, and between them.
std::vector<Timestamp> times_of(const RandomBooks& books) {
    std::set<std::int64_t> times = {books.history.front().time.value() - 1, books.now().value(),
                                    books.now().value() + 1'000'000};
    for (std::size_t i = 0; i < books.history.size(); i += 97) {
        const std::int64_t time = books.history[i].time.value();
        times.insert({time - 1, time, time + 1});
    }
    std::vector<Timestamp> out;
    for (const std::int64_t time : times) out.emplace_back(time);
    return out;
}

using Row = std::tuple<std::int64_t, std::uint32_t, std::uint64_t, std::uint16_t, std::string>;

/// A row as one value, so that lists are compared whole.
Row as_row(std::int64_t time, ShardId shard, std::uint64_t event, std::uint16_t change,
           const AccountId& account, CommandId entry, Side side, Amount amount,
           const Totals& totals, Version version, RecordNumber record) {
    return {
        time, shard.value(), event, change,
        id_text(account) + " " + id_text(entry) + (side == Side::debit ? " debit " : " credit ") +
            to_text(amount, Scale(0)) + " " + to_text(totals.debits_posted, Scale(0)) + " " +
            to_text(totals.credits_posted, Scale(0)) + " " + to_text(totals.debits_held, Scale(0)) +
            " " + to_text(totals.credits_held, Scale(0)) + " v" + std::to_string(version.value()) +
            " r" + std::to_string(record.value())};
}

std::vector<Row> expected_rows(const RandomBooks& books, LedgerId ledger,
                               std::optional<std::size_t> account, std::optional<Timestamp> at) {
    std::vector<Row> rows;
    for (const RandomBooks::History& h : books.history) {
        const RandomBooks::Account& of = books.accounts[h.account];
        if (!h.change.side || of.ledger != ledger) continue;
        if (account ? h.account != *account : of.transit.has_value()) continue;
        if (at && h.time > *at) continue;
        rows.push_back(as_row(h.time.value(), of.shard, h.event.value(), h.index, of.id, h.entry,
                              *h.change.side, h.change.amount, h.change.totals, h.change.version,
                              h.record));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
}

std::vector<Row> all_pages(Books& books, StatementQuery query) {
    constexpr std::size_t kRowsMax = 10'000;  // more than any test's books have
    std::vector<Row> rows;
    while (true) {
        REQUIRE(rows.size() < kRowsMax);
        const auto page = books.statement(query);
        REQUIRE(page);
        REQUIRE(page->rows.size() <= query.rows_max);
        for (const StatementRow& row : page->rows) {
            const RecordedAt& at = row.recorded;
            rows.push_back(as_row(at.time.value(), at.shard, at.event.value(), row.change,
                                  row.account_id, row.entry, row.side, row.amount, row.totals,
                                  row.version, at.record));
        }
        if (!page->next) return rows;
        REQUIRE(page->rows.size() == query.rows_max);
        // As a caller hands it out and gets it back.
        query.after = StatementPosition::parse(page->next->text());
        REQUIRE(query.after == page->next);
    }
}

}  // namespace

TEST_CASE("books: a question about every account ends when it is told to") {
    Fixture fixture(2, 7, 200);
    Books queries = fixture.open();
    std::atomic<bool> ending = false;
    queries.end_when(ending);
    std::size_t seen = 0;
    const Status ended = queries.balances({}, {}, {}, [&](const AccountBalance&) {
        ++seen;
        ending = true;
        return true;
    });
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == FaultCode::retriable);
    CHECK(seen == 1);
    CHECK_FALSE(queries.trial_balance({}));
    ending = false;
    CHECK(queries.trial_balance({}));
}

TEST_CASE("books: balances are those of the newest change, now and at any time") {
    Fixture fixture(3, 41, 4'000);
    const RandomBooks& books = fixture.books;
    Books queries = fixture.open();
    std::vector<std::optional<Timestamp>> times = {std::nullopt};
    for (const Timestamp time : times_of(books)) times.emplace_back(time);
    for (const std::optional<Timestamp> at : times) {
        CAPTURE(at.value_or(Timestamp(0)).value());
        std::map<std::size_t, Change> expected;
        for (const RandomBooks::History& h : books.history) {
            if (!at || h.time <= *at) expected[h.account] = h.change;
        }
        std::size_t visited = 0;
        std::size_t transits = 0;
        const std::vector<std::unique_ptr<ShardReader>> shards = fixture.readers();
        std::vector<AccountPosition> positions;
        REQUIRE(queries.balances({}, at, {}, [&](const AccountBalance& balance) {
            CHECK_FALSE(balance.account.transit.has_value());
            positions.push_back({balance.as_of.shard, balance.account.number});
            return ++visited > 0;
        }));
        CHECK(std::ranges::is_sorted(positions));
        for (std::size_t i = 0; i < positions.size(); i += 7) {
            std::vector<AccountPosition> rest;
            REQUIRE(queries.balances({}, at, positions[i], [&](const AccountBalance& balance) {
                rest.push_back({balance.as_of.shard, balance.account.number});
                return rest.size() < 5;
            }));
            const std::size_t count = std::min<std::size_t>(5, positions.size() - i);
            CHECK(std::ranges::equal(rest, std::span(positions).subspan(i, count)));
        }
        for (std::size_t i = 0; i < books.accounts.size(); ++i) {
            const RandomBooks::Account& account = books.accounts[i];
            if (!account.transit || !expected.contains(i)) continue;
            ShardReader& shard = *shards.at(account.shard.value());
            const auto info = shard.account(account.number);
            REQUIRE(info);
            REQUIRE((*info)->transit ==
                    TransitRoute{account.transit->first, account.transit->second});
            REQUIRE((*info)->ledger == account.ledger);
            REQUIRE((*info)->asset == account.asset);
            const auto newest = shard.newest_change(account.number, shard.cut(at)->end);
            REQUIRE(newest);
            REQUIRE(*newest);
            REQUIRE((*newest)->limit.is_unlimited());
            REQUIRE((*newest)->totals == expected.at(i).totals);
            ++transits;
        }
        CHECK(visited + transits == expected.size());
        if (!at) CHECK(transits > 5);
        for (std::size_t i = 0; i < books.accounts.size(); ++i) {
            const RandomBooks::Account& account = books.accounts[i];
            if (account.transit) continue;
            const auto balance = queries.balance(account.ledger, account.id, at);
            REQUIRE(balance);
            REQUIRE(balance->has_value() == expected.contains(i));
            if (!*balance) continue;
            const AccountBalance& found = **balance;
            const Change& change = expected.at(i);
            REQUIRE(found.totals == change.totals);
            REQUIRE(found.limit == change.limit);
            REQUIRE(found.state == change.state);
            REQUIRE(found.version == change.version);
            REQUIRE(found.as_of.shard == account.shard);
        }
    }
}

TEST_CASE("books: an account is as it was opened and last updated") {
    Fixture fixture(2, 42, 3'000);
    Books queries = fixture.open();
    for (const RandomBooks::Account& account : fixture.books.accounts) {
        if (account.transit) continue;
        const auto balance = queries.balance(account.ledger, account.id);
        REQUIRE(balance);
        REQUIRE(*balance);
        const AccountInfo& found = (*balance)->account;
        CHECK(found.ledger == account.ledger);
        CHECK(found.id == account.id);
        CHECK(found.number == account.number);
        CHECK(found.name == account.name);
        CHECK(found.shown() == (account.name.empty() ? id_text(account.id) : account.name));
        CHECK(found.asset == account.asset);
        CHECK(found.account_class == account.account_class);
        CHECK(found.chart_code == account.chart_code);
        CHECK(found.owner == account.owner);
        CHECK(found.risk_class == account.risk_class);
        CHECK(found.metadata == account.metadata);
        CHECK(found.opened.event == account.opened_event);
        CHECK(found.opened.shard == account.shard);
    }
    const auto unknown = queries.balance(LedgerId(0), AccountId(1, 1));
    REQUIRE(unknown);
    CHECK_FALSE(unknown->has_value());
    // The same id in another ledger is another account.
    const RandomBooks::Account& first = fixture.books.accounts.front();
    const auto elsewhere = queries.balance(LedgerId(99), first.id);
    REQUIRE(elsewhere);
    CHECK_FALSE(elsewhere->has_value());
}

TEST_CASE("view rows: accounts of an owner, events of a context") {
    Fixture fixture(3, 43, 1'500);
    for (int i = 0; i < 3; ++i) {
        const std::string owner = "owner-" + std::to_string(i);
        std::set<std::pair<std::uint32_t, std::uint64_t>> expected;
        for (const RandomBooks::Account& account : fixture.books.accounts) {
            if (account.owner == owner && account.ledger == LedgerId(0))
                expected.emplace(account.shard.value(), account.number.value());
        }
        CHECK_FALSE(expected.empty());
        CHECK(fixture.numbers_behind(owner_key(LedgerId(0), owner, AccountNumber(0)), 4) ==
              expected);
    }
    std::set<std::pair<std::uint32_t, std::uint64_t>> expected;
    for (const auto& [key, seen] : fixture.books.seen) {
        if (key.first == LedgerId(7) && !seen.context.empty()) {
            expected.emplace(seen.shard.value(), seen.sent_event.value_or(seen.event).value());
        }
    }
    CHECK(fixture.numbers_behind(context_key(LedgerId(7), "order-\"\\7", EventNumber(0)), 8) ==
          expected);
}

TEST_CASE("books: a statement has each posting once, oldest first, whatever the pages") {
    Fixture fixture(3, 44, 2'000);
    Books queries = fixture.open();
    const std::vector<Timestamp> times = times_of(fixture.books);
    for (const std::uint32_t ledger : {0U, 7U}) {
        for (const std::size_t rows_max : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
            CAPTURE(rows_max);
            StatementQuery query;
            query.ledger = LedgerId(ledger);
            query.rows_max = rows_max;
            CHECK(all_pages(queries, query) == expected_rows(fixture.books, query.ledger, {}, {}));
            query.at = times[times.size() / 2];
            CHECK(all_pages(queries, query) ==
                  expected_rows(fixture.books, query.ledger, {}, query.at));
            for (std::size_t i = 0; i < fixture.books.accounts.size(); ++i) {
                const RandomBooks::Account& account = fixture.books.accounts[i];
                if (account.ledger != query.ledger) continue;
                query.account = account.id;
                query.transit.reset();
                if (account.transit) query.transit = TransitAccount{account.shard, account.number};
                query.at.reset();
                CHECK(all_pages(queries, query) ==
                      expected_rows(fixture.books, query.ledger, i, {}));
            }
        }
    }
    StatementQuery query;
    query.at = times.front();
    CHECK(all_pages(queries, query).empty());
    query.account = AccountId(1, 1);
    CHECK(all_pages(queries, query).empty());
}

TEST_CASE("statement position: parses what it prints and nothing else") {
    const StatementPosition position{Timestamp(-5), ShardId(3), EventNumber(7), 9};
    CHECK(position.text() == "-5.3.7.9");
    CHECK(StatementPosition::parse("-5.3.7.9") == position);
    for (const char* text :
         {"", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "1.2.3.65536", "1.-2.3.4", "a.2.3.4", "1 .2.3.4"}) {
        CAPTURE(text);
        CHECK_FALSE(StatementPosition::parse(text).has_value());
    }
}

TEST_CASE("books: every id has its first outcome") {
    Fixture fixture(3, 45, 4'000);
    Books queries = fixture.open();
    std::size_t refusals = 0;
    std::size_t members = 0;
    std::size_t in_transit = 0;
    for (const auto& [key, seen] : fixture.books.seen) {
        CAPTURE(id_text(key.second));
        const auto found = queries.outcome(key.first, key.second);
        REQUIRE(found);
        REQUIRE(*found);
        const CommandOutcome& outcome = **found;
        REQUIRE(outcome.id == key.second);
        REQUIRE(outcome.in_transit == seen.in_transit);
        if (seen.in_transit) ++in_transit;
        if (!seen.in_transit) REQUIRE(outcome.outcome == seen.outcome);
        REQUIRE(outcome.answered.has_value() == (seen.sent_event && !seen.in_transit));
        REQUIRE(outcome.as_of.shard == seen.shard);
        REQUIRE(outcome.recorded == RecordedAt{seen.shard, seen.record, seen.event, seen.time});
        REQUIRE(outcome.group == seen.group);
        REQUIRE(outcome.facts.available == seen.available);
        if (seen.available) REQUIRE(outcome.asset.has_value());
        if (!seen.in_transit && !is_accepted(seen.outcome)) ++refusals;
        if (seen.group) ++members;
    }
    CHECK(refusals > 50);
    CHECK(members > 50);
    CHECK(in_transit > 5);
    const auto unknown = queries.outcome(LedgerId(0), CommandId(1, 1));
    REQUIRE(unknown);
    CHECK_FALSE(unknown->has_value());
}

TEST_CASE("books: entries with what was taken back, and holds as they are now") {
    Fixture fixture(3, 48, 6'000);
    Books queries = fixture.open();
    std::size_t reversed = 0;
    std::size_t refunded = 0;
    std::array<std::size_t, 4> crossed{};
    for (const auto& [key, entry] : fixture.books.entries) {
        const auto found = queries.entry(key.first, key.second);
        REQUIRE(found);
        REQUIRE(*found);
        REQUIRE((*found)->in_transit == entry.in_transit);
        REQUIRE((*found)->remote_as_of.has_value() == (entry.crossed && !entry.in_transit));
        REQUIRE((*found)->reversed == entry.reversed);
        REQUIRE((*found)->postings.size() == entry.postings.size());
        for (std::size_t i = 0; i < entry.postings.size(); ++i) {
            const EntryPosting& posting = (*found)->postings[i];
            const RandomBooks::Account& account =
                fixture.books
                    .accounts[fixture.books.index_of(key.first, entry.postings[i].account)];
            REQUIRE(posting.account_id == account.id);
            REQUIRE(posting.account == (account.name.empty() ? id_text(account.id) : account.name));
            REQUIRE(posting.asset == account.asset);
            REQUIRE(posting.is_known == (!entry.in_transit || i == 0));
            REQUIRE(posting.side == entry.postings[i].side);
            REQUIRE(posting.amount == entry.postings[i].amount);
            REQUIRE(posting.refunded == entry.refunded[i]);
            if (!posting.refunded.is_zero()) ++refunded;
        }
        if (entry.reversed) ++reversed;
        if (entry.crossed)
            ++crossed[entry.in_transit ? 0 : entry.reversed ? 1 : entry.is_back ? 2 : 3];
    }
    for (const std::size_t count : crossed) CHECK(count > 3);
    CHECK(reversed > 5);
    CHECK(refunded > 5);
    std::size_t refused = 0;
    for (const auto& [key, hold] : fixture.books.holds) {
        const auto found = queries.hold(key.first, key.second);
        REQUIRE(found);
        REQUIRE(*found);
        REQUIRE((*found)->amount == hold.placed);
        REQUIRE((*found)->remaining == hold.state.remaining);
        REQUIRE((*found)->captured == hold.state.captured);
        REQUIRE((*found)->status == hold.state.status);
        REQUIRE((*found)->expires_at == hold.state.expires_at);
        REQUIRE((*found)->last_event == hold.last_event);
        REQUIRE((*found)->in_transit == hold.in_transit);
        const auto name_of = [&](std::size_t i) {
            const RandomBooks::Account& account = fixture.books.accounts[i];
            return account.name.empty() ? id_text(account.id) : account.name;
        };
        REQUIRE((*found)->payer == name_of(hold.payer));
        REQUIRE((*found)->payee == (hold.payee ? name_of(*hold.payee) : ""));
        if (hold.state.status == HoldStatus::refused) ++refused;
    }
    CHECK(refused > 5);
    // Neither a refusal nor an opening is an entry.
    for (const auto& [key, seen] : fixture.books.seen) {
        const bool is_entry =
            seen.outcome == Outcome::posted || seen.outcome == Outcome::captured ||
            seen.outcome == Outcome::reversed || seen.outcome == Outcome::refunded;
        const bool is_sent = seen.in_transit && !fixture.books.holds.contains(key);
        const auto found = queries.entry(key.first, key.second);
        REQUIRE(found);
        REQUIRE(found->has_value() == (is_entry || is_sent));
    }
}

TEST_CASE("books: the trial balance is even and sums what the accounts say, transit apart") {
    Fixture fixture(3, 47, 2'000);
    Books queries = fixture.open();
    std::vector<std::optional<Timestamp>> times = {std::nullopt};
    for (const Timestamp time : times_of(fixture.books)) times.emplace_back(time);
    for (const std::optional<Timestamp> at : times) {
        std::map<std::size_t, Change> newest;
        for (const RandomBooks::History& h : fixture.books.history) {
            if (!at || h.time <= *at) newest[h.account] = h.change;
        }
        std::map<Asset, std::array<u128, 4>> expected;
        std::map<Asset, u128> returned;
        for (const auto& [number, change] : newest) {
            const RandomBooks::Account& account = fixture.books.accounts[number];
            auto& sums = expected[account.asset];
            if (account.transit) {
                if (account.transit->first == account.shard)
                    returned[account.asset] += change.totals.debits_posted.units();
                continue;
            }
            sums[0] += change.totals.debits_posted.units();
            sums[1] += change.totals.credits_posted.units();
            sums[2] += change.totals.debits_held.units();
            sums[3] += change.totals.credits_held.units();
        }
        const auto lines = queries.trial_balance({}, at);
        REQUIRE(lines);
        REQUIRE(lines->size() == expected.size());
        for (const TrialBalanceLine& line : *lines) {
            const auto& sums = expected.at(line.asset);
            CHECK(line.is_even());
            CHECK(line.returned.low() == returned[line.asset]);
            CHECK(line.debits_posted.high() == 0);
            CHECK(line.debits_posted.low() == sums[0] - returned[line.asset]);
            CHECK(line.credits_posted.low() == sums[1] - returned[line.asset]);
            CHECK(line.debits_held.low() == sums[2]);
            CHECK(line.credits_held.low() == sums[3]);
        }
    }
}

TEST_CASE("books: one object's answers agree while the views go on") {
    RandomBooks books(1, 48);
    for (int i = 0; i < 500; ++i) books.step();
    books.seal_all();
    const test::TemporaryDirectory directory;
    auto views = ShardViews::open(books.log, books.deployment.deployment,
                                  *books.deployment.keys, directory.path(), rocks_view_stores());
    REQUIRE(views);
    REQUIRE((*views)->catch_up_to_end());
    auto before = Books::open((*views)->stores());
    REQUIRE(before);
    const auto expected = expected_rows(books, LedgerId(0), {}, {});
    for (int i = 0; i < 500; ++i) books.step();
    books.seal_all();
    REQUIRE((*views)->catch_up_to_end());
    CHECK(all_pages(*before, {}) == expected);
    auto after = Books::open((*views)->stores());
    REQUIRE(after);
    CHECK(all_pages(*after, {}) == expected_rows(books, LedgerId(0), {}, {}));
    CHECK(after->as_of()->front().record == RecordNumber(books.log.end(ShardId(0))->value() - 1));
}

TEST_CASE("books: a deployment without records has no accounts") {
    test::MemoryLog log(2);
    const test::TestDeployment deployment(2);
    const test::TemporaryDirectory directory;
    auto views =
        ShardViews::open(log, deployment.deployment, *deployment.keys, directory.path(),
                         rocks_view_stores());
    REQUIRE(views);
    REQUIRE((*views)->catch_up_to_end());
    auto books = Books::open((*views)->stores());
    REQUIRE(books);
    CHECK(books->as_of().value() == std::vector<AsOf>{{ShardId(0), {}}, {ShardId(1), {}}});
    const auto lines = books->trial_balance({});
    REQUIRE(lines);
    CHECK(lines->empty());
    CHECK(all_pages(*books, {}).empty());
}
