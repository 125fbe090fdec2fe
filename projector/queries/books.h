#pragma once

#include "events/result.h"
#include "projector/queries/account_balance.h"
#include "projector/queries/command_outcome.h"
#include "projector/queries/entry_answer.h"
#include "projector/queries/found_event.h"
#include "projector/queries/hold_answer.h"
#include "projector/queries/pending.h"
#include "projector/queries/recorded_at.h"
#include "projector/queries/statement.h"
#include "projector/queries/trial_balance.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vouch::projector {

class ShardReaders;
class ViewStore;
class WaysOut;

/// The read side of a deployment: typed questions over the views of all its shards. Answers are as
/// of the snapshot taken when the object is made, so several questions to one object agree. Without
/// a time an answer is as of each view's newest record; with one, after all events up to and
/// including it (account_opened data and state of holds and entries are always the newest).
///
/// What crosses shards is led by one of them, which alone knows its id; the other shard's part is
/// found through the answer that the outcome names. An answer of the outcome, entry or hold of what
/// is in transit is not final, every other is: views hold nothing but what is durable.
///
/// A command's id is known to the shard that decided it. Should two shards know one (the gateway
/// refuses that; racing producers can bring it about, and the reconciler observes it), the one of
/// the lower number answers, and names the events of the `others`.
///
/// A shard is complete below the time of its newest record, because a later one is never earlier.
/// An answer about a time before that, on every shard that it reads, is settled: the same for ever.
///
/// Faults: `corrupt` when rows contradict each other or no encoder wrote them, `storage` when they
/// cannot be read. One thread; the stores outlive it.
class Books {
public:
    /// `stores` by shard number, all of them.
    static Result<Books> open(std::span<ViewStore* const> stores);
    Books(Books&&) noexcept;
    Books& operator=(Books&&) noexcept;
    ~Books();

    /// What reads every account ends, `retriable`, as soon as this is true. Outlives these books.
    void end_when(const std::atomic<bool>& ending) { ending_ = &ending; }

    /// What is known of accounts from earlier questions, and goes on with these. Outlives it.
    void go_on_from(WaysOut& known) { ways_out_ = &known; }

    /// What the asker's clock says: what is due by then shows as due. Without it, as with a test
    /// clock, time stands at each shard's newest record.
    void set_present(Timestamp present) { present_ = present; }

    /// The newest record, or the last one at or before `at`, of the account's shard, or without one
    /// of every shard. Of a settled time it is always the same.
    Result<std::vector<AsOf>> as_of(std::optional<Timestamp> at = {},
                                    std::optional<AccountId> account = {}) const;
    /// The shard is complete below this, the time of its newest record; empty without one.
    std::optional<Timestamp> complete_below(ShardId shard) const;
    /// Whether an answer about `at` can never change: the account's shard, or without one every
    /// shard, is complete past it.
    bool is_settled(Timestamp at, std::optional<AccountId> account = {}) const;

    /// Whether a command was ever decided in the ledger; always of 0, which is asked about where
    /// none is named.
    Result<bool> has_ledger(LedgerId ledger);

    /// Empty when the account is not open (or was not, at that time).
    Result<std::optional<AccountBalance>> balance(LedgerId ledger, AccountId account,
                                                  std::optional<Timestamp> at = {});
    using BalanceVisitor = std::function<bool(const AccountBalance&)>;
    /// Every account by shard and then in the order of opening, beginning with `from`, until the
    /// visitor says false; transit accounts apart. Without a ledger: of all ledgers.
    Status balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                    const AccountPosition& from, const BalanceVisitor& visit);

    /// `account` unknown: an empty page.
    Result<StatementPage> statement(const StatementQuery& query);

    /// Empty when no accepted command of that id made postings.
    Result<std::optional<EntryAnswer>> entry(LedgerId ledger, CommandId id);
    Result<std::optional<HoldAnswer>> hold(LedgerId ledger, CommandId id);
    /// Empty for an id never seen.
    Result<std::optional<CommandOutcome>> outcome(LedgerId ledger, CommandId id);
    /// The event that a command led to first, for whoever wants all of it.
    Result<std::unique_ptr<FoundEvent>> find_event(LedgerId ledger, CommandId id);

    /// What has not come to its end: oldest first. A shard that cannot be read is named, and the
    /// others answer. Crossings of the newest state, and what is due by now.
    Result<PendingPage> pending(const PendingQuery& query);

    /// By asset. Without a ledger: of all ledgers together.
    Result<std::vector<TrialBalanceLine>> trial_balance(std::optional<LedgerId> ledger,
                                                        std::optional<Timestamp> at = {});

private:
    explicit Books(std::unique_ptr<ShardReaders> shards);

    /// Transit accounts too.
    Status all_balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                        const AccountPosition& from, const BalanceVisitor& visit);
    /// The events under this id on shards but the one told of.
    Result<std::vector<RecordedAt>> other_events(LedgerId ledger, CommandId id, ShardId told);
    /// What holds may be due by: never what is still to come.
    Timestamp due_by(const ShardReader& shard, std::optional<Timestamp> at) const;
    Result<AccountBalance> balance_of(ShardReader& shard, const AccountInfo& account,
                                      const Change& newest, std::optional<Timestamp> at,
                                      EventNumber end, AsOf as_of) const;

    std::unique_ptr<ShardReaders> shards_;
    const std::atomic<bool>* ending_ = nullptr;
    WaysOut* ways_out_ = nullptr;
    std::optional<Timestamp> present_;
};

}  // namespace vouch::projector
