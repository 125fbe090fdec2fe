#include "events/money/outcome.h"

#include <array>

namespace vouch {

namespace {

constexpr std::array kAll = {
    Outcome::opened,
    Outcome::updated,
    Outcome::frozen,
    Outcome::unfrozen,
    Outcome::closed,
    Outcome::posted,
    Outcome::held,
    Outcome::extended,
    Outcome::captured,
    Outcome::released,
    Outcome::reversed,
    Outcome::refunded,
    Outcome::done,
    Outcome::clock_set,
    Outcome::malformed,
    Outcome::too_large,
    Outcome::conflict,
    Outcome::command_expired,
    Outcome::account_missing,
    Outcome::account_not_found,
    Outcome::account_exists,
    Outcome::wrong_account,
    Outcome::same_account,
    Outcome::asset_mismatch,
    Outcome::zero_amount,
    Outcome::unbalanced,
    Outcome::account_closed,
    Outcome::debits_frozen,
    Outcome::credits_frozen,
    Outcome::version_mismatch,
    Outcome::hold_not_found,
    Outcome::hold_closed,
    Outcome::hold_expired,
    Outcome::exceeds_hold,
    Outcome::entry_not_found,
    Outcome::already_reversed,
    Outcome::already_refunded,
    Outcome::refund_exceeds_payment,
    Outcome::not_zero,
    Outcome::in_use,
    Outcome::insufficient_funds,
    Outcome::amount_overflow,
    Outcome::group_failed,
    Outcome::not_supported_across_shards,
};

}  // namespace

std::string_view to_text(Outcome outcome) {
    switch (outcome) {
        case Outcome::opened:
            return "opened";
        case Outcome::updated:
            return "updated";
        case Outcome::frozen:
            return "frozen";
        case Outcome::unfrozen:
            return "unfrozen";
        case Outcome::closed:
            return "closed";
        case Outcome::posted:
            return "posted";
        case Outcome::held:
            return "held";
        case Outcome::extended:
            return "extended";
        case Outcome::captured:
            return "captured";
        case Outcome::released:
            return "released";
        case Outcome::reversed:
            return "reversed";
        case Outcome::refunded:
            return "refunded";
        case Outcome::done:
            return "done";
        case Outcome::clock_set:
            return "clock_set";
        case Outcome::malformed:
            return "malformed";
        case Outcome::too_large:
            return "too_large";
        case Outcome::conflict:
            return "conflict";
        case Outcome::command_expired:
            return "command_expired";
        case Outcome::account_missing:
            return "account_missing";
        case Outcome::account_not_found:
            return "account_not_found";
        case Outcome::account_exists:
            return "account_exists";
        case Outcome::wrong_account:
            return "wrong_account";
        case Outcome::same_account:
            return "same_account";
        case Outcome::asset_mismatch:
            return "asset_mismatch";
        case Outcome::zero_amount:
            return "zero_amount";
        case Outcome::unbalanced:
            return "unbalanced";
        case Outcome::account_closed:
            return "account_closed";
        case Outcome::debits_frozen:
            return "debits_frozen";
        case Outcome::credits_frozen:
            return "credits_frozen";
        case Outcome::version_mismatch:
            return "version_mismatch";
        case Outcome::hold_not_found:
            return "hold_not_found";
        case Outcome::hold_closed:
            return "hold_closed";
        case Outcome::hold_expired:
            return "hold_expired";
        case Outcome::exceeds_hold:
            return "exceeds_hold";
        case Outcome::entry_not_found:
            return "entry_not_found";
        case Outcome::already_reversed:
            return "already_reversed";
        case Outcome::already_refunded:
            return "already_refunded";
        case Outcome::refund_exceeds_payment:
            return "refund_exceeds_payment";
        case Outcome::not_zero:
            return "not_zero";
        case Outcome::in_use:
            return "in_use";
        case Outcome::insufficient_funds:
            return "insufficient_funds";
        case Outcome::amount_overflow:
            return "amount_overflow";
        case Outcome::group_failed:
            return "group_failed";
        case Outcome::not_supported_across_shards:
            return "not_supported_across_shards";
    }
    return "unknown";
}

std::optional<Outcome> parse_outcome(std::string_view text) {
    for (const Outcome outcome : kAll) {
        if (to_text(outcome) == text) return outcome;
    }
    return std::nullopt;
}

std::optional<Outcome> outcome_from_wire(std::uint64_t number) {
    constexpr std::uint64_t kAcceptedEnd = static_cast<std::uint64_t>(Outcome::clock_set) + 1;
    constexpr std::uint64_t kRefusedEnd =
        static_cast<std::uint64_t>(Outcome::not_supported_across_shards) + 1;
    const bool is_known =
        (number >= static_cast<std::uint64_t>(Outcome::opened) && number < kAcceptedEnd) ||
        (number >= static_cast<std::uint64_t>(Outcome::malformed) && number < kRefusedEnd);
    if (!is_known) return std::nullopt;
    return static_cast<Outcome>(number);
}

std::string_view sentence(Outcome outcome) {
    switch (outcome) {
        case Outcome::opened:
            return "The account is open.";
        case Outcome::updated:
            return "The account was updated.";
        case Outcome::frozen:
            return "The account is frozen as asked.";
        case Outcome::unfrozen:
            return "The account is no longer frozen as asked.";
        case Outcome::closed:
            return "The account is closed for good.";
        case Outcome::posted:
            return "The entry was posted.";
        case Outcome::held:
            return "The funds are held.";
        case Outcome::extended:
            return "The hold lasts until its new expiry.";
        case Outcome::captured:
            return "The held funds were posted.";
        case Outcome::released:
            return "What the hold had left is free again.";
        case Outcome::reversed:
            return "The entry was reversed.";
        case Outcome::refunded:
            return "The refund was posted.";
        case Outcome::done:
            return "Every command of the group was accepted.";
        case Outcome::clock_set:
            return "The test clock was set.";
        case Outcome::malformed:
            return "The command is not well-formed.";
        case Outcome::too_large:
            return "The command is too large.";
        case Outcome::conflict:
            return "The id was used before for another command; that one's outcome stands.";
        case Outcome::command_expired:
            return "The command came after its expiry.";
        case Outcome::account_missing:
            return "The command does not name an account that it needs.";
        case Outcome::account_not_found:
            return "There is no such account.";
        case Outcome::account_exists:
            return "There is an account of this id already.";
        case Outcome::wrong_account:
            return "The account named is not the one of the hold or entry.";
        case Outcome::same_account:
            return "Debit and credit are the same account.";
        case Outcome::asset_mismatch:
            return "The accounts or the amount are not of the same asset and scale.";
        case Outcome::zero_amount:
            return "The amount is zero.";
        case Outcome::unbalanced:
            return "Debits and credits of the entry are not equal in every asset.";
        case Outcome::account_closed:
            return "The account is closed.";
        case Outcome::debits_frozen:
            return "The account is frozen for debits.";
        case Outcome::credits_frozen:
            return "The account is frozen for credits.";
        case Outcome::version_mismatch:
            return "The account has changed: its version is not the expected one.";
        case Outcome::hold_not_found:
            return "There is no such hold.";
        case Outcome::hold_closed:
            return "The hold was captured or released already.";
        case Outcome::hold_expired:
            return "The hold has expired.";
        case Outcome::exceeds_hold:
            return "The amount is more than the hold has left.";
        case Outcome::entry_not_found:
            return "There is no such entry, or it has no such postings.";
        case Outcome::already_reversed:
            return "The entry was reversed already.";
        case Outcome::already_refunded:
            return "The entry was refunded already, so it cannot be reversed.";
        case Outcome::refund_exceeds_payment:
            return "The refunds would be more than was paid.";
        case Outcome::not_zero:
            return "The account's balance is not zero.";
        case Outcome::in_use:
            return "Funds are held on the account.";
        case Outcome::insufficient_funds:
            return "The account has not enough available.";
        case Outcome::amount_overflow:
            return "The account's total would leave the range of amounts.";
        case Outcome::group_failed:
            return "A command of the group was refused, so nothing of the group was done.";
        case Outcome::not_supported_across_shards:
            return "The accounts are on different shards, which this command does not support.";
    }
    return "";
}

}  // namespace vouch
