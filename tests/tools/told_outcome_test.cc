#include "command-handler/intake/command_bodies.h"
#include "command-handler/intake/command_shape.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace vouch;
using nlohmann::json;

namespace {

/// Every kind of command with every key that it takes; some are accepted, some refused.
constexpr std::string_view kEveryKey = R"(
{"id":"o1","ledger":7,"open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","ledger":7,"open_account":{"account":"alice","asset":"EUR/2","class":"liability","limit":"5.00","chart_code":"20.1","owner":"o-1","risk_class":3},"actor":{"id":"ops","address":"10.0.0.1","device":"d-1"},"context":"onboarding","module":"m","ticket":"tk","channel":"ch","metadata":{"a":"b"},"kind":"closing","reason":"why","document_date":"2026-01-31","references":[{"type":"order","value":"r-1"}],"attachments":[{"digest":"0000000000000000000000000000000000000000000000000000000000000001","media_type":"text/csv","size":12}],"trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","expected_version":0,"expires_at":"2100-01-31T00:00:00.000000Z"}
{"id":"o3","ledger":7,"open_account":{"account":"yen","asset":"JPY/0","class":"asset","limit":"7"}}
{"id":"o4","ledger":7,"open_account":{"account":"alice","asset":"USD/2","class":"asset"}}
{"id":"u1","ledger":7,"update_account":{"account":"alice","limit":"9.50","risk_class":0},"metadata":{"k":"v"}}
{"id":"f1","ledger":7,"freeze_account":{"account":"yen","block":"both"},"reason":"a court asked"}
{"id":"f2","ledger":7,"unfreeze_account":{"account":"yen","block":"debits"},"actor":{"id":"ops"}}
{"id":"x1","ledger":7,"close_account":{"account":"yen"},"expected_version":99}
{"id":"t1","ledger":7,"transfer":{"debit":"cash","credit":"alice","amount":"10.00"}}
{"id":"t2","ledger":7,"transfer":{"debit":"alice","credit":"cash","amount":"99.00","balancing":"debit"}}
{"id":"t3","ledger":7,"transfer":{"debit":"alice","credit":"cash","amount":"99.00"},"actor":{"id":"u-7"},"context":"order-9"}
{"id":"e1","ledger":7,"post_entry":{"postings":[{"account":"cash","debit":"3.00"},{"account":"alice","credit":"2.00"},{"account":"alice","credit":"1.00"}]}}
{"id":"h1","ledger":7,"place_hold":{"debit":"alice","credit":"cash","amount":"1.00","balancing":"both","expires_in":"7d"}}
{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","ledger":7,"place_hold":{"debit":"alice","amount":"0.50"}}
{"id":"c1","ledger":7,"capture_hold":{"hold":"01ARZ3NDEKTSV4RRFFQ69G5FAV","amount":"0.25","keep_rest":true,"credit":"cash","account":"alice"}}
{"id":"x2","ledger":7,"extend_hold":{"hold":"01ARZ3NDEKTSV4RRFFQ69G5FAV","expires_in":"90m","account":"alice"}}
{"id":"r1","ledger":7,"release_hold":{"hold":"h1","account":"alice"}}
{"id":"f3","ledger":7,"refund":{"entry":"e1","amount":"0.10","from":"alice","debit_posting":0,"credit_posting":1,"account":"alice"}}
{"id":"v1","ledger":7,"reverse":{"entry":"t1","account":"alice"}}
{"id":"g1","ledger":7,"group":[{"id":"m1","transfer":{"debit":"cash","credit":"alice","amount":"1.00"},"context":"m"},{"id":"m2","close_account":{"account":"alice"}}]}
{"id":"g2","ledger":7,"group":[{"id":"m3","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}},{"id":"m1","transfer":{"debit":"cash","credit":"alice","amount":"1.00"},"context":"m"}],"context":"both"}
)";

std::vector<json> lines_of(std::string_view text) {
    std::vector<json> lines;
    for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos;
         text.remove_prefix(end + 1)) {
        if (end > 0) lines.push_back(json::parse(text.substr(0, end)));
    }
    return lines;
}

}  // namespace

TEST_CASE("outcome: a command is told as it was sent, accepted or refused, on any shard") {
    std::map<std::string, std::set<std::string>> sent_keys;
    const std::vector<json> sent = lines_of(kEveryKey);
    for (const std::string shards : {"1", "4"}) {
        const test::Program program;
        REQUIRE(program.submit(std::string(kEveryKey), {"--create", "--shards", shards}).exit == 0);
        std::size_t accepted = 0;
        for (const json& command : sent) {
            CAPTURE(command.dump());
            const std::string id = command["id"];
            const auto ask = [&](const std::string& form) {
                return program.run({"outcome", id, "--ledger", "7", "--data",
                                    program.books().string(), form});
            };
            const json told = json::parse(ask("--json").out);
            CHECK(told["asked"] == command);
            const std::string kind = told["command"];
            REQUIRE(command.contains(kind));
            if (told["accepted"] == true) ++accepted;
            for (const auto& [key, value] : command[kind].items()) sent_keys[kind].insert(key);
        }
        CHECK(accepted > 5);
        CHECK(accepted + 4 <= sent.size());
    }
    // What no line above says is not tested: each key of each kind is said.
    for (const CommandKind& kind : kCommandKinds) {
        for (const command_handler::Key& key : command_handler::body_keys(kind)) {
            if (key.type == command_handler::ValueType::unsupported) continue;
            CAPTURE(kind.word);
            CAPTURE(key.name);
            CHECK(sent_keys[std::string(kind.word)].contains(std::string(key.name)));
        }
    }
}

TEST_CASE("outcome: for people, with who asked for a refusal and why, and a group's members") {
    const test::Program program;
    const test::ProgramResult told = program.submit(std::string(kEveryKey), {"--create"});
    REQUIRE(told.exit == 0);
    const auto ask = [&](const std::string& question, const std::string& id) {
        return program.run({question, id, "--ledger", "7", "--data", program.books().string()}).out;
    };
    const auto has = [](const std::string& text, const std::string& name,
                        const std::string& value) {
        const std::size_t at = text.find("\n" + name + " ");
        if (at == std::string::npos) return false;
        const std::size_t end = text.find('\n', at + 1);
        return text.substr(at, end - at).ends_with(" " + value);
    };
    const std::string refused = ask("outcome", "t3");
    CAPTURE(refused);
    CHECK(has(refused, "asked", "transfer"));
    CHECK(has(refused, "  debit", "alice"));
    CHECK(has(refused, "  credit", "cash"));
    CHECK(has(refused, "  amount", "99.00"));
    CHECK(has(refused, "  actor", "u-7"));
    CHECK(has(refused, "  context", "order-9"));
    const std::string frozen = ask("outcome", "f1");
    CAPTURE(frozen);
    CHECK(has(frozen, "  reason", "a court asked"));
    CHECK(has(frozen, "  block", "both"));
    // Ids of others come back as they were sent.
    CHECK(has(ask("entry", "c1"), "of", "01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    CHECK(has(ask("outcome", "v1"), "  entry", "t1"));
    CHECK(has(ask("outcome", "m1"), "member of", "g1"));
    const std::string group = ask("outcome", "g1");
    CAPTURE(group);
    CHECK(has(group, "failed", "m2"));
    CHECK(has(group, "  member", "m1, transfer"));
    CHECK(has(group, "    amount", "1.00"));
    // One that failed by a member that had failed with another group names that one.
    CHECK(has(ask("outcome", "g2"), "failed", "m1"));
    const std::string line = told.lines().back();
    CHECK_MESSAGE(json::parse(line)["failed"] == "m1", line);
    CHECK(program.submit(std::string(kEveryKey)).lines().back() == line);
}

TEST_CASE("outcome: a member that had an outcome before its group failed is told to have one") {
    const test::Program program;
    const std::string pay = R"({"id":"p","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}})";
    const std::string more = R"({"id":"n","transfer":{"debit":"cash","credit":"alice","amount":"2.00"}})";
    const std::string lost = R"({"id":"m","transfer":{"debit":"alice","credit":"cash","amount":"9.00"}})";
    const std::string lines = R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
)" + pay + "\n" + R"({"id":"g1","group":[)" + more + ',' + lost + "]}\n" +
                              R"({"id":"g2","group":[)" + pay + ',' + more + "]}\n";
    const test::ProgramResult told = program.submit(lines, {"--create"});
    const auto check = [](const json& group) {
        CAPTURE(group.dump());
        CHECK(group["outcome"] == "group_failed");
        CHECK(group["failed"] == "n");
        CHECK(group["outcomes"][0]["outcome"] == "group_failed");
        CHECK(group["outcomes"][0]["seen_before"] == true);
    };
    check(json::parse(told.lines().back()));
    CHECK(!json::parse(told.lines()[3])["outcomes"][0].contains("seen_before"));
    CHECK(program.submit(lines).lines().back() == told.lines().back());
    // In one that is done, a member that moves nothing is told so by line and question alike.
    const std::string new_one =
        R"({"id":"k","transfer":{"debit":"cash","credit":"alice","amount":"3.00"}})";
    const std::string again =
        R"({"id":"g3","group":[)" + pay + ',' + new_one + ',' + new_one + "]}\n";
    const json done = json::parse(program.submit(again).lines().back());
    CAPTURE(done.dump());
    CHECK(done["outcomes"] == json::parse(program.run({"outcome", "g3", "--json", "--data",
                                                       program.books().string()})
                                              .out)["outcomes"]);
    CHECK(done["outcomes"][0]["repeated"] == true);
    CHECK(!done["outcomes"][1].contains("repeated"));
    CHECK(done["outcomes"][2]["repeated"] == true);
    check(json::parse(
        program.run({"outcome", "g2", "--json", "--data", program.books().string()}).out));
}

TEST_CASE("outcome: a conflict that is recorded can be read, by its line and under its id") {
    const test::Program program;
    REQUIRE(program.submit(std::string(kEveryKey), {"--create"}).exit == 0);
    const json pay = json::parse(
        R"({"id":"t1","ledger":7,"transfer":{"debit":"cash","credit":"alice","amount":"777.00"},"context":"order-9"})");
    const json close = json::parse(R"({"id":"t1","ledger":7,"close_account":{"account":"alice"}})");
    const test::ProgramResult told = program.submit(pay.dump() + '\n' + close.dump() + '\n');
    const auto ask = [&](const std::vector<std::string>& more) {
        std::vector<std::string> arguments = {"outcome", "t1", "--ledger", "7"};
        arguments.insert(arguments.end(), {"--data", program.books().string()});
        arguments.insert(arguments.end(), more.begin(), more.end());
        return program.run(arguments).out;
    };
    const json outcome = json::parse(ask({"--json"}));
    CHECK(outcome["outcome"] == "posted");
    const json conflicts = outcome["conflicts"];
    REQUIRE(conflicts.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        const json line = json::parse(told.lines().at(i));
        CAPTURE(line.dump());
        CHECK(line["outcome"] == "conflict");
        CHECK(line["recorded"] == true);
        for (const std::string key : {"shard", "record", "event"}) {
            CHECK(line["first"][key] == outcome[key]);
            CHECK(line[key] == conflicts[i][key]);
        }
        CHECK(line["event"] != outcome["event"]);
        CHECK(conflicts[i]["asked"] == (i == 0 ? pay : close));
    }
    CHECK(!outcome.contains("more_conflicts"));
    CHECK(ask({}).find("777.00") != std::string::npos);
    std::string many;
    for (int i = 0; i < 20; ++i) many += close.dump() + '\n';
    program.submit(many);
    const json full = json::parse(ask({"--json"}));
    CHECK(full["conflicts"].size() == 20);
    CHECK(full["more_conflicts"] == true);

    // Large ones are fewer.
    std::string postings;
    for (int i = 0; i < 500; ++i) {
        postings += R"({"account":"cash","debit":"1.00"},{"account":"alice","credit":"1.00"},)";
    }
    postings.pop_back();
    const std::string large =
        R"({"id":"h1","ledger":7,"post_entry":{"postings":[)" + postings + "]}}\n";
    const json refused = json::parse(program.submit(large + large + large + large).lines().at(0));
    REQUIRE(refused["outcome"] == "conflict");
    const json few = json::parse(program.run({"outcome", "h1", "--ledger", "7", "--json", "--data",
                                              program.books().string()})
                                     .out);
    CHECK(few["conflicts"].size() > 0);
    CHECK(few["conflicts"].size() < 4);
    CHECK(few["more_conflicts"] == true);
}

TEST_CASE("outcome: an account named by a number of 26 digits is shown by it everywhere") {
    const std::string number = "12345678901234567890123456";
    const test::Program program;
    const std::string books = program.books().string();
    const std::string lines = R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"NUMBER","asset":"EUR/2","class":"liability"}}
{"id":"t1","transfer":{"debit":"cash","credit":"NUMBER","amount":"10.00"}}
{"id":"h1","place_hold":{"debit":"NUMBER","credit":"cash","amount":"4.00"}}
{"id":"t2","transfer":{"debit":"cash","credit":"79999999999999999999999999","amount":"10.00"}}
)";
    std::string named = lines;
    for (std::size_t at = 0; (at = named.find("NUMBER")) != std::string::npos;)
        named.replace(at, 6, number);
    REQUIRE(program.submit(named, {"--create"}).exit == 0);
    for (const std::vector<std::string>& question : {std::vector<std::string>{"account", number},
                                                     {"balance", number},
                                                     {"balance", "--all"},
                                                     {"statement", number},
                                                     {"entry", "t1"},
                                                     {"hold", "h1"},
                                                     {"outcome", "h1"}}) {
        std::vector<std::string> arguments = question;
        arguments.insert(arguments.end(), {"--data", books, "--json"});
        const test::ProgramResult told = program.run(arguments);
        CAPTURE(question[0]);
        CHECK(told.exit == 0);
        CHECK_MESSAGE(told.out.find('"' + number + '"') != std::string::npos, told.out);
    }
    const json refused = json::parse(program.run({"outcome", "t2", "--data", books, "--json"}).out);
    CHECK(refused["account"] == "79999999999999999999999999");
    // In the other case it is a name like any other, and asked for as one.
    for (const std::string question : {"account", "outcome"}) {
        const test::ProgramResult told =
            program.run({question, "01arz3ndektsv4rrffq69g5fav", "--data", books});
        CHECK(told.exit == 5);
    }
}

TEST_CASE("outcome: amounts are told as they were sent, whoever was unknown, and opened later") {
    const test::Program program;
    const auto line = [](const std::string& id, const std::string& body) {
        return R"({"id":")" + id + "\"," + body + "}\n";
    };
    const auto open = [&](const std::string& name, const std::string& asset) {
        return line("o-" + name, R"("open_account":{"account":")" + name + R"(","asset":")" + asset +
                                     R"(","class":"asset","limit":"unlimited"})");
    };
    const auto posting = [](const std::string& account, const std::string& side,
                            const std::string& amount) {
        return R"({"account":")" + account + R"(",")" + side + R"(":")" + amount + R"("})";
    };
    REQUIRE(program.submit(open("eur", "EUR/2") + open("jpy", "JPY/0"), {"--create"}).exit == 0);
    const std::string refused =
        line("t", R"("transfer":{"debit":"nobody","credit":"eur","amount":"9.00"})") +
        line("h", R"("place_hold":{"debit":"nobody","credit":"eur","amount":"0.50"})") +
        line("e", R"("post_entry":{"postings":[)" + posting("eur", "debit", "1.00") + "," +
                      posting("eur", "credit", "1.00") + "," + posting("jpy", "debit", "100") +
                      "," + posting("nobody", "credit", "100.5") + "]}");
    for (int sent = 0; sent < 2; ++sent) {
        for (const std::string& told : program.submit(refused).lines())
            CHECK(json::parse(told)["outcome"] == "account_not_found");
    }
    REQUIRE(program.submit(open("nobody", "XAU/6")).exit == 0);
    const auto asked = [&](const std::string& id) {
        const test::ProgramResult told =
            program.run({"outcome", id, "--data", program.books().string(), "--json"});
        return json::parse(told.out)["asked"];
    };
    CHECK(asked("t")["transfer"]["amount"] == "9.00");
    CHECK(asked("h")["place_hold"]["amount"] == "0.50");
    std::string amounts;
    const json entry = asked("e");
    for (const json& each : entry["post_entry"]["postings"])
        amounts += each.value("debit", each.value("credit", "")) + " ";
    CHECK(amounts == "1.00 1.00 100 100.5 ");
    // A group that failed has opened nothing, and says itself what its accounts would have been.
    const auto group = [&](const std::string& id) {
        std::string members = open("x" + id, "EUR/2");
        for (const std::string& more :
             {open("z" + id, "EUR/2"),
              line("p" + id, R"("transfer":{"debit":"x)" + id + R"(","credit":"z)" + id +
                                 R"(","amount":"9.00"})"),
              line("q" + id, R"("transfer":{"debit":"x)" + id +
                                 R"(","credit":"jpy","amount":"7.50"})")})
            members += "," + more;
        std::erase(members, '\n');
        return R"({"id":"g)" + id + R"(","group":[)" + members + "]}\n";
    };
    const json failed = json::parse(program.submit(group("1")).lines()[0]);
    CHECK(failed["outcome"] == "group_failed");
    CHECK(asked("p1")["transfer"]["amount"] == "9.00");
    CHECK(asked("p1")["transfer"]["debit"] == "x1");
    const json whole = asked("g1");
    CHECK(whole["group"][2]["transfer"]["amount"] == "9.00");
    CHECK(whole["group"][3]["transfer"]["amount"] == "7.50");
    // Also where the account is open already, with another scale.
    REQUIRE(program.submit(open("x3", "JPY/0")).exit == 0);
    CHECK(json::parse(program.submit(group("3")).lines()[0])["outcome"] == "group_failed");
    CHECK(asked("p3")["transfer"]["amount"] == "9.00");
    CHECK(asked("g3")["group"][3]["transfer"]["amount"] == "7.50");
    // What is opened behind says nothing.
    std::string behind =
        line("e2", R"("post_entry":{"postings":[)" + posting("eur", "debit", "1.00") + "," +
                       posting("y", "credit", "1.000") + "]}") + "," + open("y", "EUR/2");
    std::erase(behind, '\n');
    REQUIRE(program.submit(R"({"id":"g2","group":[)" + behind + "]}\n").exit == 0);
    const json early = asked("e2");
    CHECK(early["post_entry"]["postings"][0]["debit"] == "1.00");
    CHECK(early["post_entry"]["postings"][1]["credit"] == "1.000");
}

TEST_CASE("outcome: what nobody confirmed of an account counts for no amount, also in a group") {
    const test::Program program;
    const auto open = [](const std::string& id, const std::string& name, const std::string& asset) {
        return R"({"id":")" + id + R"(","open_account":{"account":")" + name + R"(","asset":")" +
               asset + R"(","class":"asset","limit":"unlimited"}})" + "\n";
    };
    REQUIRE(program.submit(open("ox", "x", "JPY/0") + open("oj", "j", "JPY/0"), {"--create"}).exit ==
            0);
    const auto group = [](const std::string& id, const std::string& first,
                          const std::string& then) {
        return R"({"id":"g)" + id + R"(","group":[{"id":"a)" + id + "\"," + first +
               R"(},{"id":"b)" + id + "\"," + then + "}]}\n";
    };
    // The opening is refused; what it said of x moves no money.
    const test::ProgramResult done = program.submit(
        open("ox2", "x", "EUR/2") +
        group("1", R"("transfer":{"debit":"j","credit":"x","amount":"10000"})",
              R"("refund":{"entry":"a1","amount":"30"})") +
        group("2", R"("place_hold":{"debit":"x","amount":"5000"})",
              R"("capture_hold":{"hold":"a2","credit":"j","amount":"40"})"),
        {"--one-at-a-time"});
    CHECK(short_outcomes(done) ==
          std::vector<std::string>{"ox2 account_exists", "g1 done", "g2 done"});
    const test::ProgramResult all =
        program.run({"balance", "--all", "--json", "--data", program.books().string()});
    CHECK(all.out.find("9930") != all.out.npos);
    const auto told = [&](const std::string& id) {
        return json::parse(
            program.run({"outcome", id, "--data", program.books().string(), "--json"}).out);
    };
    CHECK(told("b1")["asked"]["refund"]["amount"] == "30");
    // Of one that nobody ever opened it is told as it was sent.
    REQUIRE(program.submit(R"({"id":"o3","expected_version":5,)" +
                           open("o3", "y", "EUR/2").substr(std::string(R"({"id":"o3",)").size()) +
                           group("3", R"("place_hold":{"debit":"y","amount":"1.00"})",
                                 R"("capture_hold":{"hold":"a3","amount":"0.50"})"))
                .exit == 0);
    CHECK(told("b3")["asked"]["capture_hold"]["amount"] == "0.50");
    // Whoever is opened later was not there.
    REQUIRE(program.submit(open("oy", "y", "XAU/6")).exit == 0);
    CHECK(told("a3")["outcome"] == "account_not_found");
    CHECK_FALSE(told("a3").contains("asset"));
}

TEST_CASE("outcome: the facts of a group that failed are those of the accounts that it would open") {
    const test::Program program;
    const auto open = [](const std::string& id, const std::string& name, const std::string& asset,
                         const std::string& limit, const std::string& account_class = "asset") {
        return R"({"id":")" + id + R"(","open_account":{"account":")" + name + R"(","asset":")" +
               asset + R"(","class":")" + account_class + R"(","limit":")" + limit + "\"}}";
    };
    REQUIRE(program.submit(open("oe", "eur", "EUR/2", "unlimited") + "\n", {"--create"}).exit == 0);
    const std::string pay = R"("transfer":{"debit":"eur","credit":"x","amount":")";
    const std::string group = R"({"id":"g","group":[)" + open("o", "x", "EUR/2", "7.00") +
                              R"(,{"id":"a",)" + pay + R"(1.00"}},{"id":"b",)" + pay +
                              "9.00\"}}]}\n";
    const json first = json::parse(program.submit(group).lines()[0]);
    CHECK(first["outcome"] == "group_failed");
    CHECK(first["available"] == "6.00");
    REQUIRE(program.submit(open("ox", "x", "XAU/6", "unlimited") + "\n").exit == 0);
    CHECK(json::parse(program.submit(group).lines()[0])["available"] == "6.00");
    for (const std::string id : {"g", "b"}) {
        const json told = json::parse(
            program.run({"outcome", id, "--json", "--data", program.books().string()}).out);
        CAPTURE(told.dump());
        CHECK(told["available"] == "6.00");
        CHECK(told["asset"] == "EUR/2");
        CHECK(told["account"] == "x");
    }
    // Whoever had been refused before has the facts of then, not by what is opened now.
    const auto with_hold = [&](const std::string& id, const std::string& asset,
                               const std::string& limit, const std::string& amount) {
        return R"({"id":")" + id + R"(","group":[)" +
               open("o" + id, "y", asset, limit, "liability") +
               R"(,{"id":"h","place_hold":{"debit":"y","amount":")" + amount + "\"}}]}\n";
    };
    const json held = json::parse(
        program.submit(with_hold("g1", "XAU/6", "0.500000", "1.000000")).lines()[0]);
    CHECK_MESSAGE(held.value("available", "") == "0.500000", held.dump());
    const json again = json::parse(
        program.submit(with_hold("g2", "EUR/2", "unlimited", "10000.00")).lines()[0]);
    CHECK_MESSAGE(again["outcome"] == "group_failed", again.dump());
    CHECK_FALSE(again.contains("available"));
    // Where it opens nothing itself the account's asset is that of then, too.
    REQUIRE(program.submit(open("ow", "w", "EUR/2", "3.00", "liability") + "\n").exit == 0);
    const std::string lone = R"({"id":"t","transfer":{"debit":"w","credit":"eur","amount":"9.00"}})";
    CHECK(json::parse(program.submit(lone + "\n").lines()[0])["available"] == "3.00");
    const std::string with_lone =
        R"({"id":"g4","group":[)" + lone +
        R"(,{"id":"u","transfer":{"debit":"w","credit":"eur","amount":"1.00"}}]})" + "\n";
    for (int sent = 0; sent < 2; ++sent) {
        const json told = json::parse(program.submit(with_lone).lines()[0]);
        CAPTURE(told.dump());
        CHECK(told["available"] == "3.00");
        CHECK(told["outcomes"][0]["seen_before"] == true);
    }
    const std::string opened_before =
        R"({"id":"g5","group":[)" + open("ow", "w", "EUR/2", "3.00", "liability") + ',' + lone +
        "]}\n";
    CHECK(json::parse(program.submit(opened_before).lines()[0])["available"] == "3.00");
    // What is held on the other side is not told as nothing.
    const std::string used =
        R"({"id":"g3","group":[)" + open("o3", "z", "EUR/2", "unlimited") +
        R"(,{"id":"h3","place_hold":{"debit":"z","credit":"eur","amount":"1.00"}})" +
        R"(,{"id":"c3","close_account":{"account":"z"}}]})" + "\n";
    CHECK(json::parse(program.submit(used).lines()[0])["outcome"] == "group_failed");
    CHECK(json::parse(program.run({"outcome", "g5", "--json", "--data", program.books().string()})
                          .out)["available"] == "3.00");
    for (const std::string id : {"g2", "g3"}) {
        const json told = json::parse(
            program.run({"outcome", id, "--json", "--data", program.books().string()}).out);
        CAPTURE(told.dump());
        CHECK(told.value("available", "") == (id == "g2" ? "500000" : "unlimited"));
        CHECK(told.contains("held") == (id == "g2"));
    }
}

TEST_CASE("outcome: of a member refused before its account was open, the amounts are told as sent") {
    const test::Program program;
    const std::string hold = R"({"id":"h","place_hold":{"debit":"x","amount":"5.00"}})";
    const std::string limit = R"({"id":"u","update_account":{"account":"x","limit":"100.00"}})";
    REQUIRE(program.submit(hold + '\n', {"--create"}).exit == 0);
    const std::string open =
        R"({"id":"o","open_account":{"account":"x","asset":"EUR/2","class":"asset","limit":"unlimited"}})";
    REQUIRE(program.submit(open + '\n').exit == 0);
    const json failed = json::parse(
        program.submit(R"({"id":"g","group":[)" + limit + ',' + hold + "]}\n").lines()[0]);
    CHECK(failed["outcome"] == "group_failed");
    CHECK(failed["failed"] == "h");
    const auto ask = [&](const char* id) {
        return json::parse(
            program.run({"outcome", id, "--json", "--data", program.books().string()}).out)["asked"];
    };
    CHECK(ask("g")["group"][0]["update_account"]["limit"] == "100.00");
    CHECK(ask("g")["group"][1]["place_hold"]["amount"] == "5.00");
    CHECK(ask("u")["update_account"]["limit"] == "100.00");
}

TEST_CASE("outcome: a group sent again names the member that had failed with an earlier group") {
    const test::Program program;
    REQUIRE(program
                .submit(R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2",)"
                        R"("class":"asset","limit":"unlimited"}})"
                        "\n"
                        R"({"id":"o2","open_account":{"account":"alice","asset":"EUR/2",)"
                        R"("class":"liability"}})"
                        "\n",
                        {"--create"})
                .exit == 0);
    // Long texts, so that what is read of it does not fit where the group was read.
    const std::string context = R"(,"context":")" + std::string(200, 'x') + '"';
    const auto pay = [&](const std::string& id, const std::string& payer) {
        return R"({"id":")" + id + R"(","transfer":{"debit":")" + payer +
               R"(","credit":"alice","amount":"1.00"})" + context + '}';
    };
    std::string many = pay("n0", "cash");
    for (int i = 1; i < 100; ++i) many += "," + pay("n" + std::to_string(i), "cash");
    const std::string first = R"({"id":"g1","group":[)" + many + "," + pay("m", "nobody") + "]}\n";
    const std::string second =
        R"({"id":"g2","group":[)" + pay("c", "cash") + "," + pay("n5", "cash") + "]}\n";
    CHECK(json::parse(program.submit(first).lines()[0])["failed"] == "m");
    for (int sent = 0; sent < 3; ++sent) {
        const json told = json::parse(program.submit(second).lines()[0]);
        CAPTURE(told.dump());
        CHECK(told["outcome"] == "group_failed");
        CHECK(told["failed"] == "n5");
        CHECK(told["outcomes"][1]["seen_before"] == true);
    }
}

TEST_CASE("outcome: who was not there when an entry was refused says nothing of its amounts") {
    const test::Program program;
    const auto open = [](const std::string& name) {
        return R"({"id":"o-)" + name + R"(","open_account":{"account":")" + name +
               R"(","asset":"EUR/2","class":"asset","limit":"unlimited"}})" + "\n";
    };
    // The test clock stands: on the other shard all is of one time.
    REQUIRE(program.submit(open("eur"), {"--create", "--shards", "2", "--test-clock"}).exit == 0);
    std::string entries;
    std::string opened;
    for (const std::string name : {"y0", "y1", "y2", "y3"}) {
        entries += R"({"id":"e-)" + name + R"(","post_entry":{"postings":[)" +
                   R"({"account":"eur","debit":"1.00"},{"account":")" + name +
                   R"(","credit":"1.000"}]}})" + "\n";
        opened += open(name);
    }
    REQUIRE(program.submit(entries).exit == 0);
    REQUIRE(program.submit(opened).exit == 0);
    for (const std::string name : {"y0", "y1", "y2", "y3"}) {
        const json told = json::parse(
            program.run({"outcome", "e-" + name, "--json", "--data", program.books().string()})
                .out);
        const json& postings = told["asked"]["post_entry"]["postings"];
        CHECK(told["accepted"] == false);
        CHECK(postings[0]["debit"] == "1.00");
        CHECK(postings[1]["credit"] == "1.000");
    }
}

TEST_CASE("outcome: a refund that must name its postings stops nobody, whenever it is sent") {
    const test::Program program;
    const std::string open = R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
{"id":"e1","post_entry":{"postings":[{"account":"cash","debit":"3.00"},{"account":"alice","credit":"2.00"},{"account":"alice","credit":"1.00"}]}}
)";
    const auto outcomes = [&](const std::string& lines, const std::vector<std::string>& more) {
        const test::ProgramResult told = program.submit(lines, more);
        CHECK(told.exit == 0);
        std::string words;
        for (const std::string& line : told.lines()) {
            const json outcome = json::parse(line);
            words += outcome["outcome"].get<std::string>() + ' ';
            if (outcome.contains("field")) words += outcome["field"].get<std::string>() + ' ';
            if (outcome["outcome"] == "entry_not_found") CHECK(outcome["recorded"] == false);
        }
        return words;
    };
    const std::string refund = R"({"id":"r1","refund":{"entry":"e1"}})"
                               "\n";
    const std::string pay = R"({"id":"p","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}})"
                            "\n";
    const std::string lacking = "entry_not_found debit_posting ";
    CHECK(outcomes(open + refund + pay, {"--create"}) ==
          "opened opened posted " + lacking + "posted ");
    CHECK(outcomes(refund + pay, {}) == lacking + "posted ");
    CHECK(program.run({"submit", "-", "--check"}, open + refund).exit == 0);
    // Its id is free.
    CHECK(outcomes(R"({"id":"r1","refund":{"entry":"e1","debit_posting":0,"credit_posting":1,"amount":"1.00"}})"
                   "\n",
                   {}) == "refunded ");
}

TEST_CASE("outcome: a line says which account there is not, as the line named it, on any shard") {
    for (const std::string shards : {"1", "4"}) {
        const test::Program program;
        std::string lines =
            R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}})"
            "\n";
        const std::vector<std::string> missing = {"nobody", "merchant~pending", "支付宝",
                                                  "12345678901234567890123456"};
        for (std::size_t i = 0; i < missing.size(); ++i) {
            const std::string number = std::to_string(i);
            lines += R"({"id":"t)" + number + R"(","transfer":{"debit":"cash","credit":")" +
                     missing[i] + R"(","amount":"1.00"}})" + "\n";
            lines += R"({"id":"g)" + number + R"(","group":[{"id":"m)" + number +
                     R"(","close_account":{"account":")" + missing[i] + "\"}}]}\n";
        }
        const test::ProgramResult told = program.submit(lines, {"--create", "--shards", shards});
        const std::vector<std::string> outcomes = told.lines();
        REQUIRE(outcomes.size() == 1 + 2 * missing.size());
        for (std::size_t i = 1; i < outcomes.size(); ++i) {
            CAPTURE(outcomes[i]);
            CHECK(json::parse(outcomes[i])["account"] == missing[(i - 1) / 2]);
        }
        // The same for a repeat.
        CHECK(program.submit(lines).out == told.out);
    }
}
