#include "events/money/outcome.h"

#include <array>

namespace vouch {

namespace {

struct OutcomeRow {
    Outcome outcome;
    std::string_view word;
    std::string_view sentence;
};

/// What is accepted, then the refusals in their order of precedence, whatever their numbers.
constexpr std::array kTable = std::to_array<OutcomeRow>({
    {Outcome::opened, "opened", "The account is open."},
    {Outcome::updated, "updated", "The account was updated."},
    {Outcome::frozen, "frozen", "The account is frozen as asked."},
    {Outcome::unfrozen, "unfrozen", "The account is no longer frozen as asked."},
    {Outcome::closed, "closed", "The account is closed for good."},
    {Outcome::posted, "posted", "The entry was posted."},
    {Outcome::held, "held", "The funds are held."},
    {Outcome::extended, "extended", "The hold lasts until its new expiry."},
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
    {Outcome::account_not_found, "account_not_found", "There is no such account."},
    {Outcome::account_exists, "account_exists", "There is an account of this id already."},
    {Outcome::wrong_account, "wrong_account",
     "The account named is not the one of the hold or entry."},
    {Outcome::same_account, "same_account", "Debit and credit are the same account."},
    {Outcome::asset_mismatch, "asset_mismatch",
     "The accounts or the amount are not of the same asset and scale."},
    {Outcome::zero_amount, "zero_amount", "The amount is zero."},
    {Outcome::unbalanced, "unbalanced",
     "Debits and credits of the entry are not equal in every asset."},
    {Outcome::account_closed, "account_closed", "The account is closed."},
    {Outcome::debits_frozen, "debits_frozen", "The account is frozen for debits."},
    {Outcome::credits_frozen, "credits_frozen", "The account is frozen for credits."},
    {Outcome::version_mismatch, "version_mismatch",
     "The account has changed: its version is not the expected one."},
    {Outcome::hold_not_found, "hold_not_found", "There is no such hold."},
    {Outcome::hold_closed, "hold_closed", "The hold was captured or released already."},
    {Outcome::hold_expired, "hold_expired", "The hold has expired."},
    {Outcome::exceeds_hold, "exceeds_hold", "The amount is more than the hold has left."},
    {Outcome::entry_not_found, "entry_not_found",
     "There is no such entry, or it has no such postings."},
    {Outcome::already_reversed, "already_reversed", "The entry was reversed already."},
    {Outcome::already_refunded, "already_refunded",
     "The entry was refunded already, so it cannot be reversed."},
    {Outcome::refund_exceeds_payment, "refund_exceeds_payment",
     "The refunds would be more than was paid."},
    {Outcome::not_zero, "not_zero", "The account's balance is not zero."},
    {Outcome::in_use, "in_use", "Funds are held on the account."},
    {Outcome::insufficient_funds, "insufficient_funds", "The account has not enough available."},
    {Outcome::amount_overflow, "amount_overflow",
     "The account's total would leave the range of amounts."},
    {Outcome::group_failed, "group_failed",
     "A command of the group was refused, so nothing of the group was done."},
    {Outcome::not_supported_across_shards, "not_supported_across_shards",
     "The accounts are on different shards, which this command does not support."},
    {Outcome::unanswered, "unanswered",
     "Another shard that takes part did not answer in time, so nothing was done."},
});

constexpr std::size_t kNumbers = 256;
constexpr std::uint8_t kNone = 0xff;
static_assert(kTable.size() < kNone);

/// Each number's row.
constexpr auto kRows = [] {
    std::array<std::uint8_t, kNumbers> rows{};
    rows.fill(kNone);
    for (std::size_t i = 0; i < kTable.size(); ++i)
        rows[static_cast<std::uint8_t>(kTable[i].outcome)] = static_cast<std::uint8_t>(i);
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
    for (std::size_t i = 1; i < kTable.size(); ++i) {
        if (is_accepted(kTable[i].outcome) && !is_accepted(kTable[i - 1].outcome)) return false;
    }
    return numbers == kTable.size();
}
static_assert(has_each_once());
static_assert(kTable.size() == kOutcomes);

std::uint8_t row_of(Outcome outcome) { return kRows[static_cast<std::uint8_t>(outcome)]; }

}  // namespace

std::string_view to_text(Outcome outcome) {
    const std::uint8_t row = row_of(outcome);
    return row == kNone ? "unknown" : kTable[row].word;
}

std::optional<Outcome> outcome_from_wire(std::uint64_t number) {
    if (number >= kNumbers || kRows[number] == kNone) return std::nullopt;
    return static_cast<Outcome>(number);
}

std::string_view sentence(Outcome outcome) {
    const std::uint8_t row = row_of(outcome);
    return row == kNone ? "" : kTable[row].sentence;
}

bool precedes(Outcome refusal, Outcome other) {
    return !is_accepted(refusal) && (is_accepted(other) || row_of(refusal) < row_of(other));
}

}  // namespace vouch
