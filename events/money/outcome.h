#pragma once

#include <array>
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

/// The one fact that the line of an outcome tells: what was asked too much of, as it was.
enum class ToldFact : std::uint8_t { nothing, available, remaining, held, version };

/// What is the same of an outcome wherever it comes up, told once.
struct OutcomeRow {
    Outcome outcome;
    std::string_view word;
    std::string_view sentence;
    ToldFact told = ToldFact::nothing;
    /// A payee's shard may refuse a credit or hold with it: docs/rules.md, "Across shards".
    bool is_of_payee = false;
};
inline constexpr bool kOfPayee = true;

/// Each outcome: what is accepted, then the refusals in their order of precedence, whatever their
/// numbers.
inline constexpr std::array kOutcomes = std::to_array<OutcomeRow>({
    {Outcome::opened, "opened", "The account is open."},
    {Outcome::updated, "updated", "The account was updated."},
    {Outcome::frozen, "frozen", "The account is frozen as asked."},
    {Outcome::unfrozen, "unfrozen", "The account is no longer frozen as asked."},
    {Outcome::closed, "closed", "The account is closed for good."},
    {Outcome::posted, "posted", "The entry was posted."},
    {Outcome::held, "held", "The funds are held."},
    {Outcome::extended, "extended", "The hold lasts until the later of its old and new expiry."},
    {Outcome::captured, "captured", "The held funds were posted."},
    {Outcome::released, "released", "What the hold had left is free again."},
    {Outcome::reversed, "reversed", "The entry was reversed."},
    {Outcome::refunded, "refunded", "The refund was posted."},
    {Outcome::done, "done", "Every command of the group was accepted."},
    {Outcome::clock_set, "clock_set", "The test clock was set."},
    {Outcome::malformed, "malformed", "The command is not well-formed."},
    {Outcome::too_large, "too_large", "The command is too large."},
    {Outcome::conflict, "conflict",
     "The id was used before for another command; that one's outcome stands."},
    {Outcome::command_expired, "command_expired", "The command came after its expiry."},
    {Outcome::account_missing, "account_missing",
     "The command does not name an account that it needs."},
    {Outcome::account_not_found, "account_not_found",
     "There is no such account.", ToldFact::nothing, kOfPayee},
    {Outcome::account_exists, "account_exists", "There is an account of this id already."},
    {Outcome::wrong_account, "wrong_account",
     "The account named is not the one of the hold or entry."},
    {Outcome::same_account, "same_account", "Debit and credit are the same account."},
    {Outcome::asset_mismatch, "asset_mismatch",
     "The accounts or the amount are not of the same asset and scale.", ToldFact::nothing,
     kOfPayee},
    {Outcome::zero_amount, "zero_amount", "The amount is zero."},
    {Outcome::unbalanced, "unbalanced",
     "Debits and credits of the entry are not equal in every asset."},
    {Outcome::account_closed, "account_closed", "The account is closed.", ToldFact::nothing,
     kOfPayee},
    {Outcome::debits_frozen, "debits_frozen", "The account is frozen for debits."},
    {Outcome::credits_frozen, "credits_frozen",
     "The account is frozen for credits.", ToldFact::nothing, kOfPayee},
    {Outcome::version_mismatch, "version_mismatch",
     "The account has changed: its version is not the expected one.", ToldFact::version},
    {Outcome::hold_not_found, "hold_not_found", "There is no such hold."},
    {Outcome::hold_closed, "hold_closed", "The hold was captured or released already."},
    {Outcome::hold_expired, "hold_expired", "The hold has expired."},
    {Outcome::exceeds_hold, "exceeds_hold",
     "The amount is more than the hold has left.", ToldFact::remaining},
    {Outcome::entry_not_found, "entry_not_found",
     "There is no such entry, or the refund does not name a debit and a credit of it."},
    {Outcome::already_reversed, "already_reversed", "The entry was reversed already."},
    {Outcome::already_refunded, "already_refunded",
     "The entry was refunded already, so it cannot be reversed."},
    {Outcome::refund_exceeds_payment, "refund_exceeds_payment",
     "The refunds would be more than was paid.", ToldFact::remaining},
    {Outcome::not_zero, "not_zero", "The account's balance is not zero."},
    {Outcome::in_use, "in_use", "Funds are held on the account.", ToldFact::held},
    {Outcome::insufficient_funds, "insufficient_funds",
     "The account has not enough available.", ToldFact::available, kOfPayee},
    {Outcome::amount_overflow, "amount_overflow",
     "The account's total would leave the range of amounts.", ToldFact::nothing, kOfPayee},
    {Outcome::group_failed, "group_failed",
     "A command of the group was refused, so nothing of the group was done."},
    {Outcome::not_supported_across_shards, "not_supported_across_shards",
     "The accounts are on different shards, which this command does not support."},
    {Outcome::unanswered, "unanswered",
     "Another shard that takes part did not answer in time, so nothing was done."},
});

constexpr bool is_accepted(Outcome outcome) { return static_cast<std::uint8_t>(outcome) < 32; }

/// The word of the API, logs and tables: "posted", "insufficient_funds".
std::string_view to_text(Outcome outcome);
/// Empty for a number that is no outcome.
std::optional<Outcome> outcome_from_wire(std::uint64_t number);
/// One plain sentence for people.
std::string_view sentence(Outcome outcome);
/// True when `refusal` is the answer where both apply; what is accepted comes after all refusals.
bool precedes(Outcome refusal, Outcome other);

ToldFact told(Outcome outcome);
/// Its key: "available"; nothing has none.
std::string_view to_text(ToldFact fact);
bool is_of_payee(Outcome refusal);

}  // namespace vouch
