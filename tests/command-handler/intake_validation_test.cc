#include "events/entries/codec.h"
#include "tests/command-handler/intake_support.h"
#include "tests/support/transfer_line.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

using namespace vouch;
using namespace vouch::command_handler;
using test::account_named;
using test::command_named;
using test::Intake;
using test::transfer_line;
using test::verdict;

namespace {

std::string refusal(std::string_view line) {
    Intake intake;
    for (const auto name : {"alice", "shop", "cash"}) intake.books.open(name, "EUR/2");
    intake.books.open("yen", "JPY/0");
    return verdict(intake.read(line));
}

}  // namespace

TEST_CASE("validation: an id in the other case or with a zero byte is refused of new things alone") {
    Intake intake;
    for (const auto name : {"alice", "shop"}) intake.books.open(name, "EUR/2");
    const auto said = [&](const std::string& keys) {
        const bool has_id = keys.starts_with("\"id\"");
        return verdict(intake.read(has_id ? "{" + keys + "}" : R"({"id":"x",)" + keys + "}"));
    };
    const struct {
        std::string text;
        std::string refusal;
    } rows[] = {
        {"0123456789ABCDEF0123456789abcdef",
         "an id of hex digits in this case is not taken: it would be another id than the same "
         "digits in the other case; use lower-case hex digits for new ids"},
        {"01arz3ndektsv4rrffq69g5fav",
         "a ULID in this case is not taken: it would be another id than the same letters in the "
         "other case; use ULIDs in upper case for new ids"},
        {std::string("a\0b", 3), "expected no zero byte in the id of something new"},
    };
    for (const auto& [text, refusal] : rows) {
        CAPTURE(text);
        const std::string written = text.find('\0') == std::string::npos ? text : "a\\u0000b";
        const std::string quoted = "\"" + written + "\"";
        const std::string close = "\"id\":" + quoted + R"(,"close_account":{"account":"alice"})";
        const std::string open =
            R"("open_account":{"asset":"EUR/2","class":"asset","account":)" + quoted + "}";
        const std::string member = R"("group":[{)" + close + "}]";
        CHECK(said(close) == "id: " + refusal);
        CHECK(said(open) == "account: " + refusal);
        CHECK(said(member) == "group[0].id: " + refusal);
        CHECK(said(R"("group":[{"id":"m",)" + open + "}]") == "group[0].account: " + refusal);
        for (const std::string& keys :
             {R"("close_account":{"account":)" + quoted + "}",
              R"("transfer":{"credit":"shop","amount":"1","debit":)" + quoted + "}",
              R"("transfer":{"debit":"alice","amount":"1","credit":)" + quoted + "}",
              R"("capture_hold":{"hold":)" + quoted + "}", R"("reverse":{"entry":)" + quoted + "}",
              R"("refund":{"entry":"e","from":)" + quoted + "}",
              R"("post_entry":{"postings":[{"account":"alice","debit":"1"},{"credit":"1","account":)" +
                  quoted + "}]}"}) {
            CAPTURE(keys);
            CHECK(said(keys) == "command");
        }
        // What the books have under it is not new: a repeat, of a group too, and an open account.
        intake.books.commands = {command_named(text)};
        CHECK(said(close) == "command");
        CHECK(said(member) == "command");
        intake.books.commands = {command_named("x")};
        CHECK(said(open) == "command");
        CHECK(said(member) == "command");
        intake.books.commands.clear();
        CHECK(said(open) == "account: " + refusal);
        intake.books.open(text, "EUR/2");
        CHECK(said(open) == "command");
        CHECK(said(close) == "id: " + refusal);
    }
    for (const std::string text : {"01arz3ndektsv4rrffq69g5fau", "0123456789abcdef0123456789abcdeG",
                                   "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"})
        CHECK(said("\"id\":\"" + text + R"(","close_account":{"account":"alice"})") == "command");
}

TEST_CASE("validation: every refusal names the field and what was expected") {
    constexpr std::string_view kId =
        "expected 1 to 255 bytes, or an id of 128 bits that is not all zeros or ones";
    constexpr std::string_view kDuration =
        "expected a duration above zero such as 250ms, 60s, 5m, 2h or 7d, of at most 104249d";
    constexpr std::string_view kTime =
        "expected a time such as 2026-01-31T23:59:59Z, after 1970-01-01T00:00:00Z and before the "
        "year 10000";
    struct Row {
        std::string line;
        std::string expected;
    };
    const auto envelope = [](std::string_view keys) {
        return R"({"id":"x",)" + std::string(keys) + R"(,"close_account":{"account":"alice"}})";
    };
    const auto text = [](std::size_t size) { return std::string(size, 'x'); };
    const auto body = [](std::string_view keys) {
        return R"({"id":"x",)" + std::string(keys) + "}";
    };
    const auto attachment = [](std::string_view rest) {
        return R"({"digest":")" + std::string(64, 'a') + "\"" + std::string(rest) + "}";
    };
    const std::vector<Row> rows = {
        // Ids.
        {R"({"id":"","close_account":{"account":"alice"}})", "id: " + std::string(kId)},
        {R"({"id":")" + text(256) + R"(","close_account":{"account":"alice"}})",
         "id: " + std::string(kId)},
        {R"({"id":"00000000000000000000000000000000","close_account":{"account":"alice"}})",
         "id: " + std::string(kId)},
        {R"({"id":"ffffffffffffffffffffffffffffffff","close_account":{"account":"alice"}})",
         "id: " + std::string(kId)},
        {body(R"("close_account":{"account":""})"), "account: " + std::string(kId)},
        {body(R"("close_account":{"account":")" + text(256) + R"("})"),
         "account: " + std::string(kId)},
        {body(
             R"("transfer":{"debit":"00000000-0000-0000-0000-000000000000","credit":"shop","amount":"1"})"),
         "debit: " + std::string(kId)},
        {body(R"("transfer":{"debit":"alice","credit":"","amount":"1"})"),
         "credit: " + std::string(kId)},
        {body(R"("release_hold":{"hold":""})"), "hold: " + std::string(kId)},
        {body(R"("reverse":{"entry":""})"), "entry: " + std::string(kId)},
        {body(R"("refund":{"entry":"e","from":""})"), "from: " + std::string(kId)},
        {body(
             R"("post_entry":{"postings":[{"account":"alice","debit":"1"},{"account":"","credit":"1"}]})"),
         "postings[1].account: " + std::string(kId)},
        // Envelope.
        {envelope(R"("ledger":4294967296)"), "ledger: expected a number up to 4294967295"},
        {envelope(R"("context":")" + text(255) + "\""), "command"},
        {envelope(R"("context":")" + text(256) + "\""), "context: at most 255 bytes"},
        {envelope(R"("ticket":")" + text(256) + "\""), "ticket: at most 255 bytes"},
        {envelope(R"("module":")" + text(65) + "\""), "module: at most 64 bytes"},
        {envelope(R"("kind":"sale")"),
         "kind: expected payment, top_up, withdrawal, refund, settlement, transfer, fee, fx, "
         "adjustment, chargeback, correction or closing"},
        {envelope(R"("channel":")" + text(65) + "\""), "channel: at most 64 bytes"},
        {envelope(R"("reason":")" + text(256) + "\""), "reason: at most 255 bytes"},
        {envelope(R"("trace":"01")"),
         "trace: expected a traceparent of version 00, "
         "00-<32 hex digits>-<16 hex digits>-<2 hex digits>, its ids not zero"},
        {envelope(R"("document_date":"2026-02-29")"),
         "document_date: expected a day such as 2026-01-31"},
        {envelope(R"("references":[{"type":"order","value":"1"},{"type":"invoice","value":"1"}])"),
         "references[1].type: expected order, intent, attempt, settlement, channel or statement"},
        {envelope(R"("references":[{"type":"order","value":""}])"),
         "references[0].value: expected 1 to 255 bytes"},
        {envelope(R"("references":[{"type":"order","value":")" + text(256) + "\"}]"),
         "references[0].value: expected 1 to 255 bytes"},
        {envelope(R"("references":[{"type":"order","value":"1"},{"type":"order","value":"1"}])"),
         "references[1]: repeated"},
        {envelope(R"("attachments":[{"digest":"ab"}])"),
         "attachments[0].digest: expected 64 lower-case hex digits: the SHA-256"},
        {envelope(R"("attachments":[)" + attachment("") + "," + attachment(R"(,"size":1)") + "]"),
         "attachments[1].digest: repeated"},
        {envelope(R"("attachments":[)" + attachment(R"(,"media_type":")" + text(65) + "\"") + "]"),
         "attachments[0].media_type: at most 64 bytes"},
        {envelope(R"("attachments":[)" + attachment(R"(,"size":9007199254740993)") + "]"),
         "attachments[0].size: expected a number up to 9007199254740992"},
        {envelope(R"("actor":{"id":")" + text(65) + "\"}"), "actor.id: at most 64 bytes"},
        {envelope(R"("actor":{"address":")" + text(65) + "\"}"), "actor.address: at most 64 bytes"},
        {envelope(R"("actor":{"device":")" + text(65) + "\"}"), "actor.device: at most 64 bytes"},
        {envelope(R"("metadata":{"k":")" + text(256) + "\"}"), "metadata.k: at most 255 bytes"},
        {envelope(R"("expires_at":"tomorrow")"), "expires_at: " + std::string(kTime)},
        {R"({"clock":"noon"})", "clock: " + std::string(kTime)},
        // Accounts.
        {body(R"("open_account":{"account":"a","asset":"eur","class":"asset"})"),
         "asset: expected a code and decimals such as EUR/2, or an ISO 4217 code"},
        {body(R"("open_account":{"account":"a","asset":"EUR/19","class":"asset"})"),
         "asset: expected a code and decimals such as EUR/2, or an ISO 4217 code"},
        {body(R"("open_account":{"account":"a","asset":"EUR/2","class":"cash"})"),
         "class: expected asset, liability, equity, income or expense"},
        {body(R"("open_account":{"account":"a","asset":"EUR/2","class":"asset","limit":"1.005"})"),
         "limit: at most 2 decimals for EUR/2"},
        {body(R"("open_account":{"account":"a","asset":"EUR/2","class":"asset","limit":"none"})"),
         "limit: expected a decimal such as 10.00: no sign, exponent, blank or leading zero"},
        {body(R"("open_account":{"account":"a","asset":"EUR/2","class":"asset","chart_code":")" +
              text(65) + "\"}"),
         "chart_code: at most 64 bytes"},
        {body(R"("open_account":{"account":"a","asset":"EUR/2","class":"asset","owner":")" +
              text(65) + "\"}"),
         "owner: at most 64 bytes"},
        {body(R"("open_account":{"account":"a","asset":"EUR/2","class":"asset","risk_class":256})"),
         "risk_class: expected a number up to 255"},
        {body(R"("update_account":{"account":"alice","limit":"1.005"})"),
         "limit: at most 2 decimals for EUR/2"},
        {body(R"("metadata":{},"update_account":{"account":"alice"})"),
         "metadata: expected a pair or more: they replace all there are, and none would leave them "
         "as they are"},
        {body(R"("metadata":{},"close_account":{"account":"alice"})"), "command"},
        {body(R"("freeze_account":{"account":"alice","block":"all"})"),
         "block: expected debits, credits or both"},
        {body(R"("unfreeze_account":{"account":"alice","block":"none"})"),
         "block: expected debits, credits or both"},
        // Money.
        {body(R"("transfer":{"debit":"alice","credit":"shop","amount":"1.005"})"),
         "amount: at most 2 decimals for EUR/2"},
        {body(R"("transfer":{"debit":"nobody","credit":"shop","amount":"1.005"})"),
         "amount: at most 2 decimals for EUR/2"},
        {body(R"("transfer":{"debit":"alice","credit":"shop","amount":"1","balancing":"none"})"),
         "balancing: expected debit, credit or both"},
        {body(R"("place_hold":{"debit":"yen","credit":"shop","amount":"1.5"})"),
         "amount: at most 0 decimals for JPY/0"},
        {body(R"("place_hold":{"debit":"alice","amount":"1","expires_in":"0s"})"),
         "expires_in: " + std::string(kDuration)},
        {body(R"("extend_hold":{"hold":"h","expires_in":"soon"})"),
         "expires_in: " + std::string(kDuration)},
        {body(
             R"("post_entry":{"postings":[{"account":"alice","debit":"1"},{"account":"shop","credit":"1.000"}]})"),
         "postings[1].credit: at most 2 decimals for EUR/2"},
        {body(
             R"("post_entry":{"postings":[{"account":"alice","debit":"one"},{"account":"shop","credit":"1"}]})"),
         "postings[0].debit: expected a decimal such as 10.00: no sign, exponent, blank or leading "
         "zero"},
        {body(R"("refund":{"entry":"e","debit_posting":1000})"),
         "debit_posting: expected a number up to 999"},
        // Groups.
        {body(R"("group":[{"id":"y","ledger":1,"close_account":{"account":"alice"}}])"),
         "group[0].ledger: expected the group's ledger"},
        {body(R"("group":[{"id":"y","close_account":{"account":"alice"}},
                          {"id":"z","transfer":{"debit":"alice","credit":"shop","amount":"1.005"}}])"),
         "group[1].amount: at most 2 decimals for EUR/2"},
        {body(R"("group":[{"id":"","close_account":{"account":"alice"}}])"),
         "group[0].id: " + std::string(kId)},
    };
    for (const Row& row : rows) {
        CAPTURE(row.line);
        CHECK(refusal(row.line) == row.expected);
    }
}

TEST_CASE(
    "validation: a command of more than 65,536 bytes is too_large, also one that is short as a "
    "line") {
    std::string members;
    for (int i = 0; i < 400; ++i) {
        if (i != 0) members += ",";
        members += R"({"id":"m)" + std::to_string(i) +
                   R"(","close_account":{"account":"a"},"context":")" + std::string(180, 'x') +
                   "\"}";
    }
    CHECK(refusal(R"({"id":"g","group":[)" + members + "]}") ==
          "too_large : at most 65,536 bytes when encoded");
    std::string entry = R"({"id":"e","post_entry":{"postings":[{"account":"a","debit":"1"})";
    for (int i = 0; i < 599; ++i) entry += R"(,{"account":"b","credit":"1"})";
    entry += "]}}";
    std::string two = R"({"id":"g","group":[)" + entry + "," + entry + "]}";
    CHECK(refusal(two) ==
          "too_large group[1].postings: at most 1000 postings in an entry or group");
}

TEST_CASE("validation: a group that no shard could record is refused as the decoder refuses it") {
    const auto group = [](const std::string& id, const std::string& members) {
        return R"({"id":")" + id + R"(","group":[)" + members + "]}";
    };
    const auto pay = [](const std::string& id) { return transfer_line(id, "alice", "shop"); };
    const auto payments = [&](int count) {
        std::string members = pay("m0");
        for (int i = 1; i < count; ++i) members += "," + pay("m" + std::to_string(i));
        return members;
    };
    const std::string own = ".id: expected another id than the group's, found the same";
    CHECK(refusal(group("g", pay("g"))) == "group[0]" + own);
    CHECK(refusal(group("g", pay("m") + "," + pay("g"))) == "group[1]" + own);
    CHECK(refusal(group("6ba7b8109dad11d180b400c04fd430c8",
                        pay("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))) == "group[0]" + own);
    CHECK(refusal(group("g", pay("m") + "," + pay("m"))) == "command");

    const auto too_many = [](int found) {
        return "too_large group: at most 1000 postings in a group, found " + std::to_string(found) +
               ": a transfer, capture, reversal or refund counts 2";
    };
    CHECK(refusal(group("g", payments(501))) == too_many(1002));
    std::string entry = R"({"id":"e","post_entry":{"postings":[{"account":"a","debit":"1"})";
    for (int i = 0; i < 998; ++i) entry += R"(,{"account":"b","credit":"1"})";
    entry += "]}}";
    CHECK(refusal(group("g", entry + "," + pay("m"))) == too_many(1001));
    CHECK(refusal(group("g", entry + R"(,{"id":"m","close_account":{"account":"a"}})")) ==
          "command");

    // As many as may be are a command to the decoder, too.
    Intake intake;
    for (const auto name : {"alice", "shop"}) intake.books.open(name, "EUR/2");
    const std::string most = group("g", payments(500));
    const Understood understood = intake.read(most);
    REQUIRE(verdict(understood) == "command");
    std::vector<std::byte> batch;
    append_to_batch(std::get<Command>(understood), batch);
    std::vector<CommandBytes> members;
    REQUIRE(!split_batch(batch, members));
    Arena arena;
    Command decoded;
    CHECK(!decode_command(members.at(0), arena, decoded));
}

TEST_CASE("validation: what a line says reaches the command") {
    Intake intake;
    for (const auto name : {"alice", "shop"}) intake.books.open(name, "EUR/2");
    const Understood understood = intake.read(R"({
        "actor":{"id":"ops-7","address":"10.0.0.1","device":"till"},"context":"order-7","module":"checkout","ticket":"T1",
        "kind":"top_up","channel":"pos","metadata":{"color":"blau","größe":"1"},"expected_version":18446744073709551615,
        "expires_at":"2026-01-31T23:59:59Z","ledger":7,"reason":"asked for","document_date":"2026-01-01",
        "trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "references":[{"value":"o-1","type":"order"},{"type":"attempt","value":"1"}],
        "attachments":[{"size":7,"digest":"00000000000000000000000000000000000000000000000000000000000000ff"},
                       {"digest":"10000000000000000000000000000000000000000000000000000000000000ff","media_type":"text/csv"}],
        "transfer":{"balancing":"both","amount":"10.5","credit":"shop","debit":"alice"},"id":"t1"})");
    REQUIRE(verdict(understood) == "command");
    const Command& command = std::get<Command>(understood);
    CHECK(command.id == command_named("t1"));
    CHECK(command.id_text == "t1");
    CHECK(command.ledger == LedgerId(7));
    CHECK(command.reason == "asked for");
    CHECK(command.document_date == Day(20'454));
    CHECK(command.trace == Trace{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, 1});
    REQUIRE(command.references.size() == 2);
    CHECK(command.references[0] == Reference{ReferenceType::order, "o-1"});
    CHECK(command.references[1] == Reference{ReferenceType::attempt, "1"});
    REQUIRE(command.attachments.size() == 2);
    CHECK(command.attachments[0].digest[31] == std::byte{0xff});
    CHECK(command.attachments[0].size == 7);
    CHECK(command.attachments[0].media_type.empty());
    CHECK(command.attachments[1].digest[0] == std::byte{0x10});
    CHECK(command.attachments[1].media_type == "text/csv");
    CHECK(command.actor_id == "ops-7");
    CHECK(command.actor_address == "10.0.0.1");
    CHECK(command.actor_device == "till");
    CHECK(command.context == "order-7");
    CHECK(command.module == "checkout");
    CHECK(command.ticket == "T1");
    CHECK(command.kind == VoucherKind::top_up);
    CHECK(command.channel == "pos");
    REQUIRE(command.metadata.size() == 2);
    CHECK(command.metadata[0] == Metadata{"color", "blau"});
    CHECK(command.metadata[1] == Metadata{"größe", "1"});
    CHECK(command.expected_version == Version(~0ULL));
    CHECK(command.expires_at == Timestamp(1'769'903'999'000'000));
    const Transfer& transfer = std::get<Transfer>(command.body);
    // Names are hashed with the ledger, which stands behind them in the line.
    CHECK(transfer.debit == account_named("alice", LedgerId(7)));
    CHECK(transfer.credit == account_named("shop", LedgerId(7)));
    CHECK(transfer.amount == Amount(1050));
    CHECK(transfer.balancing == Balancing::both);
}

TEST_CASE("validation: an id's text reaches the command unless its hex digits are the text") {
    Intake intake;
    const auto text_of = [&](std::string_view id) {
        const Understood understood =
            intake.read(R"({"id":")" + std::string(id) + R"(","close_account":{"account":"a"}})");
        REQUIRE(verdict(understood) == "command");
        return std::string(std::get<Command>(understood).id_text);
    };
    CHECK(text_of("t1") == "t1");
    CHECK(text_of("01ARZ3NDEKTSV4RRFFQ69G5FAV") == "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    CHECK(text_of("6BA7B810-9DAD-11D1-80B4-00C04FD430C8") ==
          "6BA7B810-9DAD-11D1-80B4-00C04FD430C8");
    CHECK(text_of("0123456789abcdef0123456789abcdef") == "");
    // And so does a member's.
    const Understood group = intake.read(
        R"({"id":"g","references":[{"type":"order","value":"1"}],"group":[
            {"id":"m","references":[{"type":"order","value":"2"}],"close_account":{"account":"a"}},
            {"id":"n","close_account":{"account":"a"}}]})");
    REQUIRE(verdict(group) == "command");
    const Command& command = std::get<Command>(group);
    const auto members = std::get<Group>(command.body).members;
    CHECK(command.id_text == "g");
    CHECK(members[0].id_text == "m");
    CHECK(members[1].id_text == "n");
    REQUIRE(command.references.size() == 1);
    CHECK(command.references[0].value == "1");
    REQUIRE(members[0].references.size() == 1);
    CHECK(members[0].references[0].value == "2");
    CHECK(members[1].references.empty());
}

TEST_CASE("validation: each kind of command") {
    Intake intake;
    for (const auto name : {"alice", "shop", "bank"}) intake.books.open(name, "EUR/2");
    intake.books.holds[id_text(command_named("h"))] = {.certainty = Certainty::certain,
                                                       .payer = account_named("alice"),
                                                       .payee = {}};
    intake.books.entries[id_text(command_named("e"))] = {
        .certainty = Certainty::certain,
        .postings = {{account_named("bank"), Side::debit},
                     {account_named("alice"), Side::credit},
                     {account_named("shop"), Side::credit}}};
    const auto read = [&](std::string_view body) {
        const Understood understood =
            intake.read(R"({"id":"x)" + std::to_string(intake.line) + "\"," + std::string(body) + "}");
        CAPTURE(body);
        REQUIRE(verdict(understood) == "command");
        return std::get<Command>(understood);
    };

    const auto open = std::get<OpenAccount>(
        read(R"("open_account":{"account":"merchant:42","asset":"USD/4","class":"income",
        "limit":"2.5","chart_code":"4010","owner":"o-1","risk_class":255})")
            .body);
    CHECK(open.account == account_named("merchant:42"));
    CHECK(open.name == "merchant:42");
    CHECK(open.asset.text() == "USD/4");
    CHECK(open.account_class == AccountClass::income);
    CHECK(open.limit == Limit(Amount(25'000)));
    CHECK(open.chart_code == "4010");
    CHECK(open.owner == "o-1");
    CHECK(open.risk_class == 255);

    const auto numbered = std::get<OpenAccount>(
        read(
            R"("open_account":{"account":"0123456789abcdef0123456789abcdef","asset":"JPY","class":"asset","limit":"unlimited"})")
            .body);
    CHECK(numbered.account == AccountId(0x0123456789abcdefULL, 0x0123456789abcdefULL));
    CHECK(numbered.name.empty());
    CHECK(numbered.asset.text() == "JPY/0");
    CHECK(numbered.limit.is_unlimited());

    const auto update = std::get<UpdateAccount>(
        read(R"("update_account":{"account":"alice","limit":"unlimited"})").body);
    CHECK(update.limit.value().is_unlimited());
    CHECK(!update.risk_class);
    const auto risk = std::get<UpdateAccount>(
        read(R"("update_account":{"account":"alice","risk_class":0})").body);
    CHECK(risk.risk_class == 0);
    CHECK(!risk.limit);

    CHECK(std::get<FreezeAccount>(
              read(R"("freeze_account":{"account":"alice","block":"debits"})").body)
              .block == Block::debits);
    CHECK(std::get<UnfreezeAccount>(
              read(R"("unfreeze_account":{"account":"alice","block":"both"})").body)
              .block == Block::both);
    CHECK(std::get<CloseAccount>(read(R"("close_account":{"account":"alice"})").body).account ==
          account_named("alice"));

    const auto hold = std::get<PlaceHold>(
        read(
            R"("place_hold":{"debit":"alice","amount":"4","expires_in":"60s","balancing":"debit"})")
            .body);
    CHECK(hold.credit.is_zero());
    CHECK(hold.amount == Amount(400));
    CHECK(hold.expires_in_us == 60'000'000);
    CHECK(hold.balancing == Balancing::debit);

    const auto capture = std::get<CaptureHold>(
        read(R"("capture_hold":{"hold":"h","amount":"3.00","keep_rest":true,"credit":"shop"})")
            .body);
    CHECK(capture.hold == command_named("h"));
    CHECK(capture.account == account_named("alice"));
    CHECK(capture.amount == Amount(300));
    CHECK(capture.keep_rest);
    CHECK(capture.credit == account_named("shop"));
    CHECK(!std::get<CaptureHold>(read(R"("capture_hold":{"hold":"h"})").body).amount);

    CHECK(std::get<ReleaseHold>(read(R"("release_hold":{"hold":"h"})").body).account ==
          account_named("alice"));
    // What the line says itself is believed; the command handler checks it.
    CHECK(std::get<ReleaseHold>(read(R"("release_hold":{"hold":"h","account":"shop"})").body)
              .account == account_named("shop"));
    const auto extend =
        std::get<ExtendHold>(read(R"("extend_hold":{"hold":"h","expires_in":"2h"})").body);
    CHECK(extend.account == account_named("alice"));
    CHECK(extend.expires_in_us == 7'200'000'000);

    CHECK(std::get<Reverse>(read(R"("reverse":{"entry":"e"})").body).account ==
          account_named("alice"));
    const auto refund = std::get<Refund>(
        read(R"("refund":{"entry":"e","amount":"1.00","debit_posting":0,"credit_posting":2})")
            .body);
    CHECK(refund.account == account_named("shop"));
    CHECK(refund.amount == Amount(100));
    CHECK(refund.debit_posting == 0);
    CHECK(refund.credit_posting == 2);
    const auto from = std::get<Refund>(read(R"("refund":{"entry":"e","from":"bank"})").body);
    CHECK(from.account == account_named("bank"));
    CHECK(from.from == account_named("bank"));
    CHECK(!from.amount);
    CHECK(!from.debit_posting);

    const auto entry =
        std::get<PostEntry>(read(R"("post_entry":{"postings":[{"account":"shop","debit":"5.00"},
        {"credit":"0.03","account":"bank"},{"account":"alice","credit":"4.97"}]})")
                                .body);
    REQUIRE(entry.postings.size() == 3);
    CHECK(entry.postings[0] == Posting{account_named("shop"), Side::debit, Amount(500)});
    CHECK(entry.postings[1] == Posting{account_named("bank"), Side::credit, Amount(3)});
    CHECK(entry.postings[2] == Posting{account_named("alice"), Side::credit, Amount(497)});
}

TEST_CASE("validation: a hold or entry that nobody knows leaves the account missing") {
    Intake intake;
    const auto body = [&](std::string_view line) { return std::get<Command>(intake.read(line)); };
    const Command capture = body(R"({"id":"c","capture_hold":{"hold":"h","amount":"3.000"}})");
    CHECK(std::get<CaptureHold>(capture.body).account.is_zero());
    CHECK(std::get<CaptureHold>(capture.body).amount == Amount(3000));
    CHECK(capture.amount_decimals == Scale(3));
    CHECK(std::get<Reverse>(body(R"({"id":"v","reverse":{"entry":"e"}})").body).account.is_zero());
    CHECK(std::get<Refund>(body(R"({"id":"f","refund":{"entry":"e"}})").body).account.is_zero());
}

TEST_CASE("validation: clock and wait") {
    Intake intake;
    const Understood clock = intake.read(R"({"clock":"2026-01-31T23:59:59Z"})");
    REQUIRE(std::holds_alternative<ClockLine>(clock));
    CHECK(std::get<ClockLine>(clock).time == Timestamp(1'769'903'999'000'000));
    CHECK(verdict(intake.read(R"({"wait":true})")) == "wait");
}
