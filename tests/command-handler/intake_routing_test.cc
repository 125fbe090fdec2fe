#include "command-handler/intake/routing.h"
#include "events/money/shard_of.h"
#include "tests/command-handler/intake_support.h"

#include <doctest/doctest.h>

#include <set>
#include <span>
#include <string>
#include <utility>

using namespace vouch;
using namespace vouch::command_handler;
using test::verdict;

namespace {

using Ids = std::set<std::pair<std::uint64_t, std::uint64_t>>;

template <class AnyId>
std::pair<std::uint64_t, std::uint64_t> halves(AnyId id) {
    return {id.high(), id.low()};
}

Ids touched(const Command& command, std::span<const AccountId> behind = {}) {
    Ids ids;
    visit_touched(command, behind, [&](const Touched& id) {
        CHECK(id.ledger == command.ledger);
        ids.emplace(id.high, id.low);
    });
    return ids;
}

}  // namespace

TEST_CASE("routing: the deciding account says the shard") {
    test::Intake intake;
    for (const auto name : {"a", "b", "c", "d", "e"}) intake.books.open(name, "EUR/2");
    struct Row {
        std::string_view line;
        std::string_view account;
    };
    static constexpr Row kRows[] = {
        {R"({"id":"t","transfer":{"debit":"a","credit":"b","amount":"1"}})", "a"},
        {R"({"id":"h","place_hold":{"debit":"b","credit":"a","amount":"1"}})", "b"},
        {R"({"id":"c","capture_hold":{"hold":"h"}})", "b"},
        {R"({"id":"x","extend_hold":{"hold":"h","expires_in":"1s"}})", "b"},
        {R"({"id":"r","release_hold":{"hold":"h"}})", "b"},
        {R"({"id":"e","post_entry":{"postings":[{"account":"c","credit":"1"},{"account":"d","debit":"1"}]}})",
         "d"},
        {R"({"id":"v","reverse":{"entry":"t"}})", "b"},
        {R"({"id":"f","refund":{"entry":"e"}})", "c"},
        {R"({"id":"f2","refund":{"entry":"e","from":"e"}})", "e"},
        {R"({"id":"o","open_account":{"account":"z","asset":"EUR/2","class":"asset"}})", "z"},
        {R"({"id":"g","group":[{"id":"g1","close_account":{"account":"e"}},{"id":"g2","reverse":{"entry":"t"}}]})",
         "e"},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.line);
        const Understood understood = intake.read(row.line);
        REQUIRE(verdict(understood) == "command");
        for (const std::uint32_t shards : {1U, 4U, 7U}) {
            CHECK(route(std::get<Command>(understood), shards) ==
                  shard_of(test::account_named(row.account), shards));
        }
    }
}

TEST_CASE(
    "routing: a command touches its own id, its accounts, hold and entry, and those of its "
    "members") {
    test::Intake intake;
    for (const auto name : {"a", "b", "c"}) intake.books.open(name, "EUR/2");
    const auto account = [](std::string_view name) { return halves(test::account_named(name)); };
    const auto command = [](std::string_view name) { return halves(test::command_named(name)); };

    const Understood group = intake.read(
        R"({"id":"g","group":[{"id":"h","place_hold":{"debit":"a","amount":"1"}},
            {"id":"k","capture_hold":{"hold":"h","credit":"b"}},
            {"id":"f","refund":{"entry":"k","from":"c"}}]})");
    REQUIRE(verdict(group) == "command");
    CHECK(touched(std::get<Command>(group)) == Ids{command("g"), command("h"), command("k"),
                                                   command("f"), account("a"), account("b"),
                                                   account("c")});
}

TEST_CASE("routing: where several shards decide, a command touches what its hold or entry is about") {
    test::FakeBooks books;
    for (const auto name : {"a", "b"}) books.open(name, "EUR/2");
    books.holds[id_text(test::command_named("h"))] = {.certainty = Certainty::certain,
                                                      .payer = test::account_named("a"),
                                                      .payee = test::account_named("b")};
    books.entries[id_text(test::command_named("e"))] = {
        .certainty = Certainty::certain,
        .postings = {{test::account_named("a"), Side::debit},
                     {test::account_named("b"), Side::credit}}};
    static constexpr std::string_view kLines[] = {
        R"({"id":"x","capture_hold":{"hold":"h"}})",
        R"({"id":"x","capture_hold":{"hold":"h","account":"a"}})",
        R"({"id":"x","release_hold":{"hold":"h","account":"a"}})",
        R"({"id":"x","extend_hold":{"hold":"h","expires_in":"1s","account":"a"}})",
        R"({"id":"x","reverse":{"entry":"e"}})",
        R"({"id":"x","reverse":{"entry":"e","account":"b"}})",
        R"({"id":"x","refund":{"entry":"e","account":"b"}})",
        R"({"id":"x","refund":{"entry":"e","from":"b"}})",
        R"({"id":"g","group":[{"id":"x","refund":{"entry":"e","amount":"1.00"}}]})",
    };
    for (const std::string_view line : kLines) {
        CAPTURE(line);
        for (const std::uint32_t shards : {1U, 4U}) {
            StreamDirectory directory(books, shards);
            CommandJson json;
            RawLine raw;
            Arena arena;
            REQUIRE(!json.read(line, arena, raw));
            const int questions = books.questions;
            const Understood understood = understand(raw, 1, directory, arena);
            REQUIRE(verdict(understood) == "command");
            const Ids ids = touched(std::get<Command>(understood), directory.behind());
            const bool is_told = line.find("account") != line.npos || line.find("from") != line.npos;
            if (shards == 1 && is_told) {
                // Nothing is asked for the order of lines where one shard decides them all.
                CHECK(books.questions - questions <= 1);
                continue;
            }
            CHECK(ids.contains(halves(test::account_named("a"))));
            CHECK(ids.contains(halves(test::account_named("b"))));
        }
    }
}
