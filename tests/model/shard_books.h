#pragma once

#include "events/entries/event.h"
#include "tests/model/books.h"
#include "tests/model/owned_command.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace vouch::test {

/// The books of all shards, folded from their events alone, and held after every event against what
/// must be so at every moment:
/// - on each shard, ledger and asset, debits are credits, posted and held (a hold without payee
///   stands on one side);
/// - what transit accounts hold is what commands have under way: sent, not taken, not come back;
///   so what all other accounts have, with what is under way, is nothing gained and nothing lost;
/// - what is held on them is what open holds toward other shards have left, as each side knows it;
/// - versions have no gaps, a closed account stays as it is and has nothing unanswered, and no
///   account is beyond its limit, nor would be if all that is unanswered came back;
/// - a command has one outcome, and is followed once.
///
/// Events come in an order in which no step is taken before it is sent. One thread.
class ShardBooks {
public:
    explicit ShardBooks(std::uint32_t shards) : shards_(shards) {}

    void take(ShardId shard, const Event& event);
    /// Whether steps of commands or of holds are still to be taken.
    bool is_under_way() const;
    /// What must be so besides when nothing is under way.
    void check_at_rest();
    /// What was wrong, in the order of the events; empty when nothing was.
    const std::vector<std::string>& faults() const { return faults_; }

    struct Account {
        LedgerId ledger;
        AccountId id;  ///< zero: a transit account
        Asset asset;
        AccountClass account_class = AccountClass::liability;
        std::optional<std::pair<ShardId, ShardId>> transit;  ///< from, to
        Change newest;
        model::Integer unanswered{};  ///< what commands in transit could bring back
    };
    template <class Id>
    using Keyed = model::Keyed<Id>;

    const Account* find(Keyed<AccountId> key) const;
    /// Every account but the transit accounts.
    std::vector<const Account*> accounts() const;
    std::vector<const Account*> transits() const;
    /// As their own events say, members of groups that succeeded too.
    const std::map<Keyed<CommandId>, Outcome>& outcomes() const { return outcomes_; }
    /// Of the shards that lead them.
    const std::map<Keyed<CommandId>, HoldState>& holds() const { return holds_; }

    /// What a shard took over, in the order in which it decided: commands that were accepted and
    /// holds that expired. Of one in transit the outcome comes later, and may be a refusal.
    struct Accepted {
        OwnedCommand command;  ///< of an expiry, a release of the hold without id
        bool is_expiry = false;
        std::optional<Outcome> outcome;
        std::optional<Amount> moved;
        bool crossed = false;
    };
    const std::vector<Accepted>& accepted() const { return accepted_; }
    /// Holds that did not get back what a capture could not move, as their account's debits were
    /// full: from there on the books are no longer those of one shard.
    std::size_t holds_cut() const { return holds_cut_; }
    std::size_t crossings_begun() const { return crossings_begun_; }
    std::size_t crossings_refused() const { return crossings_refused_; }

private:
    using Integer = model::Integer;
    using NumberKey = std::pair<ShardId, AccountNumber>;
    using Money = std::pair<LedgerId, Asset>;
    struct Sums {
        Integer posted;  ///< debits less credits
        Integer held;
    };
    /// A command in transit.
    struct Crossing {
        std::size_t place = 0;  ///< in accepted_
        Money money;
        Integer sent;                    ///< posted on the leading shard's transit account
        std::optional<NumberKey> payer;  ///< when some of it could come back
        std::optional<Integer> taken;
        bool is_followed = false;
    };

    void fault(const std::string& what);
    void open(ShardId shard, const Account& account);
    void take_changes(ShardId shard, std::span<const Change> changes);
    void check_change(const Account& account, const Change& next);
    void check_limit(const Account& account);
    void take_hold(ShardId shard, LedgerId ledger, const HoldState& hold);
    void take_followed_hold(ShardId shard, LedgerId ledger, const HoldState& hold);
    void take_decided(ShardId shard, const CommandDecided& decided);
    void take_in_transit(ShardId shard, const CommandInTransit& sent);
    void take_outcome(ShardId shard, const CommandAnswered& answered);
    void count_captured(const Command& command, const Integer& amount);
    void check_captured();
    void check_held_again(const CommandAnswered& answered, const Crossing& crossing);
    void take_followed(ShardId shard, const StepFollowed& followed);
    std::optional<Integer> amount_of(const Command& command, std::optional<Amount> moved) const;
    void check_sums(ShardId shard);

    std::uint32_t shards_;
    std::size_t events_ = 0;
    std::map<NumberKey, Account> rows_;
    std::map<Keyed<AccountId>, NumberKey> numbers_;
    std::map<Keyed<CommandId>, HoldState> holds_;
    std::map<std::pair<ShardId, Keyed<CommandId>>, HoldState> followed_holds_;  // by its shard
    std::map<std::pair<ShardId, Money>, Sums> sums_;          // of all accounts of a shard
    std::map<std::pair<ShardId, Money>, Integer> one_sided_;  // held without payee
    std::map<Money, Integer> in_flight_;                      // as commands say
    std::map<Money, Integer> in_transit_;                     // as transit accounts say
    /// Credits less debits held on the transit accounts of the leading and the following shard, as
    /// the accounts say and as the holds say.
    using HeldByPair = std::map<std::tuple<ShardId, ShardId, Money>, std::pair<Integer, Integer>>;
    HeldByPair held_in_transit_;
    HeldByPair left_of_holds_;
    std::map<Keyed<CommandId>, Crossing> crossings_;
    std::map<Keyed<CommandId>, Integer> followed_entries_;
    std::map<Keyed<CommandId>, Outcome> outcomes_;
    std::vector<Accepted> accepted_;
    std::vector<NumberKey> changed_;  // by the event being taken
    std::optional<Keyed<CommandId>> changed_hold_;
    Amount left_before_;  // of it
    std::map<Keyed<CommandId>, Integer> captured_;
    std::size_t holds_cut_ = 0;
    std::size_t crossings_begun_ = 0;
    std::size_t crossings_refused_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace vouch::test
