#include "events/seal/record.h"
#include "reconciler/replay.h"
#include "reconciler/view_check.h"
#include "tests/reconciler/played_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using namespace vouch::reconciler;

/// A projection in memory of the first `records` records of shard 0, written by the simplest of
/// means: the last change of each account wins.
class MemoryViews final : public ViewReader {
public:
    MemoryViews(RecordList& log, const SealedDeployment& sealed, std::size_t records) {
        LogDraft draft = LogDraft::read(log, sealed.deployment());
        place.digest = sealed.deployment().genesis_tag;
        for (std::size_t i = 0; i < records; ++i) {
            DraftRecord& record = draft.shard(ShardId(0))[i];
            std::uint64_t event = record.header.first_event.value();
            for (const Event& each : record.events) add(each, EventNumber(event++));
            place.digest = parse_record(log.shard(ShardId(0))[i])->digest;
        }
        place.next_record = RecordNumber(records);
        std::ranges::stable_sort(history, {}, &ViewHistoryRow::number);
    }

    Result<ViewPosition> position(ShardId) override { return place; }
    Status visit_accounts(ShardId, const Visitor<ViewAccount>& visit) override {
        return visit_all(accounts, visit);
    }
    Status visit_history(ShardId, const Visitor<ViewHistoryRow>& visit) override {
        return visit_all(history, visit);
    }
    Status visit_ids(ShardId, const Visitor<ViewIdRow>& visit) override {
        return visit_all(ids, visit);
    }

    ViewPosition place;
    std::vector<ViewAccount> accounts;
    std::vector<ViewHistoryRow> history;
    std::vector<ViewIdRow> ids;

private:
    template <class Row>
    static Status visit_all(const std::vector<Row>& rows, const Visitor<Row>& visit) {
        for (const Row& row : rows) {
            if (!visit(row)) break;
        }
        return {};
    }
    void add_id(const Command& command, EventNumber event) {
        const auto same = [&](const ViewIdRow& row) {
            return row.id == command.id && row.ledger == command.ledger;
        };
        if (std::ranges::none_of(ids, same)) ids.push_back({command.ledger, command.id, event});
    }
    void add(const Event& event, EventNumber number) {
        if (const auto* expired = std::get_if<HoldExpired>(&event))
            return add(expired->changes, number);
        const auto* decided = std::get_if<CommandDecided>(&event);
        if (decided == nullptr) return;
        add_id(decided->command, number);
        if (const auto* group = std::get_if<Group>(&decided->command.body);
            group && !is_accepted(decided->outcome)) {
            for (const Command& member : group->members) add_id(member, number);
        }
        const auto* open = std::get_if<OpenAccount>(&decided->command.body);
        if (open != nullptr && decided->outcome == Outcome::opened) {
            ViewAccount row;
            row.number = decided->changes[0].account;
            row.ledger = decided->command.ledger;
            row.id = open->account;
            row.asset = open->asset;
            row.account_class = open->account_class;
            accounts.push_back(row);
        }
        add(decided->changes, number);
    }
    void add(std::span<const Change> changes, EventNumber number) {
        for (const Change& change : changes) {
            history.push_back({change.account, number, change.version, change.totals, change.limit,
                               change.state, change.side, change.amount});
            ViewAccount& row = accounts[change.account.value()];
            row.version = change.version;
            row.totals = change.totals;
            row.limit = change.limit;
            row.state = change.state;
        }
    }
};

std::string findings_with(RecordList& log, const SealedDeployment& sealed, MemoryViews& views) {
    return text_of_findings(
        replay_list(log, sealed, [&](ReplayOptions& options) { options.views = &views; }));
}

TEST_CASE("views: compared at their own position, anywhere in the log") {
    const SealedDeployment sealed = make_sealed_deployment();
    RecordList log = make_busy_log(sealed, 5, 120);
    const std::size_t end = log.shard(ShardId(0)).size();
    for (std::size_t records = 0; records <= end; records += 3) {
        CAPTURE(records);
        MemoryViews views(log, sealed, records);
        CHECK(findings_with(log, sealed, views) == "");
    }
}

struct Row {
    const char* what;
    std::function<void(MemoryViews&)> edit;
    std::string expected;  ///< the check of the only finding
};

Amount more(Amount amount) { return *amount.plus(Amount(1)); }

TEST_CASE("views: each row that is edited, missing or one too many is found") {
    const SealedDeployment sealed = make_sealed_deployment();
    RecordList log = make_busy_log(sealed, 6, 120);
    const std::size_t end = log.shard(ShardId(0)).size() - 2;
    const std::vector<Row> rows = {
        {"newest totals",
         [](MemoryViews& v) {
             v.accounts[1].totals.debits_posted = more(v.accounts[1].totals.debits_posted);
         },
         "view_account: account 1: totals differs from the log"},
        {"newest version",
         [](MemoryViews& v) { v.accounts[2].version = v.accounts[2].version.next(); },
         "view_account: account 2: version differs from the log"},
        {"newest state",
         [](MemoryViews& v) { v.accounts[0].state.closed = !v.accounts[0].state.closed; },
         "view_account: account 0: state differs from the log"},
        {"account missing", [](MemoryViews& v) { v.accounts.erase(v.accounts.begin()); },
         "view_account: account 0: no row in the view"},
        {"account too many",
         [](MemoryViews& v) {
             v.accounts.push_back(v.accounts.back());
             v.accounts.back().number = AccountNumber(1'000);
         },
         "view_account: account 1000: a row of no account, or a second one"},
        {"history totals",
         [](MemoryViews& v) {
             v.history[1].totals.credits_held = more(v.history[1].totals.credits_held);
         },
         "view_history: account 0: a row differs from the log"},
        {"history amount",
         [](MemoryViews& v) { v.history[1].amount = more(v.history[1].amount); },
         "view_history: account 0: a row differs from the log"},
        {"history side",
         [](MemoryViews& v) {
             v.history[1].side =
                 v.history[1].side == Side::debit ? Side::credit : Side::debit;
         },
         "view_history: account 0: a row differs from the log"},
        {"history event", [](MemoryViews& v) { v.history[1].event = v.history[1].event.next(); },
         "view_history: account 0: a row differs from the log"},
        {"history missing", [](MemoryViews& v) { v.history.erase(v.history.begin() + 1); },
         "account 0: a row is missing before, or is one too many"},
        {"history of an account missing",
         [](MemoryViews& v) {
             std::erase_if(v.history,
                           [](const ViewHistoryRow& r) { return r.number == AccountNumber(1); });
         },
         "view_history: account 1: no history in the view"},
        {"history too many",
         [](MemoryViews& v) {
             v.history.push_back(v.history.back());
             v.history.back().number = AccountNumber(1'000);
             v.history.back().version = Version(1);
         },
         "view_history: account 1000: history of no account"},
        {"id of another event", [](MemoryViews& v) { v.ids[3].event = v.ids[3].event.next(); },
         "view_id: id"},
        {"id missing", [](MemoryViews& v) { v.ids.erase(v.ids.begin() + 3); },
         "no row in the view"},
        {"id too many",
         [](MemoryViews& v) {
             v.ids.push_back(v.ids.back());
             v.ids.back().id = CommandId(77, 77);
         },
         "a row of the view is of no command"},
        {"position ahead", [](MemoryViews& v) { v.place.next_record = RecordNumber(1'000'000); },
         "truncated"},
        {"another log's tag", [](MemoryViews& v) { v.place.digest[0] ^= std::byte{1}; },
         "view_position"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        MemoryViews views(log, sealed, end);
        row.edit(views);
        const std::string found = findings_with(log, sealed, views);
        CAPTURE(found);
        CHECK(found.find(row.expected) != std::string::npos);
        CHECK(std::count(found.begin(), found.end(), '\n') == 1);
    }
}

}  // namespace
