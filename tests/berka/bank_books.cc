#include "tests/berka/bank_books.h"

#include "events/entries/codec.h"
#include "events/seal/record.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/support/shared_data.h"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
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

/// What one shard's events say, each of accounts without transit accounts.
class ShardEvents {
public:
    struct Posted {
        CommandId command;
        std::int64_t balance;
        friend bool operator==(const Posted&, const Posted&) = default;
    };

    void read(LogReader& log, ShardId shard) {
        std::vector<StoredRecord> records;
        while (records.size() < log.end(shard).value().value()) {
            const RecordNumber next(records.size());
            REQUIRE(log.read_records(shard, next, kReadBytesMax, records).has_value());
        }
        std::vector<std::optional<AccountId>> names;
        Arena arena;
        for (const StoredRecord& stored : records) {
            const Result<RecordView> record = parse_record(stored.bytes);
            REQUIRE(record.has_value());
            EventReader reader(record->body);
            for (auto bytes = reader.next(); bytes && *bytes; bytes = reader.next()) {
                const Result<Event> event = decode_event(**bytes, arena);
                REQUIRE(event.has_value());
                take(*event, names);
            }
            arena.clear();
        }
    }

    std::map<AccountId, std::vector<Posted>> posted;
    std::map<AccountId, std::int64_t> newest;
    std::int64_t in_transit = 0;
    std::vector<CommandId> outcomes;  ///< of transfers, all of them posted

private:
    static constexpr std::size_t kReadBytesMax = std::size_t{1} << 26;
    using Names = std::vector<std::optional<AccountId>>;  // empty: a transit account

    void take(const Event& event, Names& names) {
        if (const auto* decided = std::get_if<CommandDecided>(&event)) {
            if (const auto* opened = std::get_if<OpenAccount>(&decided->command.body))
                names.emplace_back(opened->account);
            take_changes(decided->command.id, decided->changes, names);
            if (!std::holds_alternative<Transfer>(decided->command.body)) return;
            CHECK(decided->outcome == Outcome::posted);
            outcomes.push_back(decided->command.id);
        } else if (std::holds_alternative<TransitOpened>(event)) {
            names.emplace_back();
            transits_.resize(names.size());
        } else if (const auto* sent = std::get_if<CommandInTransit>(&event)) {
            take_changes(sent->command.id, sent->changes, names);
        } else if (const auto* answered = std::get_if<CommandAnswered>(&event)) {
            take_changes(answered->id, answered->changes, names);
            // Nothing but transfers crosses.
            CHECK(answered->outcome == Outcome::posted);
            outcomes.push_back(answered->id);
        } else if (const auto* followed = std::get_if<StepFollowed>(&event)) {
            take_changes(followed->step.command, followed->changes, names);
        }
    }

    void take_changes(CommandId command, std::span<const Change> changes, const Names& names) {
        for (const Change& change : changes) {
            const std::uint32_t number = change.account.value();
            const std::int64_t balance = bank_balance(change.totals);
            if (const std::optional<AccountId> name = names.at(number)) {
                newest[*name] = balance;
                if (change.side) posted[*name].push_back({command, balance});
            } else {
                in_transit += balance - std::exchange(transits_.at(number), balance);
            }
        }
    }

    std::vector<std::int64_t> transits_;  // by account number, of this shard
};

}  // namespace

void check_bank_events(LogReader& log, const Deployment& deployment,
                       const std::vector<BankRow>& rows) {
    std::map<AccountId, std::vector<ShardEvents::Posted>> expected;
    for (std::size_t i = 0; i < rows.size(); ++i)
        expected[account_id(rows[i].account)].push_back({command_id(i), rows[i].balance_after});
    const auto final = final_balances(rows);
    check_published_balances(final);

    std::size_t transfers = 0;
    std::int64_t in_transit = 0;
    std::set<CommandId> outcomes;
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        ShardEvents shard;
        shard.read(log, ShardId(i));
        in_transit += shard.in_transit;
        transfers += shard.outcomes.size();
        outcomes.insert(shard.outcomes.begin(), shard.outcomes.end());
        // Cash owes what the accounts have.
        const auto cash = shard.newest.find(account_id(BankLoad::kCash));
        if (cash != shard.newest.end()) CHECK(cash->second == -kBankTotal);
        shard.posted.erase(account_id(BankLoad::kCash));
        for (const auto& [account, posted] : shard.posted) {
            // Every row of an account in its order, and its balance after each.
            CHECK((expected.at(account) == posted));
            expected.erase(account);
        }
    }
    CHECK(expected.empty());
    CHECK(transfers == rows.size());
    CHECK(outcomes.size() == rows.size());
    CHECK(in_transit == 0);
}

void check_bank_views(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                      const std::filesystem::path& directory, const std::vector<BankRow>& rows) {
    const auto views = projector::ShardViews::open(log, deployment, keys, directory,
                                                   projector::rocks_view_stores());
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
