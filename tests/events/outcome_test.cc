#include "events/money/outcome.h"

#include "event.pb.h"
#include "events/money/hold.h"

#include <doctest/doctest.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch;

namespace {

/// "OUTCOME_INSUFFICIENT_FUNDS" for ("OUTCOME_", "insufficient_funds").
std::string wire_name(std::string prefix, std::string_view word) {
    for (const char c : word)
        prefix.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    return prefix;
}

}  // namespace

TEST_CASE("outcome: numbers and words are the wire's, and there are no others") {
    for (int number = 0; number < 300; ++number) {
        CAPTURE(number);
        const std::optional<Outcome> outcome =
            outcome_from_wire(static_cast<std::uint64_t>(number));
        const bool is_on_the_wire =
            v1::Outcome_IsValid(number) && number != v1::OUTCOME_UNSPECIFIED;
        REQUIRE(outcome.has_value() == is_on_the_wire);
        if (!outcome) continue;
        CHECK(v1::Outcome_Name(number) == wire_name("OUTCOME_", to_text(*outcome)));
        CHECK(is_accepted(*outcome) == (number < 32));
    }
    // A number that only looks like an outcome when it is cut to a byte.
    CHECK_FALSE(outcome_from_wire(0x100 + 6).has_value());
    CHECK_FALSE(outcome_from_wire(~0ULL).has_value());
}

TEST_CASE("outcome: each has a plain sentence of its own") {
    std::set<std::string_view> sentences;
    for (std::uint64_t number = 0; number < 256; ++number) {
        const std::optional<Outcome> outcome = outcome_from_wire(number);
        if (!outcome) continue;
        const std::string_view text = sentence(*outcome);
        CAPTURE(to_text(*outcome));
        CHECK(text.size() > 10);
        CHECK(text.ends_with('.'));
        CHECK(sentences.insert(text).second);
    }
}

TEST_CASE("outcome: precedence is a strict order of refusals, before all that is accepted") {
    std::vector<Outcome> all;
    for (std::uint64_t number = 0; number < 256; ++number) {
        if (const std::optional<Outcome> outcome = outcome_from_wire(number))
            all.push_back(*outcome);
    }
    for (const Outcome a : all) {
        for (const Outcome b : all) {
            CAPTURE(to_text(a));
            CAPTURE(to_text(b));
            const bool is_ordered = a != b && !(is_accepted(a) && is_accepted(b));
            CHECK((precedes(a, b) != precedes(b, a)) == is_ordered);
            if (is_accepted(a)) CHECK_FALSE(precedes(a, b));
            for (const Outcome c : all) {
                if (precedes(a, b) && precedes(b, c)) CHECK(precedes(a, c));
            }
        }
    }
    CHECK(precedes(Outcome::command_expired, Outcome::account_missing));
    CHECK(precedes(Outcome::not_supported_across_shards, Outcome::unanswered));
    CHECK(precedes(Outcome::unanswered, Outcome::posted));
}

TEST_CASE("hold: status words are the wire's") {
    for (int number = 0; number < v1::HoldStatus_ARRAYSIZE; ++number) {
        CHECK(v1::HoldStatus_Name(number) ==
              wire_name("HOLD_STATUS_", to_text(static_cast<HoldStatus>(number))));
    }
}
