// What crosses shards, as views and books show it. Random books: books_test.cc; here what they do
// not say by themselves.

#include "events/money/shard_of.h"
#include "projector/queries/books.h"
#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/named_ids.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace vouch;
using namespace vouch::projector;
using test::always_batch;
using test::always_bulk;
using test::OpenView;
using test::RandomBooks;
using test::rows_of;

namespace {

/// Two shards with an account each, written by hand: what a test does not write has not happened.
struct WrittenShards {
    WrittenShards() {
        for (std::uint64_t low = 1; accounts.size() < 2; ++low) {
            const AccountId id(0, low);
            if (shard_of(id, 2) == ShardId(static_cast<std::uint32_t>(accounts.size())))
                accounts.push_back(id);
        }
        for (const ShardId shard : {kFrom, kTo}) open(shard);
    }

    static constexpr ShardId kFrom{0};
    static constexpr ShardId kTo{1};
    static inline const Asset kEuro = *Asset::make("EUR", Scale(2));
    static inline const CommandId kTransfer = test::command_named("t1");

    /// Account 0 of each shard is the customer's, account 1 the transit account.
    Change& next(ShardId shard, std::uint32_t account) {
        Change& change = newest[{shard, account}];
        change.account = AccountNumber(account);
        if (account == 0) change.id = accounts[shard.value()];
        change.version = change.version.next();
        change.limit = Limit::unlimited();
        change.side.reset();
        change.amount = Amount();
        return change;
    }
    Change posted(ShardId shard, std::uint32_t account, Side side, Amount amount) {
        Change& change = next(shard, account);
        change.side = side;
        change.amount = amount;
        Amount& total = change.totals.posted(side);
        total = *total.plus(amount);
        return change;
    }
    test::RecordWriter& writer(ShardId shard) { return shard == kFrom ? from : to; }

    void open(ShardId shard) {
        CommandDecided event;
        event.command.id = CommandId(1, shard.value() + 1);
        OpenAccount body;
        body.account = accounts[shard.value()];
        body.asset = kEuro;
        body.limit = Limit::unlimited();
        body.account_class = AccountClass::liability;
        event.command.body = body;
        event.outcome = Outcome::opened;
        const Change changes[] = {next(shard, 0)};
        event.changes = changes;
        writer(shard).add(event);
        writer(shard).add(Event(TransitOpened{LedgerId(0), kFrom, kTo, kEuro, next(shard, 1)}));
        writer(shard).seal(Timestamp(10));
    }
    Command transfer() const {
        Command command;
        command.id = kTransfer;
        command.id_text = "t1";
        command.body = Transfer{accounts[0], accounts[1], Amount(100), Balancing::credit};
        return command;
    }
    void send() {
        CommandInTransit event;
        event.command = transfer();
        event.to = kTo;
        const Change changes[] = {posted(kFrom, 0, Side::debit, Amount(100)),
                                  posted(kFrom, 1, Side::credit, Amount(100))};
        event.changes = changes;
        from.add(Event(event));
        from.seal(Timestamp(20));
    }
    void follow() {
        take(to, kFrom, RecordNumber(1));
        StepFollowed event;
        event.step.command = kTransfer;
        event.step.kind = CreditStep{accounts[0], accounts[1], kEuro, Amount(100), true, true};
        event.outcome = Outcome::posted;
        event.moved = Amount(70);
        const Change changes[] = {posted(kTo, 1, Side::debit, Amount(70)),
                                  posted(kTo, 0, Side::credit, Amount(70))};
        event.changes = changes;
        to.add(Event(event));
        to.seal(Timestamp(30));
    }
    void answer() {
        take(from, kTo, RecordNumber(1));
        CommandAnswered event;
        event.id = kTransfer;
        event.first_event = EventNumber(2);  // behind the account and the transit account
        event.outcome = Outcome::posted;
        event.moved = Amount(70);
        event.by = {kTo, RecordNumber(1)};
        const Change changes[] = {posted(kFrom, 1, Side::debit, Amount(30)),
                                  posted(kFrom, 0, Side::credit, Amount(30))};
        event.changes = changes;
        from.add(Event(event));
        from.seal(Timestamp(40));
    }
    static void take(test::RecordWriter& writer, ShardId sender, RecordNumber record) {
        const std::byte digest[32] = {};
        StepsTaken taken;
        taken.from = sender;
        taken.count = 1;
        taken.record = record;
        taken.record_digest = digest;
        taken.digest = digest;
        writer.add(Event(taken));
    }

    test::MemoryLog log{2};
    test::TestDeployment deployment{2};
    test::RecordWriter from{log, deployment, kFrom};
    test::RecordWriter to{log, deployment, kTo};
    std::vector<AccountId> accounts;
    std::map<std::pair<ShardId, std::uint32_t>, Change> newest;
};

struct TwoViews {
    explicit TwoViews(WrittenShards& shards) {
        auto opened = ShardViews::open(shards.log, shards.deployment.deployment,
                                       *shards.deployment.keys, directory.path(),
                                       rocks_view_stores());
        REQUIRE(opened);
        views = *std::move(opened);
    }
    Books books() {
        auto opened = Books::open(views->stores());
        REQUIRE(opened);
        return *std::move(opened);
    }
    void catch_up(ShardId shard) { REQUIRE(views->projector(shard).catch_up_to_end()); }
    std::size_t count_rows() {
        std::size_t rows = 0;
        for (ViewStore* store : views->stores()) {
            for (const auto& [key, value] : rows_of(*store)) {
                const bool is_of_records =
                    key.starts_with("80") || key.starts_with("81") || key == "01";
                if (!is_of_records) ++rows;
            }
        }
        return rows;
    }
    test::TemporaryDirectory directory;
    std::unique_ptr<ShardViews> views;
};

std::string in_transit(Books& books) {
    const auto lines = books.trial_balance({});
    REQUIRE(lines);
    REQUIRE(lines->size() == 1);
    CHECK(lines->front().is_even());
    const TrialBalanceLine& line = lines->front();
    return to_text(line.transit_credits.minus(line.transit_debits), Scale(0));
}

EntryAnswer entry_of(Books& books) {
    const auto entry = books.entry(LedgerId(0), WrittenShards::kTransfer);
    REQUIRE_MESSAGE(entry, (entry ? "" : entry.error().message));
    REQUIRE(*entry);
    REQUIRE((*entry)->postings.size() == 2);
    CHECK((*entry)->command == "transfer");
    return **entry;
}

}  // namespace

TEST_CASE("crossing: a transfer as it goes, five rows in all") {
    WrittenShards shards;
    TwoViews views(shards);
    const auto outcome = [&](Books& books) {
        const auto found = books.outcome(LedgerId(0), WrittenShards::kTransfer);
        REQUIRE(found);
        return *found;
    };
    REQUIRE(views.views->catch_up_to_end());
    const std::size_t rows_before = views.count_rows();
    {
        Books books = views.books();
        CHECK_FALSE(outcome(books).has_value());
        CHECK(in_transit(books) == "0");
    }
    shards.send();
    REQUIRE(views.views->catch_up_to_end());
    {
        Books books = views.books();
        CHECK(outcome(books)->in_transit);
        CHECK(outcome(books)->to == WrittenShards::kTo);
        CHECK(outcome(books)->as_of == AsOf{WrittenShards::kFrom, RecordNumber(1)});
        CHECK(in_transit(books) == "100");
        const EntryAnswer entry = entry_of(books);
        CHECK(entry.in_transit);
        CHECK(entry.postings[0].amount == Amount(100));
        CHECK(entry.postings[0].totals.debits_posted == Amount(100));
        CHECK_FALSE(entry.postings[1].is_known);
        CHECK(entry.postings[1].account_id == shards.accounts[1]);
    }
    shards.follow();
    shards.answer();
    // The view of the shard that leads is there first.
    views.catch_up(WrittenShards::kFrom);
    {
        Books books = views.books();
        CHECK_FALSE(outcome(books)->in_transit);
        CHECK(outcome(books)->outcome == Outcome::posted);
        CHECK(outcome(books)->moved == Amount(70));
        const EntryAnswer entry = entry_of(books);
        CHECK_FALSE(entry.in_transit);
        CHECK(entry.remote_as_of == AsOf{WrittenShards::kTo, RecordNumber(0)});
        for (const EntryPosting& posting : entry.postings) {
            CHECK(posting.amount == Amount(70));
            CHECK_FALSE(posting.is_known);
        }
        CHECK(in_transit(books) == "70");
    }
    views.catch_up(WrittenShards::kTo);
    Books books = views.books();
    CHECK(in_transit(books) == "0");
    // Of the 100 that were sent 30 came back: 70 moved.
    const auto totals = books.trial_balance({});
    REQUIRE(totals);
    CHECK(to_text(totals->front().debits_posted, Scale(0)) == "70");
    CHECK(to_text(totals->front().credits_posted, Scale(0)) == "70");
    CHECK(to_text(totals->front().returned, Scale(0)) == "30");
    const EntryAnswer entry = entry_of(books);
    CHECK(entry.postings[0].account_id == shards.accounts[0]);
    CHECK(entry.postings[0].amount == Amount(70));
    CHECK(entry.postings[0].totals.debits_posted == Amount(100));
    CHECK(entry.postings[0].totals.credits_posted == Amount(30));
    CHECK(entry.postings[1].account_id == shards.accounts[1]);
    CHECK(entry.postings[1].amount == Amount(70));
    CHECK(entry.postings[1].totals.credits_posted == Amount(70));
    CHECK(entry.postings[1].is_known);
    CHECK(entry.remote_as_of == AsOf{WrittenShards::kTo, RecordNumber(1)});
    // The outcome cites the command, and with it the id as it was sent.
    CHECK(entry.id_text == "t1");
    CHECK(outcome(books)->id_text == "t1");
    StatementQuery query;
    query.account = shards.accounts[0];
    for (const bool of_all : {false, true}) {
        if (of_all) query.account.reset();
        const auto page = books.statement(query);
        REQUIRE(page);
        REQUIRE(page->rows.size() == (of_all ? 3 : 2));
        for (const StatementRow& row : page->rows) {
            CHECK(row.entry == WrittenShards::kTransfer);
            if (row.account_id == shards.accounts[0]) CHECK(row.entry_text == "t1");
        }
    }
    // Two more are the return of what was not taken: usually nothing is.
    CHECK(views.count_rows() - rows_before == 5 + 2);
}

TEST_CASE("crossing: an outcome that no step stands behind is corrupt") {
    WrittenShards shards;
    TwoViews views(shards);
    shards.send();
    shards.answer();  // of a record that says nothing of it
    WrittenShards::take(shards.to, WrittenShards::kFrom, RecordNumber(1));
    shards.to.seal(Timestamp(50));
    REQUIRE(views.views->catch_up_to_end());
    Books books = views.books();
    const auto entry = books.entry(LedgerId(0), WrittenShards::kTransfer);
    REQUIRE_FALSE(entry);
    CHECK(entry.error().code == FaultCode::corrupt);
}

TEST_CASE("crossing: batches, loads and openings between give the same rows on every shard") {
    RandomBooks books(3, 61);
    for (int i = 0; i < 5'000; ++i) books.step();
    books.seal_all();
    std::size_t done = 0;
    for (const auto& crossing : books.crossings) {
        if (crossing.stage == RandomBooks::Crossing::Stage::done) ++done;
    }
    REQUIRE(done > 100);
    for (std::uint32_t number = 0; number < 3; ++number) {
        CAPTURE(number);
        const ShardId shard(number);
        const test::TemporaryDirectory directory;
        const auto& path = directory.path();
        OpenView batches(path / "batches", books.log, books.deployment, always_batch(), shard);
        REQUIRE(batches.projector->catch_up_to_end());
        OpenView load(path / "load", books.log, books.deployment, always_bulk(), shard);
        REQUIRE(load.projector->catch_up_to_end());
        const auto rows = rows_of(*batches.store);
        CHECK(rows == rows_of(*load.store));
        // Opened anew and written in the other way, in the middle of what crosses.
        const std::uint64_t end = books.log.end(shard)->value();
        for (std::uint64_t next = 0; next < end; next += 37) {
            OpenView mixed(path / "mixed", books.log, books.deployment,
                           next % 2 == 0 ? always_bulk(20'000) : always_batch(), shard);
            REQUIRE(mixed.projector->catch_up(RecordNumber(next + 37)));
        }
        OpenView mixed(path / "mixed", books.log, books.deployment, always_batch(), shard);
        CHECK(rows == rows_of(*mixed.store));
    }
}

TEST_CASE("crossing: what is on its way is what shards sent and others did not take") {
    RandomBooks books(3, 62);
    for (int i = 0; i < 3'000; ++i) books.step();
    books.seal_all();
    const test::TemporaryDirectory directory;
    auto views = ShardViews::open(books.log, books.deployment.deployment,
                                  *books.deployment.keys, directory.path(), rocks_view_stores());
    REQUIRE(views);
    REQUIRE((*views)->catch_up_to_end());
    auto queries = Books::open((*views)->stores());
    REQUIRE(queries);
    std::map<Asset, u128> expected;
    for (const RandomBooks::Crossing& crossing : books.crossings) {
        if (crossing.is_hold) continue;
        u128& sum = expected[books.accounts[crossing.payer].asset];
        using Stage = RandomBooks::Crossing::Stage;
        if (crossing.stage == Stage::sent) sum += crossing.sent.units();
        if (crossing.stage == Stage::followed)
            sum += crossing.sent.units() - crossing.taken.units();
    }
    const auto lines = queries->trial_balance({});
    REQUIRE(lines);
    bool is_any = false;
    for (const TrialBalanceLine& line : *lines) {
        CHECK(line.is_even());
        const WideSum rest = line.transit_credits.minus(line.transit_debits);
        CHECK(rest.high() == 0);
        CHECK(rest.low() == expected[line.asset]);
        is_any = is_any || rest > WideSum();
    }
    CHECK(is_any);
}
