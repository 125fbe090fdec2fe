#pragma once

#include "events/money/amount.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace vouch {

enum class Side : std::uint8_t { debit = 1, credit = 2 };

constexpr Side opposite(Side side) { return side == Side::debit ? Side::credit : Side::debit; }

/// Source: schemas/command.proto, AccountClass; the numbers are the wire's.
enum class AccountClass : std::uint8_t {
    asset = 1,
    liability = 2,
    equity = 3,
    income = 4,
    expense = 5
};

/// The side that increases an account: debit for assets and expenses, credit for the others.
constexpr Side normal_side(AccountClass account_class) {
    switch (account_class) {
        case AccountClass::asset:
        case AccountClass::expense:
            return Side::debit;
        case AccountClass::liability:
        case AccountClass::equity:
        case AccountClass::income:
            return Side::credit;
    }
    return Side::credit;
}

std::string_view to_text(AccountClass account_class);
std::optional<AccountClass> parse_account_class(std::string_view text);

/// What a freeze refuses. A set: freezing debits and then credits blocks both.
enum class Block : std::uint8_t { none = 0, debits = 1, credits = 2, both = 3 };

constexpr Block operator|(Block a, Block b) {
    return static_cast<Block>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
/// `a` without what `b` blocks.
constexpr Block without(Block a, Block b) {
    return static_cast<Block>(static_cast<std::uint8_t>(a) & ~static_cast<std::uint8_t>(b) & 3U);
}
constexpr bool blocks(Block block, Side side) {
    return (static_cast<std::uint8_t>(block) & static_cast<std::uint8_t>(side)) != 0;
}
std::string_view to_text(Block block);
std::optional<Block> parse_block(std::string_view text);

/// ACTIVE and FROZEN are told apart by the block; CLOSED is final.
struct AccountState {
    Block block = Block::none;
    bool closed = false;

    friend bool operator==(const AccountState&, const AccountState&) = default;
};
/// "active", "frozen" or "closed".
std::string_view to_text(AccountState state);

/// How far below zero an account may go on its normal side.
class Limit {
public:
    constexpr Limit() = default;  ///< zero: never below
    constexpr explicit Limit(Amount below_zero) : below_zero_(below_zero) {}
    static constexpr Limit unlimited() {
        Limit limit;
        limit.unlimited_ = true;
        return limit;
    }
    constexpr bool is_unlimited() const { return unlimited_; }
    /// Meaningless (zero) when unlimited.
    constexpr Amount below_zero() const { return below_zero_; }

    friend constexpr bool operator==(const Limit&, const Limit&) = default;

private:
    Amount below_zero_{};
    bool unlimited_ = false;
};

/// An account's four totals. Per side, posted + held fits 128 bits (Outcome::amount_overflow).
/// Nothing is one signed number; what may still be spent follows from these and the limit.
struct Totals {
    Amount debits_posted;
    Amount credits_posted;
    Amount debits_held;
    Amount credits_held;

    constexpr Amount posted(Side side) const {
        return side == Side::debit ? debits_posted : credits_posted;
    }
    constexpr Amount held(Side side) const {
        return side == Side::debit ? debits_held : credits_held;
    }
    constexpr Amount& posted(Side side) {
        return side == Side::debit ? debits_posted : credits_posted;
    }
    constexpr Amount& held(Side side) { return side == Side::debit ? debits_held : credits_held; }

    friend constexpr bool operator==(const Totals&, const Totals&) = default;
};

/// What postings against the normal side may still take: normal posted + limit - opposite posted -
/// opposite held, never below zero. Empty means without bound (an unlimited account), and also a
/// bound of 2^128 or more, which caps nothing.
std::optional<Amount> available(const Totals& totals, Side normal, const Limit& limit);

/// True when opposite posted + opposite held <= normal posted + limit, computed without wrapping.
bool is_within_limit(const Totals& totals, Side normal, const Limit& limit);

/// The balance on the normal side, which may be below zero: magnitude and sign.
struct SignedBalance {
    Amount magnitude;
    bool negative = false;
};
SignedBalance balance(const Totals& totals, Side normal);

}  // namespace vouch
