#include "projector/answers/answer_json.h"

#include "events/json_writer.h"
#include "events/money/rfc3339.h"
#include "events/money/text_ids.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <string>

using namespace vouch;
using namespace vouch::projector;

namespace {

AccountBalance alice() {
    AccountBalance balance;
    balance.account.id = AccountId(0x11, 0x22);
    balance.account.name = "alice";
    balance.account.asset = *Asset::make("EUR", Scale(2));
    balance.account.account_class = AccountClass::liability;
    balance.totals = {Amount(400), Amount(1000), Amount(0), Amount(0)};
    balance.version = Version(5);
    balance.as_of = {ShardId(0), RecordNumber(9)};
    return balance;
}

const RecordedAt kRecorded{ShardId(1), RecordNumber(3), EventNumber(17),
                           Timestamp(1'769'903'999'000'001)};

}  // namespace

TEST_CASE("json: a balance") {
    AccountBalance balance = alice();
    CHECK(
        to_json(balance) ==
        R"({"account":"alice","asset":"EUR/2","debits_posted":"4.00","credits_posted":"10.00",)"
        R"("debits_held":"0.00","credits_held":"0.00","available":"6.00","balance":"6.00","version":5,)"
        R"("state":"active","block":"none","limit":"0.00","class":"liability","ledger":0,"final":true,)"
        R"("as_of":{"shard":0,"record":9}})");
    balance.account.name.clear();
    balance.totals = {Amount(1100), Amount(1000), Amount(50), Amount(0)};
    balance.limit = Limit(Amount(100));
    balance.state = {Block::debits, false};
    balance.as_of.record.reset();
    CHECK(
        to_json(balance) ==
        R"({"account":"00000000000000110000000000000022","asset":"EUR/2","debits_posted":"11.00",)"
        R"("credits_posted":"10.00","debits_held":"0.50","credits_held":"0.00","available":"0.00",)"
        R"("balance":"-1.00","version":5,"state":"frozen","block":"debits","limit":"1.00",)"
        R"("class":"liability","ledger":0,"final":true,"as_of":{"shard":0}})");
    balance.limit = Limit::unlimited();
    const auto json = nlohmann::json::parse(to_json(balance));
    CHECK(json["available"] == "unlimited");
    CHECK(json["limit"] == "unlimited");
}

TEST_CASE("json: an account with what it is") {
    AccountBalance balance = alice();
    balance.account.owner = "o-1";
    balance.account.chart_code = "2010.03";
    balance.account.risk_class = 3;
    balance.account.metadata = {{"seg\"ment", "re\\tail\n"}};
    balance.account.opened = kRecorded;
    const auto json = nlohmann::json::parse(account_json(balance));
    CHECK(json["id"] == "00000000000000110000000000000022");
    CHECK(json["owner"] == "o-1");
    CHECK(json["chart_code"] == "2010.03");
    CHECK(json["risk_class"] == 3);
    CHECK(json["metadata"]["seg\"ment"] == "re\\tail\n");
    CHECK(json["opened"]["event"] == 17);
    CHECK(json["opened"]["time"] == "2026-01-31T23:59:59.000001Z");
    CHECK(json["as_of"]["record"] == 9);
}

TEST_CASE("json: a statement's row") {
    StatementRow row;
    row.account = "alice";
    row.account_class = AccountClass::liability;
    row.asset = *Asset::make("EUR", Scale(2));
    row.entry = CommandId(1, 2);
    row.side = Side::credit;
    row.amount = Amount(1000);
    row.totals = {Amount(400), Amount(1000), Amount(0), Amount(0)};
    row.version = Version(2);
    row.recorded = kRecorded;
    CHECK(
        to_json(row) ==
        R"({"account":"alice","asset":"EUR/2","entry":"00000000000000010000000000000002","side":"credit",)"
        R"("amount":"10.00","debits_posted":"4.00","credits_posted":"10.00","debits_held":"0.00",)"
        R"("credits_held":"0.00","balance":"6.00","version":2,"time":"2026-01-31T23:59:59.000001Z",)"
        R"("shard":1,"record":3,"event":17})");
}

TEST_CASE("json: an account named by a number of 26 digits is shown by it") {
    for (const std::string text :
         {"12345678901234567890123456", "10000000000000000000000000", "79999999999999999999999999",
          // Others, in hexadecimal: a ULID with letters, and small numbers.
          "01563e3ab5d3d6764c61efb99302bd5b", "00000000000000000000000000000001",
          "00000000000000020000000000000005", "7ffffffffffffffffffffffffffffffe"}) {
        const TextId id = *parse_account_id(text, LedgerId(0));
        CHECK_FALSE(id.is_name);
        CHECK(shown_number(AccountId(id.high, id.low)) == text);
    }
}

TEST_CASE("json: outcomes") {
    CommandOutcome outcome;
    outcome.id = CommandId(1, 2);
    outcome.outcome = Outcome::posted;
    outcome.recorded = kRecorded;
    outcome.as_of = {ShardId(1), RecordNumber(4)};
    outcome.asked.id = "t1";
    outcome.asked.kind = "transfer";
    outcome.asked.keys = {{"debit", "cash"}, {"debit_posting", std::uint64_t{1}}, {"keep", true}};
    outcome.asked.voucher.context = "c";
    CHECK(to_json(outcome, "t1") ==
          R"({"id":"t1","command":"transfer","accepted":true,"outcome":"posted",)"
          R"("asked":{"id":"t1","ledger":0,"transfer":{"debit":"cash","debit_posting":1,"keep":true},"context":"c"},)"
          R"("time":"2026-01-31T23:59:59.000001Z",)"
          R"("shard":1,"record":3,"event":17,"final":true,"as_of":{"shard":1,"record":4}})");
    outcome.asked = {};
    outcome.asked.id = "x1";
    outcome.asked.kind = "close_account";
    outcome.outcome = Outcome::insufficient_funds;
    outcome.asset = Asset::make("EUR", Scale(2));
    outcome.account = "alice";
    outcome.facts.account = AccountId(1, 1);
    outcome.facts.available = AmountFact{false, Amount(600)};
    outcome.facts.limit = AmountFact{true, {}};
    outcome.facts.version = Version(4);
    CHECK(
        to_json(outcome) ==
        R"({"id":"00000000000000010000000000000002","command":"close_account",)"
        R"("accepted":false,"outcome":"insufficient_funds",)"
        R"("account":"alice","asset":"EUR/2","available":"6.00","limit":"unlimited","version":4,)"
        R"("asked":{"id":"x1","ledger":0,"close_account":{}},)"
        R"("time":"2026-01-31T23:59:59.000001Z","shard":1,"record":3,"event":17,"final":true,)"
        R"("as_of":{"shard":1,"record":4}})");

    CommandOutcome sent;
    sent.id = outcome.id;
    sent.asked = outcome.asked;
    sent.in_transit = true;
    sent.to = ShardId(2);
    sent.recorded = kRecorded;
    sent.as_of = outcome.as_of;
    CHECK(to_json(sent, "t1") ==
          R"({"id":"t1","command":"close_account","status":"in_transit","to":2,)"
          R"("asked":{"id":"x1","ledger":0,"close_account":{}},"time":"2026-01-31T23:59:59.000001Z",)"
          R"("shard":1,"record":3,"event":17,"final":false,"as_of":{"shard":1,"record":4}})");
    sent.in_transit = false;
    sent.outcome = Outcome::posted;
    sent.answered = AnsweredBy{ShardId(2), RecordNumber(9)};
    CHECK(nlohmann::json::parse(to_json(sent, "t1"))["answered_by"] ==
          nlohmann::json{{"shard", 2}, {"record", 9}});

    CommandOutcome group;
    group.outcome = Outcome::group_failed;
    group.asked.members.resize(2);
    group.asked.members[0].id = id_text(CommandId(0, 1));
    group.asked.members[1].id = "m2";
    group.failed = 1;
    group.members = {{Outcome::group_failed, true}, {Outcome::not_zero, false}};
    const auto json = nlohmann::json::parse(to_json(group, "g1"));
    CHECK(json["id"] == "g1");
    CHECK(json["failed"] == "m2");
    CHECK(json["outcomes"][0]["id"] == "00000000000000000000000000000001");
    group.id_text = "G1";
    CHECK(nlohmann::json::parse(to_json(group, "g1"))["id"] == "G1");
    CHECK(json["outcomes"].size() == 2);
    CHECK(json["outcomes"][0]["repeated"] == true);
    CHECK(json["outcomes"][1]["outcome"] == "not_zero");
    CHECK(json["outcomes"][1]["accepted"] == false);
}

TEST_CASE("json: an entry and a hold") {
    EntryAnswer entry;
    entry.id = CommandId(1, 2);
    entry.command = "transfer";
    entry.voucher.context = "order-7";
    entry.voucher.kind = VoucherKind::top_up;
    entry.voucher.reason = "asked for";
    entry.voucher.document_date = Day(1);
    entry.voucher.references = {{ReferenceType::intent, "i-1"}, {ReferenceType::intent, "i-2"}};
    entry.voucher.attachments = {{"ab", "text/csv", 12}, {"cd", "", 0}};
    entry.voucher.trace = {1, 2, 3, 1};
    entry.recorded = kRecorded;
    EntryPosting posting;
    posting.account = "cash";
    posting.asset = *Asset::make("JPY", Scale(0));
    posting.amount = Amount(7);
    posting.refunded = Amount(2);
    posting.totals.debits_posted = Amount(7);
    entry.postings = {posting};
    const auto json = nlohmann::json::parse(to_json(entry, "t1"));
    CHECK(json["id"] == "t1");
    CHECK(json["command"] == "transfer");
    CHECK(json["kind"] == "top_up");
    CHECK(json["reason"] == "asked for");
    CHECK(json["document_date"] == "1970-01-02");
    CHECK(json["references"].dump() ==
          R"([{"type":"intent","value":"i-1"},{"type":"intent","value":"i-2"}])");
    CHECK(json["attachments"].dump() ==
          R"([{"digest":"ab","media_type":"text/csv","size":12},{"digest":"cd"}])");
    CHECK(json["trace"] == "00-00000000000000010000000000000002-0000000000000003-01");
    CHECK(json["context"] == "order-7");
    CHECK(json["reversed"] == false);
    CHECK(json["postings"][0]["amount"] == "7");
    CHECK(json["postings"][0]["refunded"] == "2");
    CHECK(json["postings"][0]["balance"] == "7");
    CHECK(json["final"] == true);
    CHECK_FALSE(json.contains("remote_as_of"));
    entry.in_transit = true;
    entry.remote_as_of = AsOf{ShardId(3), RecordNumber(8)};
    entry.postings[0].is_known = false;
    entry.postings[0].account_id = AccountId(0, 5);
    const auto sent = nlohmann::json::parse(to_json(entry, "t1"));
    CHECK(sent["final"] == false);
    CHECK(sent["status"] == "in_transit");
    CHECK_FALSE(sent.contains("outcome"));
    CHECK(sent["remote_as_of"] == nlohmann::json{{"shard", 3}, {"record", 8}});
    CHECK(sent["postings"][0]["id"] == "00000000000000000000000000000005");
    CHECK(sent["postings"][0]["amount"] == "7");
    CHECK_FALSE(sent["postings"][0].contains("balance"));

    HoldAnswer hold;
    hold.payer = "alice";
    hold.asset = posting.asset;
    hold.amount = Amount(5);
    hold.placed = kRecorded;
    CHECK(
        to_json(hold, "h1") ==
        R"({"id":"h1","status":"open","ledger":0,"debit":"alice","asset":"JPY/0","amount":"5","remaining":"0",)"
        R"("captured":"0","placed":{"time":"2026-01-31T23:59:59.000001Z","shard":1,"record":3,"event":17},)"
        R"("last_event":0,"final":true,"as_of":{"shard":0}})");
    hold.in_transit = true;
    CHECK(nlohmann::json::parse(to_json(hold, "h1"))["final"] == false);
    // No record is later than the year 9999: what ends then can expire, and what ends later cannot.
    hold.expires_at = Timestamp(253'402'300'799'999'999);
    CHECK(nlohmann::json::parse(to_json(hold, "h1"))["expires_at"] ==
          "9999-12-31T23:59:59.999999Z");
    hold.expires_at = Timestamp(253'402'300'800'000'000);
    CHECK_FALSE(nlohmann::json::parse(to_json(hold, "h1")).contains("expires_at"));
}

TEST_CASE("json: a trial balance counts beyond 128 bits") {
    TrialBalanceLine line;
    line.asset = *Asset::make("EUR", Scale(2));
    line.debits_posted.add(Amount::max());
    line.debits_posted.add(Amount::max());
    line.debits_posted.add(Amount(2));
    CHECK_FALSE(line.is_even());
    line.credits_posted = line.debits_posted;
    CHECK(to_json(line) ==
          R"({"asset":"EUR/2","debits_posted":"6805647338418769269267492148635364229.12",)"
          R"("credits_posted":"6805647338418769269267492148635364229.12","debits_held":"0.00",)"
          R"("credits_held":"0.00","in_transit":"0.00","returned":"0.00","even":true})");
    line.transit_credits = line.debits_posted;
    line.transit_debits.add(Amount(5));
    CHECK(in_transit_text(line) == "6805647338418769269267492148635364229.07");
    std::swap(line.transit_credits, line.transit_debits);
    CHECK(in_transit_text(line) == "-6805647338418769269267492148635364229.07");
    TrialBalanceLine taken;  // on one shard, of what no other sent
    taken.credits_posted.add(Amount(10));
    taken.transit_debits.add(Amount(10));
    CHECK(taken.is_even());
    taken.settled = true;
    CHECK_FALSE(taken.is_even());
    line.is_even_on_each_shard = false;
    CHECK_FALSE(line.is_even());
    WideSum small;
    small.add(Amount(5));
    CHECK(to_text(small, Scale(0)) == "5");
    CHECK(to_text(small, Scale(2)) == "0.05");
    CHECK(to_text(WideSum(), Scale(18)) == "0.000000000000000000");
    CHECK(small > WideSum());
    CHECK(line.debits_posted > small);
}

TEST_CASE("json: strings survive") {
    for (const std::string& text :
         {std::string("plain"), std::string("\"\\/\b\f\n\r\t"), std::string("\x01\x1f\x7f"),
          std::string("a\0b", 3), std::string("käse 汉 😀")}) {
        JsonWriter json;
        json.open_object().key_of(text).string(text).close_object();
        const auto parsed = nlohmann::json::parse(json.take());
        CHECK(parsed[text] == text);
    }
}

TEST_CASE("json: times") {
    struct Row {
        std::int64_t us;
        const char* text;
    };
    constexpr std::int64_t kSecond = 1'000'000;
    const Row rows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {951'782'400 * kSecond, "2000-02-29T00:00:00.000000Z"},
        {4'107'542'400 * kSecond, "2100-03-01T00:00:00.000000Z"},
        {1'709'251'199 * kSecond + 5, "2024-02-29T23:59:59.000005Z"},
        {1'735'689'599 * kSecond, "2024-12-31T23:59:59.000000Z"},
        {253'402'300'799 * kSecond + 999'999, "9999-12-31T23:59:59.999999Z"},
        {std::numeric_limits<std::int64_t>::max(), "9999-12-31T23:59:59.999999Z"},
        {std::numeric_limits<std::int64_t>::min(), "0001-01-01T00:00:00.000000Z"},
    };
    for (const Row& row : rows) CHECK(to_rfc3339(Timestamp(row.us)) == row.text);
}
