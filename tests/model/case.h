#pragma once

#include "events/entries/command.h"
#include "events/entries/event.h"
#include "tests/model/books.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace vouch::model {

/// One change of an account: what it adds to a side (or takes, when negative).
struct Leg {
    AccountId account;
    Side side = Side::debit;
    Integer posted;
    Integer held;
};

struct Refusal {
    Outcome outcome;
    Facts facts;
};

/// One command against the books as they are: which accounts, hold and entry it is about, and the
/// first row of the table of refusals that applies (docs/rules.md, "Refusals, in order").
class Case {
public:
    /// `books` and `command` outlive the case.
    Case(const Books& books, const Command& command, Timestamp now, std::uint32_t shards,
         ShardId shard);

    /// The rows from command_expired to in_use, which need no amounts.
    std::optional<Refusal> refusal_before_posting() const;
    /// The changes that an accepted command makes, in order; what a balancing command moves is
    /// capped here. Only after refusal_before_posting found nothing. Legs of other shards are left
    /// out.
    std::vector<Leg> legs() const;
    /// insufficient_funds for a balancing command that could move nothing.
    std::optional<Refusal> refusal_of_balancing() const;
    /// The first account named that lives on another shard.
    std::optional<AccountId> named_on_another_shard() const;

    /// What is moved, held, captured or refunded; zero for commands that move nothing.
    Integer amount() const;
    /// True when the command itself says amount().
    bool says_amount() const;

    const Hold* hold() const { return hold_; }
    const Entry* entry() const { return entry_; }
    /// Positions of the debit and the credit that a refund gives back.
    std::optional<std::pair<std::size_t, std::size_t>> refunded_postings() const {
        return refunded_;
    }
    /// What a hold gives up beside what it captures.
    Integer released_rest() const;
    std::optional<AccountId> payee() const { return credit_; }

    /// What is known of an account, for a refused caller.
    Facts facts_of(AccountId account) const;

private:
    using Pair = std::pair<std::size_t, std::size_t>;

    void look_at(const OpenAccount& body);
    void look_at(const UpdateAccount& body);
    void look_at(const FreezeAccount& body);
    void look_at(const UnfreezeAccount& body);
    void look_at(const CloseAccount& body);
    void look_at(const Transfer& body);
    void look_at(const PostEntry& body);
    void look_at(const PlaceHold& body);
    void look_at(const CaptureHold& body);
    void look_at(const ReleaseHold& body);
    void look_at(const ExtendHold& body);
    void look_at(const Reverse& body);
    void look_at(const Refund& body);
    void look_at(const Group& body);
    void look_at(const SetClock& body);

    void name(AccountId account);
    void touch(AccountId account);
    void find_hold(CommandId id, AccountId account);
    std::optional<Pair> find_refunded(const Refund& body) const;

    bool is_here(AccountId account) const;
    const Account* find(AccountId account) const;
    std::optional<Refusal> refusal_by_accounts() const;
    std::optional<Refusal> refusal_by_assets() const;
    std::optional<Refusal> refusal_by_state() const;
    std::optional<Refusal> refusal_by_hold() const;
    std::optional<Refusal> refusal_by_entry() const;
    std::optional<Refusal> refusal_of_closing() const;
    Integer capped(Integer amount, Balancing balancing) const;
    bool moves_nothing() const;
    bool is_unbalanced() const;
    Integer left_to_refund() const;

    const Books& books_;
    const Command& command_;
    Timestamp now_;
    std::uint32_t shards_;
    ShardId shard_;

    bool lacks_account_ = false;
    std::vector<AccountId> named_;    ///< as written in the command, debit before credit
    std::vector<AccountId> touched_;  ///< and those that follow from its hold or entry
    std::optional<AccountId> opens_;
    std::optional<AccountId> wrong_;
    std::optional<AccountId> debit_;  ///< of a command with one debit and one credit
    std::optional<AccountId> credit_;
    std::vector<Amount> given_amounts_;
    std::vector<AccountId> newly_debited_;
    std::vector<AccountId> newly_credited_;
    bool needs_hold_ = false;
    const Hold* hold_ = nullptr;
    bool needs_entry_ = false;
    const Entry* entry_ = nullptr;
    std::optional<Pair> refunded_;
};

/// The account whose shard decides `command`; zero when the command does not say.
AccountId deciding_account_of(const Command& command);

}  // namespace vouch::model
