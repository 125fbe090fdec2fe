#include "tools/server/http/api/openapi.h"

#include "command-handler/intake/command_bodies.h"
#include "command-handler/intake/command_shape.h"
#include "events/entries/command.h"
#include "events/money/outcome.h"
#include "projector/queries/pending_reason.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What the server's document says of commands and answers, against what takes and gives them.

namespace {

using namespace vouch;
using namespace vouch::command_handler;

/// What the document has below this key, which stands alone in its line behind so many blanks.
std::string below(const std::string& text, std::string_view name, std::size_t indent) {
    const std::string line = "\n" + std::string(indent, ' ') + std::string(name) + ":\n";
    const std::size_t begin = text.find(line);
    if (begin == std::string::npos) return "";
    std::size_t end = begin + line.size();
    while (end < text.size()) {
        const std::size_t next = text.find_first_not_of(' ', end);
        if (next - end <= indent) break;
        end = std::min(text.find('\n', end), text.size() - 1) + 1;
    }
    // With the line end before it, so that its own keys are found alike.
    return text.substr(begin + line.size() - 1, end - begin - line.size() + 1);
}

}  // namespace

TEST_CASE("openapi: the document has every key of a command") {
    const std::string command = below(std::string(http::kOpenApi), "Command", 4);
    REQUIRE_FALSE(command.empty());
    for (const Key& key : line_keys()) {
        const std::string name(key.name);
        CAPTURE(name);
        if (key.type == ValueType::unsupported) continue;
        const std::string value = below(command, name, 8);
        CHECK_FALSE(value.empty());
        if (key.type != ValueType::body) continue;
        for (const Key& inner : body_keys(*key.kind)) {
            const std::string inner_name(inner.name);
            CAPTURE(inner_name);
            if (inner.type != ValueType::unsupported)
                CHECK_FALSE(below(value, inner_name, 12).empty());
        }
    }
}

TEST_CASE("openapi: each outcome and each kind of command is among the document's words") {
    INFO("tests/tools/word_lists.py writes them");
    const std::string document(http::kOpenApi);
    const auto words_of = [&](std::string_view name) {
        std::string words = below(document, name, 4);
        const std::size_t begin = words.find("\n      enum:\n");
        return begin == std::string::npos ? "" : words.substr(begin + 12);
    };
    std::string outcomes = "\n";
    for (const OutcomeRow& row : kOutcomes) outcomes += "        - " + std::string(row.word) + "\n";
    CHECK(words_of("OutcomeWord") == outcomes);
    std::string kinds = "\n";
    for (const CommandKind& kind : kCommandKinds)
        kinds += "        - " + std::string(kind.word) + "\n";
    CHECK(words_of("CommandWord") == kinds);
    std::string reasons = ", " + projector::pending_reason_words() + ", ";
    std::string listed = words_of("PendingReason");
    for (std::size_t at = 0; (at = listed.find("\n        - ", at)) != std::string::npos;)
        listed.replace(at, 11, ", ");
    CHECK(listed.substr(0, listed.size() - 1) + ", " == reasons);
}

TEST_CASE("openapi: the facts that an outcome's line tells name the refusals that tell them") {
    const std::string outcome = below(std::string(http::kOpenApi), "OutcomeLine", 4);
    REQUIRE_FALSE(outcome.empty());
    for (std::uint64_t number = 0; number < 256; ++number) {
        const std::optional<Outcome> each = outcome_from_wire(number);
        if (!each) continue;
        const std::string word = "`" + std::string(to_text(*each)) + "`";
        CAPTURE(word);
        for (const ToldFact fact :
             {ToldFact::available, ToldFact::remaining, ToldFact::held, ToldFact::version}) {
            const std::string described = below(outcome, to_text(fact), 8);
            CHECK((described.find(word) != std::string::npos) == (told(*each) == fact));
        }
    }
}
