#include "events/money/outcome.h"

#include <array>

namespace vouch {

namespace {

constexpr std::size_t kNumbers = 256;
constexpr std::uint8_t kNone = 0xff;
static_assert(kOutcomes.size() < kNone);

/// Each number's row.
constexpr auto kRows = [] {
    std::array<std::uint8_t, kNumbers> rows{};
    rows.fill(kNone);
    for (std::size_t i = 0; i < kOutcomes.size(); ++i)
        rows[static_cast<std::uint8_t>(kOutcomes[i].outcome)] = static_cast<std::uint8_t>(i);
    return rows;
}();

/// The rows are there once for each number, without gaps from the first accepted and the first
/// refused one on; and accepted ones stand first.
constexpr bool has_each_once() {
    std::size_t numbers = 0;
    for (std::uint8_t n = static_cast<std::uint8_t>(Outcome::opened); kRows[n] != kNone; ++n)
        ++numbers;
    for (std::uint8_t n = static_cast<std::uint8_t>(Outcome::malformed); kRows[n] != kNone; ++n)
        ++numbers;
    for (std::size_t i = 1; i < kOutcomes.size(); ++i) {
        const bool is_late = !is_accepted(kOutcomes[i - 1].outcome);
        if (is_accepted(kOutcomes[i].outcome) && is_late) return false;
    }
    return numbers == kOutcomes.size();
}
static_assert(has_each_once());

std::uint8_t row_of(Outcome outcome) { return kRows[static_cast<std::uint8_t>(outcome)]; }

}  // namespace

std::string_view to_text(Outcome outcome) {
    const std::uint8_t row = row_of(outcome);
    return row == kNone ? "unknown" : kOutcomes[row].word;
}

std::optional<Outcome> outcome_from_wire(std::uint64_t number) {
    if (number >= kNumbers || kRows[number] == kNone) return std::nullopt;
    return static_cast<Outcome>(number);
}

std::string_view sentence(Outcome outcome) {
    const std::uint8_t row = row_of(outcome);
    return row == kNone ? "" : kOutcomes[row].sentence;
}

ToldFact told(Outcome outcome) {
    const std::uint8_t row = row_of(outcome);
    return row == kNone ? ToldFact::nothing : kOutcomes[row].told;
}

std::string_view to_text(ToldFact fact) {
    switch (fact) {
        case ToldFact::nothing:
            return "";
        case ToldFact::available:
            return "available";
        case ToldFact::remaining:
            return "remaining";
        case ToldFact::held:
            return "held";
        case ToldFact::version:
            return "version";
    }
    return "";
}

bool is_of_payee(Outcome refusal) {
    const std::uint8_t row = row_of(refusal);
    return row != kNone && kOutcomes[row].is_of_payee;
}

bool precedes(Outcome refusal, Outcome other) {
    return !is_accepted(refusal) && (is_accepted(other) || row_of(refusal) < row_of(other));
}

}  // namespace vouch
