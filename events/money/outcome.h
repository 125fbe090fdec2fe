#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vouch {

/// What finally became of a command. Wire numbers are historical: append, never reuse. They say
/// nothing of precedence: decide answers with the refusal that `precedes` the others that apply.
/// Source: schemas/event.proto, Outcome; docs/rules.md, "Refusals, in order".
enum class Outcome : std::uint8_t {
    opened = 1,
    updated = 2,
    frozen = 3,
    unfrozen = 4,
    closed = 5,
    posted = 6,
    held = 7,
    extended = 8,
    captured = 9,
    released = 10,
    reversed = 11,
    refunded = 12,
    done = 13,
    clock_set = 14,

    malformed = 32,
    too_large = 33,
    conflict = 34,
    command_expired = 35,
    account_missing = 36,
    account_not_found = 37,
    account_exists = 38,
    wrong_account = 39,
    same_account = 40,
    asset_mismatch = 41,
    zero_amount = 42,
    unbalanced = 43,
    account_closed = 44,
    debits_frozen = 45,
    credits_frozen = 46,
    version_mismatch = 47,
    hold_not_found = 48,
    hold_closed = 49,
    hold_expired = 50,
    exceeds_hold = 51,
    entry_not_found = 52,
    already_reversed = 53,
    already_refunded = 54,
    refund_exceeds_payment = 55,
    not_zero = 56,
    in_use = 57,
    insufficient_funds = 58,
    amount_overflow = 59,
    group_failed = 60,
    not_supported_across_shards = 61,
    unanswered = 62,
};
inline constexpr std::size_t kOutcomes = 45;

constexpr bool is_accepted(Outcome outcome) { return static_cast<std::uint8_t>(outcome) < 32; }

/// The word of the API, logs and tables: "posted", "insufficient_funds".
std::string_view to_text(Outcome outcome);
/// Empty for a number that is no outcome.
std::optional<Outcome> outcome_from_wire(std::uint64_t number);
/// One plain sentence for people.
std::string_view sentence(Outcome outcome);
/// True when `refusal` is the answer where both apply; what is accepted comes after all refusals.
bool precedes(Outcome refusal, Outcome other);

}  // namespace vouch
