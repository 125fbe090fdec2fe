#include "events/entries/codec.h"
#include "tests/command-handler/intake_support.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <variant>
#include <vector>

using namespace vouch;
using namespace vouch::command_handler;

namespace {

constexpr int kRounds = 60'000;

const std::vector<std::string>& corpus() {
    static const std::vector<std::string> lines = {
        R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}})",
        R"({"id":"o3","open_account":{"account":"shop","asset":"EUR/2","class":"liability"},"actor":{"id":"ops-7"},"context":"onboarding-12"})",
        R"({"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"10.00"},"context":"order-\u00e97"})",
        R"({"id":"h1","place_hold":{"debit":"alice","credit":"shop","amount":"4.00","expires_in":"60s"}})",
        R"({"id":"c1","capture_hold":{"hold":"h1","amount":"3.00","keep_rest":false}})",
        R"({"id":"e1","post_entry":{"postings":[{"account":"shop","debit":"5.00"},{"account":"fees","credit":"0.03"},{"account":"shop:cash","credit":"4.97"}]}})",
        R"({"id":"x1","extend_hold":{"hold":"h1","expires_in":"5m"},"expected_version":7,"ledger":3})",
        R"({"id":"f1","freeze_account":{"account":"alice","block":"debits"},"expires_at":"2026-01-31T23:59:59Z"})",
        R"({"id":"g1","group":[{"id":"t7","transfer":{"debit":"cash","credit":"alice","amount":"1"}},{"id":"c2","capture_hold":{"hold":"h1"}}]})",
        R"({"id":"v2","refund":{"entry":"t1","amount":"2.00","debit_posting":0,"credit_posting":1},"metadata":{"k":"v"}})",
        R"({"clock":"2026-01-31T23:59:59Z"})",
        R"({"wait":true})",
    };
    return lines;
}

std::string mutated(std::mt19937_64& random) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const auto& lines = corpus();
    std::string text = lines[below(lines.size())];
    static constexpr std::string_view kPieces[] = {
        "\"", "{",   "}",    "[",    "]",    ",", ":",      "\\u0000",     "\\ud800", "0",
        "-",  "1e9", "null", "true", "\xff", "é", "\"id\"", "\"account\"", " "};
    for (std::size_t edits = 1 + below(2); edits > 0 && !text.empty(); --edits) {
        const std::size_t at = below(text.size());
        switch (below(5)) {
            case 0:
                text[at] = static_cast<char>(random());
                break;
            case 1:
                text.erase(at, 1 + below(8));
                break;
            case 2:
                text.insert(at, kPieces[below(std::size(kPieces))]);
                break;
            case 3: {
                const std::string& other = lines[below(lines.size())];
                text = text.substr(0, at) + other.substr(below(other.size()));
                break;
            }
            case 4: {
                const std::size_t from = below(text.size());
                text.insert(at, text.substr(from, below(text.size() - from) + 1));
                break;
            }
        }
    }
    return text;
}

}  // namespace

TEST_CASE(
    "intake: whatever is typed gets an answer, and what it lets through is a command to the "
    "codec") {
    const char* const given = std::getenv("VOUCH_SEED");
    const std::uint64_t seed =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "seed " << seed << " (VOUCH_SEED repeats it)\n";
    std::mt19937_64 random(seed);
    test::Intake intake;
    for (const auto name : {"cash", "alice", "shop"}) intake.books.open(name, "EUR/2");
    int commands = 0;
    for (int round = 0; round < kRounds; ++round) {
        const std::string text = mutated(random);
        CAPTURE(seed);
        CAPTURE(text);
        intake.forget();
        const Understood understood = intake.read(text);
        const auto* command = std::get_if<Command>(&understood);
        if (command == nullptr) continue;
        ++commands;
        std::vector<std::byte> batch;
        append_to_batch(*command, batch);
        std::vector<CommandBytes> members;
        REQUIRE(!split_batch(batch, members));
        REQUIRE(members.size() == 1);
        Arena arena;
        Command decoded;
        const std::optional<CommandFault> fault = decode_command(members[0], arena, decoded);
        CAPTURE(std::string(fault ? fault->field : ""));
        REQUIRE(!fault);
        REQUIRE(decoded.id == command->id);
        REQUIRE(same_content(decoded, *command));
        intake.directory.settle(intake.line, random() % 2 == 0);
    }
    CHECK(commands > kRounds / 200);
}
