#include "tools/server/http/api/page_cursor.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace vouch;
using http::CursorUse;
using http::PageQuestion;

const PageQuestion kAsked{.books = DeploymentId(1, 2),
                          .route = "v1/accounts/*/statement",
                          .ledger = LedgerId(7),
                          .account = AccountId(3, 4),
                          .at = Timestamp(1'000'000)};

/// The place, or what is wrong.
std::string read_as(const std::string& cursor, const PageQuestion& question) {
    const auto read = http::read_cursor(cursor, question);
    if (const auto* wrong = std::get_if<http::WrongCursor>(&read)) return wrong->detail;
    return "place " + std::get<http::CursorPlace>(read).text;
}

}  // namespace

TEST_CASE("page_cursor: another question is told which of its parameters does not fit") {
    const std::string next = http::cursor_text(kAsked, CursorUse::next, "5.0.6.1");
    CHECK(read_as(next, kAsked) == "place 5.0.6.1");
    PageQuestion other = kAsked;
    other.books = DeploymentId(1, 3);
    CHECK(read_as(next, other) == "cursor: is one of other books");
    other = kAsked;
    other.route = "v1/statement";
    CHECK(read_as(next, other) == "cursor: is one of another route, or of other filters");
    other = kAsked;
    other.filters = "shard=1&";
    CHECK(read_as(next, other) == "cursor: is one of another route, or of other filters");
    other = kAsked;
    other.ledger = LedgerId(0);
    CHECK(read_as(next, other) == "ledger: does not fit the cursor, which is of ledger 7");
    other = kAsked;
    other.account = AccountId(3, 5);
    CHECK(read_as(next, other) ==
          "account: does not fit the cursor, which is of the account whose id is "
          "00000000000000030000000000000004");
    for (const auto at : {std::optional<Timestamp>(), std::optional(Timestamp(1'000'001))}) {
        other = kAsked;
        other.at = at;
        CHECK(read_as(next, other) ==
              "at: does not fit the cursor, which is of at=1970-01-01T00:00:01.000000Z");
    }
    other = kAsked;
    other.at = std::nullopt;
    CHECK(read_as(http::cursor_text(other, CursorUse::next, "p"), kAsked) ==
          "at: does not fit the cursor, which is of a question without at");
}

TEST_CASE("page_cursor: what is followed later is followed to any time") {
    const std::string follow = http::cursor_text(kAsked, CursorUse::follow, "5.0.6.1");
    PageQuestion later = kAsked;
    for (const auto at : {kAsked.at, std::optional<Timestamp>(), std::optional(Timestamp(2))}) {
        later.at = at;
        CHECK(read_as(follow, later) == "place 5.0.6.1");
    }
    later.account = AccountId();
    CHECK(read_as(follow, later).starts_with("account: "));
}

TEST_CASE("page_cursor: one whose text was changed anywhere is malformed") {
    const std::string next = http::cursor_text(kAsked, CursorUse::next, "5.0.6.1");
    const auto is_malformed = [](const std::string& text) {
        return read_as(text, kAsked).starts_with("cursor: malformed: ");
    };
    for (std::size_t i = 0; i < next.size(); ++i) {
        std::string changed = next;
        changed[i] = changed[i] == '0' ? '1' : '0';
        CHECK_MESSAGE(is_malformed(changed), i);
        CHECK_MESSAGE(is_malformed(next.substr(0, i)), i);
        if (next[i] < 'a') continue;
        changed[i] = static_cast<char>(next[i] - 'a' + 'A');
        CHECK_MESSAGE(is_malformed(changed), i);
    }
    CHECK(is_malformed(next + "00"));
    CHECK(is_malformed(std::string(1 << 20, '0')));
    const std::string longest(http::kCursorPlaceMax, 'p');
    const std::string text = http::cursor_text(kAsked, CursorUse::next, longest);
    CHECK(text.size() <= http::kCursorTextMax);
    CHECK(read_as(text, kAsked) == "place " + longest);
}
