#include "tests/command-handler/intake_support.h"

#include <doctest/doctest.h>

#include <string>
#include <variant>

using namespace vouch;
using namespace vouch::command_handler;
using test::account_named;
using test::command_named;
using test::Intake;
using test::verdict;

namespace {

const CaptureHold& capture_of(const Understood& understood) {
    return std::get<CaptureHold>(std::get<Command>(understood).body);
}

constexpr std::string_view kOpenAlice =
    R"({"id":"o","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}})";
constexpr std::string_view kPay =
    R"({"id":"t","transfer":{"debit":"alice","credit":"shop","amount":"1.50"}})";
constexpr std::string_view kHold =
    R"({"id":"h","place_hold":{"debit":"alice","credit":"shop","amount":"4"}})";
constexpr std::string_view kCapture = R"({"id":"c","capture_hold":{"hold":"h","amount":"1.5"}})";

}  // namespace

TEST_CASE(
    "stream_directory: an account opened in the stream has its asset at once, and certainly once "
    "it is open") {
    Intake intake;
    CHECK(verdict(intake.read(kOpenAlice)) == "command");
    Understood pay = intake.read(kPay);
    REQUIRE(verdict(pay) == "command");
    CHECK(std::get<Transfer>(std::get<Command>(pay).body).amount == Amount(150));
    CHECK(std::get<Command>(pay).amount_decimals == Scale(2));

    intake.directory.settle(1, true);
    pay = intake.read(kPay);
    CHECK(std::get<Command>(pay).amount_decimals == std::nullopt);
}

TEST_CASE("stream_directory: an amount read as the payee's says its decimals") {
    Intake intake;
    intake.books.open("shop", "EUR/2");
    for (const std::string_view line : {kPay, kHold}) {
        const Understood read = intake.read(line);
        REQUIRE(verdict(read) == "command");
        CHECK(std::get<Command>(read).amount_decimals == Scale(2));
    }
    intake.books.open("alice", "EUR/2");
    CHECK(std::get<Command>(intake.read(kPay)).amount_decimals == std::nullopt);
}

TEST_CASE("stream_directory: an opening that was refused is forgotten, and the books are asked") {
    Intake intake;
    intake.books.open("alice", "JPY/0");
    CHECK(
        verdict(intake.read(
            R"({"id":"o","open_account":{"account":"alice","asset":"EUR/2","class":"asset"}})")) ==
        "command");
    intake.directory.settle(1, false);
    CHECK(verdict(intake.read(kPay)) == "amount: at most 0 decimals for JPY/0");
}

TEST_CASE("stream_directory: a capture may follow its hold in the next line") {
    Intake intake;
    CHECK(verdict(intake.read(kOpenAlice)) == "command");
    CHECK(verdict(intake.read(kHold)) == "command");
    Understood capture = intake.read(kCapture);
    REQUIRE(verdict(capture) == "command");
    CHECK(capture_of(capture).account == account_named("alice"));
    CHECK(capture_of(capture).amount == Amount(150));
    CHECK(std::get<Command>(capture).amount_decimals == Scale(2));

    SUBCASE("and knows it for certain when both are done") {
        intake.directory.settle(1, true);
        intake.directory.settle(2, true);
        const int before = intake.books.questions;
        capture = intake.read(kCapture);
        CHECK(capture_of(capture).account == account_named("alice"));
        CHECK(std::get<Command>(capture).amount_decimals == std::nullopt);
        CHECK(intake.books.questions == before);
    }
    SUBCASE("and asks the books when the hold was refused") {
        intake.directory.settle(2, false);
        intake.books.open("bob", "JPY/0");
        intake.books.holds[id_text(command_named("h"))] = {.certainty = Certainty::certain,
                                                           .payer = account_named("bob"),
                                                           .payee = {}};
        CHECK(verdict(intake.read(kCapture)) == "amount: at most 0 decimals for JPY/0");
        const Understood all = intake.read(R"({"id":"c2","capture_hold":{"hold":"h"}})");
        CHECK(capture_of(all).account == account_named("bob"));
    }
}

TEST_CASE(
    "stream_directory: a command on a hold that is refused is the same before and after the "
    "refusal") {
    Intake intake;
    intake.books.open("alice", "EUR/2");
    CHECK(verdict(intake.read(kHold)) == "command");
    const Understood before = intake.read(kCapture);
    CHECK(capture_of(before).account == account_named("alice"));
    intake.directory.settle(1, false);
    const Understood after = intake.read(kCapture);
    CHECK(capture_of(after).account == account_named("alice"));
    CHECK(capture_of(after).amount == capture_of(before).amount);
    // Once it is placed under the same id after all, that is what counts.
    CHECK(verdict(intake.read(kHold)) == "command");
    intake.directory.settle(4, true);
    CHECK(capture_of(intake.read(kCapture)).account == account_named("alice"));
}

TEST_CASE(
    "stream_directory: an amount for an account whose opening is refused is the same before and "
    "after") {
    Intake intake;
    CHECK(verdict(intake.read(kOpenAlice)) == "command");
    const Understood before = intake.read(kPay);
    intake.directory.settle(1, false);
    const Understood after = intake.read(kPay);
    CHECK(std::get<Transfer>(std::get<Command>(after).body).amount ==
          std::get<Transfer>(std::get<Command>(before).body).amount);
    CHECK(std::get<Command>(after).amount_decimals == Scale(2));
    CHECK(verdict(intake.read(
              R"({"id":"u","transfer":{"debit":"alice","credit":"shop","amount":"1.505"}})")) ==
          "amount: at most 2 decimals for EUR/2");
}

TEST_CASE("stream_directory: a hold that was refused as another's repeat lends no capture its payee") {
    Intake intake;
    for (const char* account : {"alice", "shop", "bank"}) intake.books.open(account, "EUR/2");
    intake.books.holds[id_text(command_named("h"))] = {.certainty = Certainty::certain,
                                                       .payer = account_named("alice"),
                                                       .payee = account_named("bank")};
    CHECK(verdict(intake.read(kHold)) == "command");
    intake.directory.settle(1, false);
    CHECK(verdict(intake.read(kCapture)) == "command");
    const std::string_view refund = R"({"id":"r","refund":{"entry":"c","amount":"1"}})";
    CHECK(verdict(intake.read(refund)) == "must wait");
    intake.directory.settle(2, true);
    intake.books.entries[id_text(command_named("c"))] = {
        .certainty = Certainty::certain,
        .postings = {{account_named("alice"), Side::debit},
                     {account_named("bank"), Side::credit}}};
    const Understood read = intake.read_again(refund);
    REQUIRE(verdict(read) == "command");
    CHECK(std::get<Refund>(std::get<Command>(read).body).account == account_named("bank"));
}

TEST_CASE("stream_directory: what two lines in flight say differently is waited for") {
    Intake intake;
    intake.books.open("alice", "EUR/2");
    intake.books.open("bob", "EUR/2");
    CHECK(verdict(intake.read(kHold)) == "command");
    CHECK(verdict(intake.read(
              R"({"id":"h","place_hold":{"debit":"bob","credit":"shop","amount":"4"}})")) ==
          "command");
    CHECK(verdict(intake.read(kCapture)) == "must wait");
    intake.directory.settle(1, true);
    CHECK(verdict(intake.read_again(kCapture)) == "must wait");
    // The second line is refused (conflict): that says nothing of the first, which the books know.
    intake.directory.settle(2, false);
    CHECK(intake.directory.facts_in_flight() == 0);
    intake.books.holds[id_text(command_named("h"))] = {.certainty = Certainty::certain,
                                                       .payer = account_named("alice"),
                                                       .payee = {}};
    CHECK(capture_of(intake.read_again(kCapture)).account == account_named("alice"));
}

TEST_CASE("stream_directory: a line that repeats another in flight does not make anybody wait") {
    Intake intake;
    intake.books.open("alice", "EUR/2");
    CHECK(verdict(intake.read(kHold)) == "command");
    CHECK(verdict(intake.read(kHold)) == "command");
    CHECK(capture_of(intake.read(kCapture)).account == account_named("alice"));
}

TEST_CASE("stream_directory: the repeat of an entry does not lend it another account's decimals") {
    // alice exists with EUR/2, so the opening here will be refused; but the transfer is one that
    // was made before and is accepted as its repeat. A refund must still not be read as JPY.
    Intake intake;
    intake.books.open("shop", "EUR/2");
    CHECK(
        verdict(intake.read(
            R"({"id":"o","open_account":{"account":"alice","asset":"JPY/0","class":"asset"}})")) ==
        "command");
    CHECK(verdict(intake.read(
              R"({"id":"t","transfer":{"debit":"shop","credit":"alice","amount":"5"}})")) ==
          "command");
    intake.directory.settle(1, false);
    intake.directory.settle(2, true);
    intake.books.open("alice", "EUR/2");
    const Understood refund = intake.read(R"({"id":"f","refund":{"entry":"t","amount":"2.50"}})");
    REQUIRE(verdict(refund) == "command");
    CHECK(std::get<Refund>(std::get<Command>(refund).body).amount == Amount(250));
}

TEST_CASE("stream_directory: what a line in flight makes but does not spell out is waited for") {
    Intake intake;
    intake.books.open("alice", "EUR/2");
    intake.books.holds[id_text(command_named("h"))] = {.certainty = Certainty::certain,
                                                       .payer = account_named("alice"),
                                                       .payee = {}};
    CHECK(verdict(intake.read(kCapture)) == "command");
    // Who was paid by the capture is known to the books only.
    const std::string_view reverse = R"({"id":"v","reverse":{"entry":"c"}})";
    CHECK(verdict(intake.read(reverse)) == "must wait");
    CHECK(intake.directory.facts_in_flight() == 1);
    intake.directory.settle(1, true);
    CHECK(intake.directory.facts_in_flight() == 0);
    intake.books.entries[id_text(command_named("c"))] = {
        .certainty = Certainty::certain,
        .postings = {{account_named("alice"), Side::debit},
                     {account_named("shop"), Side::credit}}};
    const Understood reversed = intake.read_again(reverse);
    REQUIRE(verdict(reversed) == "command");
    CHECK(std::get<Reverse>(std::get<Command>(reversed).body).account == account_named("shop"));
}

TEST_CASE("stream_directory: within a group, an earlier member's word is as good as the books'") {
    Intake intake;
    const Understood group = intake.read(
        R"({"id":"g","group":[
            {"id":"1","open_account":{"account":"eur","asset":"EUR/2","class":"asset"}},
            {"id":"2","open_account":{"account":"jpy","asset":"JPY/0","class":"asset"}},
            {"id":"3","post_entry":{"postings":[{"account":"eur","debit":"1.50"},{"account":"jpy","credit":"240"}]}},
            {"id":"4","place_hold":{"debit":"eur","amount":"0.50"}},
            {"id":"5","capture_hold":{"hold":"4","amount":"0.25"}},
            {"id":"6","reverse":{"entry":"5"}}]})");
    REQUIRE(verdict(group) == "command");
    const auto members = std::get<Group>(std::get<Command>(group).body).members;
    CHECK(std::get<PostEntry>(members[2].body).postings[0].amount == Amount(150));
    CHECK(std::get<PostEntry>(members[2].body).postings[1].amount == Amount(240));
    CHECK(members[2].amount_decimals == std::nullopt);
    CHECK(std::get<CaptureHold>(members[4].body).account == account_named("eur"));
    CHECK(std::get<CaptureHold>(members[4].body).amount == Amount(25));
    // A capture without payee is not spelled out; waiting would not help, so the account stays
    // missing.
    CHECK(std::get<Reverse>(members[5].body).account.is_zero());

    SUBCASE("but for later lines it is likely only") {
        CHECK(verdict(intake.read(R"({"id":"e","post_entry":{"postings":[
            {"account":"eur","debit":"1.50"},{"account":"jpy","credit":"240"}]}})")) ==
              "must wait");
    }
    SUBCASE("and a group that failed has said nothing for certain") {
        intake.directory.settle(1, false);
        CHECK(intake.directory.facts_in_flight() == 0);
        // Read as the group would have had it, and refused by the command handler.
        const Understood pay =
            intake.read(R"({"id":"t","transfer":{"debit":"eur","credit":"jpy","amount":"1"}})");
        CHECK(std::get<Command>(pay).amount_decimals == Scale(2));
    }
}

TEST_CASE("stream_directory: a group's own opening counts for it, whatever is known besides") {
    Intake intake;
    intake.books.open("x", "JPY/0");
    std::string_view other = "must wait";  // the group says two things of it
    SUBCASE("the books are asked first here") {}
    SUBCASE("the books were asked before") {
        CHECK(verdict(intake.read(
                  R"({"id":"b","transfer":{"debit":"x","credit":"z","amount":"9"}})")) ==
              "command");
        other = "amount: at most 0 decimals for JPY/0";
    }
    SUBCASE("a line in flight says so") {
        CHECK(verdict(intake.read(
                  R"({"id":"o","open_account":{"account":"x","asset":"JPY/0","class":"asset"}})")) ==
              "command");
    }
    const Understood group = intake.read(
        R"({"id":"g","group":[
            {"id":"1","open_account":{"account":"x","asset":"EUR/2","class":"asset"}},
            {"id":"2","open_account":{"account":"x","asset":"XAU/6","class":"asset"}},
            {"id":"3","transfer":{"debit":"x","credit":"z","amount":"9.00"}},
            {"id":"4","place_hold":{"debit":"x","amount":"0.50"}},
            {"id":"5","capture_hold":{"hold":"4","amount":"0.25"}}]})");
    REQUIRE(verdict(group) == "command");
    const auto members = std::get<Group>(std::get<Command>(group).body).members;
    CHECK(std::get<Transfer>(members[2].body).amount == Amount(900));
    CHECK(members[2].amount_decimals == std::nullopt);
    CHECK(std::get<CaptureHold>(members[4].body).amount == Amount(25));
    // For no other line.
    CHECK(verdict(intake.read(
              R"({"id":"t","transfer":{"debit":"x","credit":"z","amount":"9.00"}})")) == other);
}

TEST_CASE("stream_directory: what nobody confirmed of an account gives no amount of a group a scale") {
    Intake intake;
    intake.books.open("j", "JPY/0");
    intake.books.open("x", "JPY/0");
    CHECK(verdict(intake.read(
              R"({"id":"o","open_account":{"account":"x","asset":"EUR/2","class":"asset"}})")) ==
          "command");
    intake.directory.settle(1, false);
    const Understood group = intake.read(
        R"({"id":"g","group":[
            {"id":"t","transfer":{"debit":"j","credit":"x","amount":"10000"}},
            {"id":"r","refund":{"entry":"t","amount":"30"}},
            {"id":"h","place_hold":{"debit":"x","amount":"100"}},
            {"id":"c","capture_hold":{"hold":"h","amount":"40"}}]})");
    REQUIRE(verdict(group) == "command");
    const auto members = std::get<Group>(std::get<Command>(group).body).members;
    CHECK(std::get<Refund>(members[1].body).amount == Amount(30));
    CHECK(std::get<CaptureHold>(members[3].body).amount == Amount(40));
    // While a line says so that has no outcome, amounts are counted as it says, and say that.
    CHECK(verdict(intake.read(
              R"({"id":"o2","open_account":{"account":"y","asset":"EUR/2","class":"asset"}})")) ==
          "command");
    const Understood later = intake.read(
        R"({"id":"g2","group":[
            {"id":"t2","transfer":{"debit":"j","credit":"y","amount":"5"}},
            {"id":"r2","refund":{"entry":"t2","amount":"3.00"}}]})");
    REQUIRE(verdict(later) == "command");
    const auto refund = std::get<Group>(std::get<Command>(later).body).members[1];
    CHECK(std::get<Refund>(refund.body).amount == Amount(300));
    CHECK(refund.amount_decimals == Scale(2));
}

TEST_CASE("stream_directory: a line that is not sent takes back nothing that another has said") {
    Intake intake;
    CHECK(verdict(intake.read(
              R"({"id":"1","open_account":{"account":"n","asset":"EUR/2","class":"asset"}})")) ==
          "command");
    CHECK(verdict(intake.read(R"({"id":"g","group":[
              {"id":"2","open_account":{"account":"n","asset":"JPY/0","class":"asset"}},
              {"id":"3","transfer":{"debit":"n","credit":"shop","amount":"1.5"}}]})")) ==
          "group[1].amount: at most 0 decimals for JPY/0");
    const Understood hold =
        intake.read(R"({"id":"h","place_hold":{"debit":"n","amount":"9"}})");
    REQUIRE(verdict(hold) == "command");
    CHECK(std::get<PlaceHold>(std::get<Command>(hold).body).amount == Amount(900));
    CHECK(intake.directory.facts_in_flight() == 2);
}

TEST_CASE("stream_directory: an account that two lines in flight open differently is waited for") {
    Intake intake;
    CHECK(verdict(intake.read(
              R"({"id":"1","open_account":{"account":"x","asset":"EUR/2","class":"asset"}})")) ==
          "command");
    CHECK(verdict(intake.read(
              R"({"id":"2","open_account":{"account":"x","asset":"JPY/0","class":"asset"}})")) ==
          "command");
    const std::string_view pay = R"({"id":"t","transfer":{"debit":"x","credit":"z","amount":"9"}})";
    CHECK(verdict(intake.read(pay)) == "must wait");
    CHECK(verdict(intake.read_again(
              R"({"id":"e","post_entry":{"postings":[
                  {"account":"z","debit":"9"},{"account":"x","credit":"9"}]}})")) == "must wait");
    intake.directory.settle(1, true);
    intake.directory.settle(2, false);
    intake.books.open("x", "EUR/2");
    const Understood paid = intake.read_again(pay);
    REQUIRE(verdict(paid) == "command");
    CHECK(std::get<Transfer>(std::get<Command>(paid).body).amount == Amount(900));
}

TEST_CASE("stream_directory: a group that is malformed in a later member leaves nothing behind") {
    Intake intake;
    CHECK(verdict(intake.read(R"({"id":"g","group":[
        {"id":"1","open_account":{"account":"alice","asset":"EUR/2","class":"asset"}},
        {"id":"2","transfer":{"debit":"alice","credit":"shop","amount":"1.505"}}]})")) ==
          "group[1].amount: at most 2 decimals for EUR/2");
    CHECK(intake.directory.facts_in_flight() == 0);
    const Understood pay =
        intake.read(R"({"id":"t","transfer":{"debit":"alice","credit":"shop","amount":"1.505"}})");
    CHECK(std::get<Command>(pay).amount_decimals == Scale(3));
}

TEST_CASE("stream_directory: nothing in flight is forgotten, and memory is bounded") {
    Intake intake;
    intake.books.open("alice", "EUR/2");
    const auto hold = [&](std::uint64_t number) {
        const Understood placed = intake.read(R"({"id":"h)" + std::to_string(number) +
                                            R"(","place_hold":{"debit":"alice","amount":"1"}})");
        REQUIRE(verdict(placed) == "command");
        intake.forget();
    };
    for (std::uint64_t i = 0; i < StreamDirectory::kFactsInFlightMax; ++i) hold(i);
    CHECK(intake.directory.facts_in_flight() == StreamDirectory::kFactsInFlightMax);
    const int before = intake.books.questions;
    CHECK(intake.directory.hold({}, command_named("h0")).certainty == Certainty::likely);
    CHECK(intake.books.questions == before);

    for (std::uint64_t i = 1; i <= StreamDirectory::kFactsInFlightMax; ++i)
        intake.directory.settle(i, true);
    CHECK(intake.directory.facts_in_flight() == 0);
    CHECK(intake.directory.hold({}, command_named("h0")).certainty == Certainty::certain);
    // Two generations later the first is no longer in memory: the books are asked.
    for (std::uint64_t i = 0; i < 2 * StreamDirectory::kGenerationFacts; ++i) {
        hold(StreamDirectory::kFactsInFlightMax + i);
        intake.directory.settle(intake.line, true);
    }
    CHECK(intake.directory.hold({}, command_named("h0")).certainty == Certainty::unknown);
}
