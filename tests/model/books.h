#pragma once

#include "events/entries/event.h"

#include <boost/multiprecision/cpp_int.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::model {

/// A whole number of any size and sign, so that no sum of the model can leave its range unseen.
using Integer = boost::multiprecision::cpp_int;

Integer to_integer(Amount amount);
/// `value` must be 0 to 2^128 - 1.
Amount to_amount(const Integer& value);

/// What one side of an account has seen.
struct SideTotals {
    Integer posted;
    Integer held;
    friend bool operator==(const SideTotals&, const SideTotals&) = default;
};

/// An account as the rules speak of it.
struct Account {
    AccountId id;
    AccountNumber number;
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    std::optional<Integer> limit;  ///< empty: unlimited
    SideTotals debits;
    SideTotals credits;
    AccountState state;
    std::uint64_t version = 0;

    const SideTotals& on(Side side) const { return side == Side::debit ? debits : credits; }
    SideTotals& on(Side side) { return side == Side::debit ? debits : credits; }

    Side normal() const { return normal_side(account_class); }
    Side lowering() const { return opposite(normal()); }
    /// Empty when unlimited; may be below zero only on the way through a decision.
    std::optional<Integer> available() const;
    bool is_within_limit() const { return !available() || *available() >= 0; }
    bool overflows() const;
};

struct Hold {
    AccountId payer;
    std::optional<AccountId> payee;  ///< a capture that names one leaves it empty
    Integer remaining;
    Integer captured;
    std::int64_t expires_at = 0;  ///< 0: never
    HoldStatus status = HoldStatus::open;
};

struct EntryPosting {
    AccountId account;
    Side side = Side::debit;
    Integer amount;
    Integer refunded;
};

/// What a transfer, an entry or a capture posted.
struct Entry {
    std::vector<EntryPosting> postings;
    bool reversed = false;
};

/// The first outcome of an id.
struct Seen {
    std::string content;  ///< content_of the command
    Outcome outcome = Outcome::malformed;
    Facts facts;
    std::optional<Amount> moved;
    std::vector<MemberOutcome> members;
};

template <class Id>
using Keyed = std::pair<LedgerId, Id>;

/// All that a shard knows.
struct Books {
    std::map<Keyed<AccountId>, Account> accounts;
    std::map<Keyed<CommandId>, Hold> holds;
    std::map<Keyed<CommandId>, Entry> entries;
    std::map<Keyed<CommandId>, Seen> seen;
    std::uint32_t next_number = 0;
};

/// What a command asks for, as text: two commands ask for the same when their texts are equal.
std::string content_of(const Command& command);

}  // namespace vouch::model
