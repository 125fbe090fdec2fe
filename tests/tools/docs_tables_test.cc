#include "command-handler/intake/command_bodies.h"
#include "command-handler/intake/command_shape.h"
#include "events/money/outcome.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The tables of the documentation, against those that the program goes by.

namespace {

using namespace vouch;
using namespace vouch::command_handler;

/// The cells of each row of the table whose head begins so.
std::vector<std::vector<std::string>> table(const std::string& page, std::string_view head) {
    std::ifstream text(VOUCH_SOURCE_DIR "/docs/" + page);
    REQUIRE(text.good());
    std::vector<std::vector<std::string>> rows;
    bool is_inside = false;
    for (std::string line; std::getline(text, line);) {
        is_inside = line.starts_with(head) || (is_inside && line.starts_with('|'));
        if (!is_inside || line.starts_with(head) || line.starts_with("|---")) continue;
        std::vector<std::string>& cells = rows.emplace_back();
        for (std::size_t begin = 2; begin < line.size();) {
            const std::size_t end = line.find(" |", begin);
            REQUIRE(end != std::string::npos);
            cells.push_back(line.substr(begin, end - begin));
            begin = end + 3;
        }
    }
    return rows;
}

/// The refusals that follow from what the books are, in their order of precedence.
std::vector<Outcome> refusals_in_order() {
    std::vector<Outcome> found;
    for (std::uint64_t number = 0; number < 256; ++number) {
        const std::optional<Outcome> outcome = outcome_from_wire(number);
        if (!outcome || is_accepted(*outcome)) continue;
        if (!precedes(*outcome, Outcome::command_expired)) found.push_back(*outcome);
    }
    std::ranges::sort(found, precedes);
    return found;
}

/// "a, b, c".
std::string list(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

std::string list(const std::vector<Outcome>& outcomes) {
    std::vector<std::string> words;
    for (const Outcome each : outcomes) words.emplace_back(to_text(each));
    return list(words);
}

}  // namespace

TEST_CASE("docs: the table of refusals has each of them, in their order of precedence") {
    std::vector<std::string> told;
    for (const auto& row : table("rules.md", "| refusal |")) told.push_back(row.at(0));
    CHECK(list(told) == list(refusals_in_order()));
}

TEST_CASE("docs: the table of refusals has the facts of each, which have what its line tells") {
    const auto word_of = [](ToldFact told) {
        switch (told) {
            case ToldFact::nothing:
                return "";
            case ToldFact::remaining:
                return "remaining";
            case ToldFact::available:
            case ToldFact::held:
            case ToldFact::version:
                return "the account";
        }
        return "";
    };
    for (const auto& row : table("rules.md", "| refusal |")) {
        CAPTURE(row.at(0));
        const std::string& facts = row.at(1);
        const auto outcome = std::ranges::find(kOutcomes, row.at(0), &OutcomeRow::word);
        REQUIRE(outcome != kOutcomes.end());
        if (outcome->told != ToldFact::nothing) {
            CHECK(facts == word_of(outcome->told));
        } else {
            CHECK((facts == "the account" || facts == "the member's" || facts == "none"));
        }
    }
}

TEST_CASE("docs: the table of steps has what a payee's shard refuses with, in that order") {
    std::vector<Outcome> of_payee = refusals_in_order();
    std::erase_if(of_payee, [](Outcome each) { return !is_of_payee(each); });
    const auto rows = table("rules.md", "| step | refusals");
    REQUIRE(!rows.empty());
    CHECK(rows[0].at(1) == list(of_payee));
}

TEST_CASE("docs: the table of commands has each of them, with its keys") {
    const auto rows = table("cli.md", "| command | keys");
    for (const Key& key : line_keys()) {
        if (key.type != ValueType::body && key.type != ValueType::group) continue;
        CAPTURE(key.name);
        const auto row = std::ranges::find_if(rows, [&](const auto& cells) {
            return cells.at(0).find("`" + std::string(key.name) + "`") != std::string::npos;
        });
        REQUIRE(row != rows.end());
        for (const Key& inner : body_keys(*key.kind)) {
            if (inner.type == ValueType::unsupported) continue;
            CAPTURE(inner.name);
            const std::size_t at = row->at(1).find("`" + std::string(inner.name) + "`");
            REQUIRE(at != std::string::npos);
            // What stands behind the bracket may be left out.
            CHECK(inner.required == (at < row->at(1).find('[')));
        }
    }
}
