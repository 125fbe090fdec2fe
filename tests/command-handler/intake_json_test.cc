#include "tests/command-handler/intake_support.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_of_file.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace vouch;
using command_handler::CommandJson;
using command_handler::Malformed;
using command_handler::RawLine;

constexpr std::string_view kNoJson = "no JSON: ";

/// JSONTestSuite's documents; empty when the data is absent.
std::vector<fs::path> unpack_json_test_suite(const fs::path& directory) {
    const auto archive = test::find_shared_data("vectors/jsontestsuite.tar.zst");
    if (!archive) return {};
    const std::string command =
        "zstd -dc '" + archive->string() + "' | tar xf - -C '" + directory.string() + "'";
    REQUIRE(std::system(command.c_str()) == 0);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory / "jsontestsuite" / "test_parsing")) {
        files.push_back(entry.path());
    }
    REQUIRE(files.size() > 300);
    return files;
}

std::string outcome_of(std::string_view text) {
    CommandJson json;
    Arena arena;
    RawLine line;
    const std::optional<Malformed> fault = json.read(text, arena, line);
    if (!fault) return "read";
    return (fault->outcome == Outcome::malformed ? "" : "too_large ") + fault->field + ": " +
           fault->detail;
}

}  // namespace

TEST_CASE(
    "command_json: what is no JSON is said with its byte offset, the rest reaches the command's "
    "rules") {
    const test::TemporaryDirectory directory;
    CommandJson json;
    Arena arena;
    RawLine line;
    for (const fs::path& file : unpack_json_test_suite(directory.path())) {
        const std::string text = test::text_of_file(file);
        const std::string name = file.filename().string();
        CAPTURE(name);
        const std::optional<Malformed> fault = json.read(text, arena, line);
        arena.clear();
        if (name.starts_with("i_")) continue;  // either is right; it only must not crash
        REQUIRE(fault);
        CHECK(fault->outcome == Outcome::malformed);
        const bool no_json = fault->detail.starts_with(kNoJson);
        CHECK(no_json == name.starts_with("n_"));
        if (!no_json) continue;
        CHECK(fault->field.empty());
        const std::size_t at = fault->detail.rfind(" at byte ");
        REQUIRE(at != std::string::npos);
        CHECK(std::stoul(fault->detail.substr(at + 9)) <= text.size());
    }
}

TEST_CASE("command_json: every string of JSONTestSuite survives as a context") {
    const test::TemporaryDirectory directory;
    const std::vector<fs::path> files = unpack_json_test_suite(directory.path());
    int survived = 0;
    for (const fs::path& file : files) {
        const std::string name = file.filename().string();
        if (!name.starts_with("y_")) continue;
        // Documents of one string, in brackets or bare, with their escapes as written.
        const std::string text = test::text_of_file(file);
        const std::size_t open = text.find('"');
        const std::size_t close = text.rfind('"');
        if (open == std::string::npos || open == close) continue;
        const std::string token = text.substr(open, close - open + 1);
        const auto expected = nlohmann::json::parse(token, nullptr, false);
        if (!expected.is_string()) continue;
        CAPTURE(name);
        test::Intake intake;
        intake.books.open("a", "EUR/2");
        const auto understood =
            intake.read(R"({"id":"x","close_account":{"account":"a"},"context":)" + token + "}");
        const auto* command = std::get_if<Command>(&understood);
        REQUIRE(command != nullptr);
        CHECK(command->context == expected.get<std::string>());
        ++survived;
    }
    CHECK((files.empty() || survived > 30));
}

TEST_CASE("command_json: syntax errors name the byte") {
    struct Row {
        std::string_view text;
        std::string_view ending;
    };
    static constexpr Row kRows[] = {
        {R"({"id" "x"})", "at byte 6"},
        {R"({"id":"x",})", "at byte 10"},
        {R"({"id":"x"} {)", "at byte 11"},
        {R"({"id":"x")", "at byte 9"},
        {"", "at byte 0"},
        {"nul", "at byte 3"},
        {"{\"id\":\"\xff\"}", "at byte 7"},
        // A fault of meaning before does not hide that the line is no JSON.
        {R"({"unknown":1,"id"})", "at byte 17"},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.text);
        const std::string outcome = outcome_of(row.text);
        CAPTURE(outcome);
        CHECK(outcome.starts_with(": no JSON: "));
        CHECK(outcome.ends_with(row.ending));
    }
}

TEST_CASE("command_json: lone surrogates are no JSON, paired ones are a character") {
    for (const std::string_view bad :
         {R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud800x")"}) {
        CAPTURE(bad);
        const std::string text =
            R"({"id":"x","close_account":{"account":"a"},"context":)" + std::string(bad) + "}";
        CHECK(outcome_of(text).starts_with(": no JSON: "));
    }
    CHECK(outcome_of(R"({"id":"x","close_account":{"account":"a"},"context":"\ud83d\ude00"})") ==
          "read");
}

TEST_CASE("command_json: shape") {
    struct Row {
        std::string_view text;
        std::string_view outcome;
    };
    static constexpr Row kRows[] = {
        {R"([])", ": expected an object with a command, found an array"},
        {R"("x")", ": expected an object with a command, found a string"},
        {R"(null)", ": expected an object with a command, found null"},
        {R"({})", "id: required"},
        {R"({"id":"x"})", ": expected a command: transfer, place_hold, open_account or another"},
        {R"({"id":7})", "id: expected a string, found a number"},
        {R"({"id":["x"]})", "id: expected a string, found an array"},
        {R"({"id":{"x":1}})", "id: expected a string, found an object"},
        {R"({"id":true})", "id: expected a string, found a boolean"},
        {R"({"id":"x","id":"x","close_account":{"account":"a"}})", "id: repeated key"},
        {R"({"ID":"x"})", "ID: unknown key"},
        {R"({"set_clock":{}})", "set_clock: unknown key"},
        {R"({"id":"x","close_account":{"account":"a"},"reverse":{"entry":"e"}})",
         "reverse: expected one command, found close_account beside it"},
        {R"({"id":"x","transfer":"a"})", "transfer: expected an object, found a string"},
        {R"({"id":"x","transfer":[]})", "transfer: expected an object, found an array"},
        {R"({"id":"x","transfer":null})", "transfer: expected an object, found null"},
        {R"({"id":"x","transfer":{"credit":"b","amount":"1"}})", "debit: required in transfer"},
        {R"({"id":"x","transfer":{"debit":"a","credit":"b"}})", "amount: required in transfer"},
        {R"({"id":"x","transfer":{"debit":"a","credit":"b","amount":1}})",
         "amount: expected a string, found a number"},
        {R"({"id":"x","transfer":{"debit":"a","credit":"b","amount":1.00}})",
         "amount: expected a string, found a number with decimals, an exponent or more than 64 "
         "bits"},
        {R"({"id":"x","transfer":{"debit":"a","debit":"b"}})", "debit: repeated key"},
        {R"({"id":"x","transfer":{"memo":"a"}})", "memo: unknown key in transfer"},
        {R"({"id":"x","group":{}})", "group: expected an array, found an object"},
        {R"({"id":"x","group":[]})", "group: expected at least one member"},
        {R"({"id":"x","group":[7]})", "group: expected an object, found a number"},
        {R"({"id":"x","group":[{"id":"y"}]})",
         "group[0]: expected a command: transfer, place_hold, open_account or another"},
        {R"({"id":"x","group":[{"id":"y","close_account":{"account":"a"}},{"id":"z","group":[]}]})",
         "group[1].group: no member of a group may be a group"},
        {R"({"id":"x","group":[{"clock":"2026-01-31T23:59:59Z"}]})", "group[0].clock: unknown key"},
        {R"({"id":"x","group":[{"id":"y","reverse":{}}]})", "group[0].entry: required in reverse"},
        {R"({"id":"x","voucher_type":"sale"})", "voucher_type: unknown key"},
        {R"({"id":"x","principal":"p"})", "principal: unknown key"},
        {R"({"id":"x","id_text":"x"})", "id_text: unknown key"},
        {R"({"id":"x","after":[{"shard":0,"record":1}]})", "after: not supported yet"},
        {R"({"id":"x","value_date":"2026-01-01"})", "value_date: not supported yet"},
        {R"({"id":"x","decided_by":"credit"})", "decided_by: not supported yet"},
        {R"({"id":"x","personal":{}})", "personal: not supported yet"},
        {R"({"id":"x","leads":"a"})", "leads: not supported yet"},
        {R"({"id":"x","group":[{"id":"y","value_date":null}]})",
         "group[0].value_date: not supported yet"},
        {R"({"id":"x","post_entry":{"leads":"a"}})", "leads: not supported yet"},
        {R"({"id":"x","reverse":{"entry_account":"a"}})", "entry_account: not supported yet"},
        {R"({"id":"x","refund":{"entry_account":"a"}})", "entry_account: not supported yet"},
        {R"({"id":"x","references":{}})", "references: expected an array, found an object"},
        {R"({"id":"x","references":["o"]})", "references: expected an object, found a string"},
        {R"({"id":"x","references":[{"type":"order"}]})", "references[0].value: required"},
        {R"({"id":"x","references":[{"type":7}]})",
         "references[0].type: expected a string, found a number"},
        {R"({"id":"x","references":[{"kind":"a"}]})", "references[0].kind: unknown key"},
        {R"({"id":"x","references":[{"type":"a","type":"a"}]})",
         "references[0].type: repeated key"},
        {R"({"id":"x","references":[],"references":[]})", "references: repeated key"},
        {R"({"id":"x","attachments":[{"size":1},{}]})", "attachments[0].digest: required"},
        {R"({"id":"x","attachments":[{"digest":"a"},{"digest":"a","size":"1"}]})",
         "attachments[1].size: expected a whole number, found a string"},
        {R"({"id":"x","attachments":[{"digest":"a","size":-1}]})",
         "attachments[0].size: expected a whole number, found a negative number"},
        {R"({"id":"x","group":[{"id":"y","references":[{"type":"a","value":"b"},7]}]})",
         "group[0].references: expected an object, found a number"},
        {R"({"id":"x","post_entry":{}})", "postings: required in post_entry"},
        {R"({"id":"x","post_entry":{"postings":[]}})", "postings: expected at least two postings"},
        {R"({"id":"x","post_entry":{"postings":["a"]}})",
         "postings: expected an object, found a string"},
        {R"({"id":"x","post_entry":{"postings":[{"account":"a","debit":"1","credit":"1"}]}})",
         "postings[0].credit: expected debit or credit, once"},
        {R"({"id":"x","post_entry":{"postings":[{"account":"a"}]}})",
         "postings[0]: expected debit or credit in a posting"},
        {R"({"id":"x","post_entry":{"postings":[{"account":"a","debit":"1"},{"credit":"1"}]}})",
         "postings[1].account: required in a posting"},
        {R"({"id":"x","post_entry":{"postings":[{"account":"a","side":"debit"}]}})",
         "postings[0].side: unknown key in a posting"},
        {R"({"id":"x","group":[{"id":"y","post_entry":{"postings":[{"account":1}]}}]})",
         "group[0].postings[0].account: expected a string, found a number"},
        {R"({"id":"x","actor":{"name":"n"}})", "actor.name: unknown key"},
        {R"({"id":"x","actor":{"id":"n","id":"n"}})", "actor.id: repeated key"},
        {R"({"id":"x","metadata":{"k":"1","k":"1"}})", "metadata.k: repeated key"},
        {R"({"id":"x","metadata":{"":"1"}})", "metadata.: expected a key of 1 to 64 bytes"},
        {R"({"id":"x","metadata":{"k":1}})", "metadata.k: expected a string, found a number"},
        {R"({"id":"x","ledger":"1"})", "ledger: expected a whole number, found a string"},
        {R"({"id":"x","ledger":-1})", "ledger: expected a whole number, found a negative number"},
        {R"({"id":"x","ledger":-0})", "ledger: expected a whole number, found a negative number"},
        {R"({"id":"x","ledger":1e2})",
         "ledger: expected a whole number, found a number with decimals, an exponent or more than "
         "64 bits"},
        {R"({"id":"x","expected_version":18446744073709551616})",
         "expected_version: expected a whole number, found a number with decimals, an exponent or "
         "more than 64 bits"},
        {R"({"id":"x","capture_hold":{"hold":"h","keep_rest":"true"}})",
         "keep_rest: expected true or false, found a string"},
        {R"({"clock":"2026-01-31T23:59:59Z"})", "read"},
        {R"({"clock":"2026-01-31T23:59:59Z","id":"x"})", "clock: expected no other key beside it"},
        {R"({"wait":true})", "read"},
        {R"({"wait":false})", "wait: expected true"},
        {R"({"wait":true,"clock":"2026-01-31T23:59:59Z"})",
         "clock: expected no other key beside it"},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.text);
        CHECK(outcome_of(row.text) == row.outcome);
    }
}

TEST_CASE("command_json: at most 16 references and 8 attachments") {
    const auto list = [](std::string_view key, std::string_view item, int count) {
        std::string line = R"({"id":"x","close_account":{"account":"a"},")" + std::string(key) + "\":[";
        for (int i = 0; i < count; ++i) line += (i == 0 ? "" : ",") + std::string(item);
        return line + "]}";
    };
    const std::string_view reference = R"({"type":"order","value":"1"})";
    const std::string_view attachment = R"({"digest":"1"})";
    CHECK(outcome_of(list("references", reference, 16)) == "read");
    CHECK(outcome_of(list("references", reference, 17)) == "references: at most 16");
    CHECK(outcome_of(list("attachments", attachment, 8)) == "read");
    CHECK(outcome_of(list("attachments", attachment, 9)) == "attachments: at most 8");
}

TEST_CASE("command_json: what is too large is too_large, not read to its end") {
    const auto repeated = [](std::string_view item, std::size_t count) {
        std::string list(item);
        for (std::size_t i = 1; i < count; ++i) list += "," + std::string(item);
        return list;
    };
    const std::string posting = R"({"account":"a","debit":"1"})";
    const auto entry = [&](std::size_t count) {
        return R"({"id":"x","post_entry":{"postings":[)" + repeated(posting, count) + "]}}";
    };
    CHECK(outcome_of(entry(1000)) == "read");
    CHECK(outcome_of(entry(1001)) ==
          "too_large postings: at most 1000 postings in an entry or group");
    const std::string member = R"({"id":"y","close_account":{"account":"a"}})";
    CHECK(outcome_of(R"({"id":"x","group":[)" + repeated(member, 1000) + "]}") == "read");
    CHECK(outcome_of(R"({"id":"x","group":[)" + repeated(member, 1001) + "]}") ==
          "too_large group: at most 1000 members");
    CHECK(outcome_of(std::string(1024 * 1024 + 1, ' ')) == "too_large : a line of more than 1 MiB");
    CHECK(outcome_of(std::string(100'000, '[')).starts_with(": no JSON: "));

    std::string pairs = R"("k0":"v")";
    for (int i = 1; i < 17; ++i) pairs += ",\"k" + std::to_string(i) + "\":\"v\"";
    CHECK(outcome_of(R"({"id":"x","metadata":{)" + pairs + "}}") == "metadata: at most 16 pairs");
}

TEST_CASE("command_json: a long unknown key is shown in part, cut between characters") {
    std::string key;
    for (int i = 0; i < 40; ++i) key += "é";
    const std::string outcome = outcome_of("{\"" + key + "\":1}");
    CHECK(outcome == key.substr(0, 64) + "…: unknown key");
}
