#include "tests/berka/bank_books.h"

#include "events/entries/codec.h"
#include "events/seal/record.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/support/shared_data.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <variant>

namespace vouch::test {
namespace {

/// Credits less debits: what the bank calls the balance of an account of ours.
std::int64_t bank_balance(const Totals& totals) {
    return static_cast<std::int64_t>(totals.credits_posted.low()) -
           static_cast<std::int64_t>(totals.debits_posted.low());
}

std::map<std::uint64_t, std::int64_t> final_balances(const std::vector<BankRow>& rows) {
    std::map<std::uint64_t, std::int64_t> final;
    for (const BankRow& row : rows) final[row.account] = row.balance_after;
    return final;
}

/// The bank's own list of final balances says what its rows say.
void check_published_balances(const std::map<std::uint64_t, std::int64_t>& final) {
    const auto file = find_shared_data("berka/berka_1993q1_1994q1_final_balances.csv");
    REQUIRE(file.has_value());
    const std::map<std::uint64_t, std::int64_t> published = read_final_balances(*file);
    CHECK((published == final));
    std::int64_t sum = 0;
    for (const auto& [account, balance] : published) sum += balance;
    CHECK(sum == kBankTotal);
}

}  // namespace

void check_bank_events(LogReader& log, const Deployment& deployment,
                       const std::vector<BankRow>& rows) {
    REQUIRE(deployment.shards == 1);
    std::vector<StoredRecord> records;
    REQUIRE(log.read_records(ShardId(0), RecordNumber(0), ~std::size_t{0}, records).has_value());
    std::vector<AccountId> names;
    std::map<AccountId, Totals> newest;
    std::size_t next_row = 0;
    std::size_t wrong = 0;
    for (const StoredRecord& stored : records) {
        const Result<RecordView> record = parse_record(stored.bytes);
        REQUIRE(record.has_value());
        EventReader reader(record->body);
        Arena arena;
        for (auto bytes = reader.next(); bytes && *bytes; bytes = reader.next()) {
            const Result<Event> event = decode_event(**bytes, arena);
            REQUIRE(event.has_value());
            const auto* decided = std::get_if<CommandDecided>(&*event);
            if (decided == nullptr) continue;
            if (const auto* opened = std::get_if<OpenAccount>(&decided->command.body))
                names.push_back(opened->account);
            for (const Change& change : decided->changes)
                newest[names.at(change.account.value())] = change.totals;
            if (!std::holds_alternative<Transfer>(decided->command.body)) continue;
            REQUIRE(next_row < rows.size());
            const BankRow& row = rows[next_row];
            const bool is_right =
                decided->outcome == Outcome::posted &&
                decided->command.id == command_id(next_row) &&
                bank_balance(newest[account_id(row.account)]) == row.balance_after;
            wrong += is_right ? 0U : 1U;
            ++next_row;
        }
    }
    CHECK(next_row == rows.size());
    CHECK(wrong == 0);
    const auto final = final_balances(rows);
    check_published_balances(final);
    for (const auto& [account, balance] : final)
        CHECK(bank_balance(newest[account_id(account)]) == balance);
    // Cash owes what the accounts have.
    CHECK(bank_balance(newest[account_id(BankLoad::kCash)]) == -kBankTotal);
}

void check_bank_views(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                      const std::filesystem::path& directory, const std::vector<BankRow>& rows) {
    const auto views = projector::ShardViews::open(log, deployment, &keys, directory);
    REQUIRE_MESSAGE(views, views.error().message);
    REQUIRE((*views)->catch_up_to_end().has_value());
    auto books = projector::Books::open((*views)->stores());
    REQUIRE_MESSAGE(books, books.error().message);
    std::map<std::uint64_t, std::vector<std::int64_t>> expected;
    for (const BankRow& row : rows) expected[row.account].push_back(row.balance_after);
    std::int64_t sum = 0;
    for (const auto& [account, balances] : expected) {
        CAPTURE(account);
        std::vector<std::int64_t> stated;
        projector::StatementQuery query;
        query.account = account_id(account);
        do {
            const auto page = books->statement(query);
            REQUIRE_MESSAGE(page, page.error().message);
            for (const projector::StatementRow& row : page->rows)
                stated.push_back(bank_balance(row.totals));
            query.after = page->next;
        } while (query.after);
        CHECK((stated == balances));
        const auto newest = books->balance(LedgerId(0), account_id(account));
        REQUIRE((newest && *newest));
        CHECK(bank_balance((*newest)->totals) == balances.back());
        sum += bank_balance((*newest)->totals);
    }
    CHECK(sum == kBankTotal);
    const auto trial = books->trial_balance({});
    REQUIRE(trial.has_value());
    REQUIRE(trial->size() == 1);
    CHECK(trial->front().is_even());
}

}  // namespace vouch::test
