#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"
#include "events/result.h"
#include "projector/queries/wide_sum.h"
#include "projector/views/view_store.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::projector {

class ShardReader;

/// Which state of a shard an answer is of.
struct AsOf {
    ShardId shard;
    std::optional<RecordNumber> record;  ///< the last one applied; empty before the first
    friend bool operator==(const AsOf&, const AsOf&) = default;
};

/// Where in the books something was recorded.
struct RecordedAt {
    ShardId shard;
    RecordNumber record;
    EventNumber event;
    Timestamp time;  ///< the record's
    friend bool operator==(const RecordedAt&, const RecordedAt&) = default;
};

using MetadataPairs = std::vector<std::pair<std::string, std::string>>;

/// What an account is: as it was opened, with risk class and metadata as they are now.
struct AccountInfo {
    LedgerId ledger;
    AccountId id;
    AccountNumber number;
    std::string name;  ///< empty when opened by number
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    std::string chart_code;
    std::string owner;
    std::uint8_t risk_class = 0;
    MetadataPairs metadata;
    RecordedAt opened;

    /// As people wrote it: the name, else the id in hexadecimal.
    std::string shown() const { return name.empty() ? id_text(id) : name; }
};

/// An account and what is on it.
struct AccountBalance {
    AccountInfo account;
    Totals totals;
    Limit limit;
    AccountState state;
    Version version;
    AsOf as_of;
};

/// A posting and its account after it.
struct StatementRow {
    std::string account;  ///< as shown
    AccountId account_id;
    AccountClass account_class = AccountClass::asset;
    Asset asset;
    CommandId entry;
    Side side = Side::debit;
    Amount amount;
    Totals totals;
    Version version;
    RecordedAt recorded;
    std::uint16_t change = 0;  ///< position among the event's changes
};

/// A place between two rows of a statement: just after the row it names.
struct StatementPosition {
    Timestamp time;
    ShardId shard;
    EventNumber event;
    std::uint16_t change = 0;

    /// For callers who hand it out as an opaque cursor.
    std::string text() const;
    static std::optional<StatementPosition> parse(std::string_view text);
    friend auto operator<=>(const StatementPosition&, const StatementPosition&) = default;
};

struct StatementQuery {
    LedgerId ledger;
    std::optional<AccountId> account;        ///< empty: all accounts of the ledger
    std::optional<Timestamp> at;             ///< rows up to and including this time
    std::optional<StatementPosition> after;  ///< where the page before ended
    std::size_t rows_max = kStatementPageRows;

    static constexpr std::size_t kStatementPageRows = 1000;
};

struct StatementPage {
    std::vector<StatementRow> rows;         ///< oldest first: by time, shard, event, change
    std::optional<StatementPosition> next;  ///< for the next page; empty when this is the last
    std::vector<AsOf> as_of;                ///< of the account's shard, or of all
};

/// One event with the bytes that it borrows from.
class FoundEvent {
public:
    RecordedAt recorded;
    const Event& event() const { return event_; }
    /// The member of that id, when the event is that of a failed group; else empty.
    std::optional<std::size_t> member;

private:
    friend class Books;
    Bytes bytes_;
    Arena arena_;
    Event event_;
};

/// What became of a command.
struct CommandOutcome {
    CommandId id;
    Outcome outcome = Outcome::malformed;
    RecordedAt recorded;
    Facts facts;
    std::optional<Asset> asset;          ///< of the amounts in `facts` and of `moved`, where known
    std::string account;                 ///< as shown, of `facts`; empty when they are about none
    std::optional<Amount> moved;         ///< when the command did not say it exactly
    std::optional<CommandId> group;      ///< the group that it was a member of
    std::vector<CommandId> member_ids;   ///< of a group
    std::vector<MemberOutcome> members;  ///< of a group, one for each member
};

/// One posting of an entry, as it was asked and what it led to.
struct EntryPosting {
    std::string account;  ///< as shown
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    Side side = Side::debit;
    Amount amount;
    Amount refunded;  ///< of this posting so far
    Totals totals;    ///< the account's, after it
    Version version;
};

/// A journal entry: the voucher and its postings.
struct EntryAnswer {
    CommandId id;
    LedgerId ledger;
    std::string kind;  ///< "transfer", "post_entry", "capture_hold", "reverse", "refund"
    Outcome outcome = Outcome::posted;
    std::vector<EntryPosting> postings;
    std::optional<CommandId> original;  ///< the hold captured, the entry reversed or refunded
    bool reversed = false;
    std::string context, actor_id, actor_address, actor_device, module, ticket, voucher_type,
        channel;
    MetadataPairs metadata;
    RecordedAt recorded;
    AsOf as_of;
};

/// A hold as it is now.
struct HoldAnswer {
    CommandId id;
    LedgerId ledger;
    std::string payer;  ///< as shown
    std::string payee;  ///< empty: none yet
    Asset asset;
    Amount amount;  ///< as placed
    Amount remaining;
    Amount captured;
    HoldStatus status = HoldStatus::open;
    Timestamp expires_at;  ///< 0: never
    RecordedAt placed;
    EventNumber last_event;
    AsOf as_of;
};

/// Totals of all accounts of one asset.
struct TrialBalanceLine {
    Asset asset;
    WideSum debits_posted, credits_posted, debits_held, credits_held;
    /// Held sums may differ: a hold without payee reserves room on no account.
    bool is_even() const { return debits_posted == credits_posted; }
};

/// The read side of a deployment: typed questions over the views of all its shards. Answers are as
/// of the snapshot taken when the object is made, so several questions to one object agree. Without
/// a time an answer is as of each view's newest record; with one, after all events up to and
/// including it (account_opened data and state of holds and entries are always the newest).
///
/// A command's id is known to the shard that decided it. Should two shards know one (producers see
/// to it that they do not, and the reconciler reports it), the one of the lower number answers.
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

    std::vector<AsOf> as_of() const;

    /// Empty when the account is not open (or was not, at that time).
    Result<std::optional<AccountBalance>> balance(LedgerId ledger, AccountId account,
                                                  std::optional<Timestamp> at = {});
    using BalanceVisitor = std::function<bool(const AccountBalance&)>;
    /// Every account by shard and then in the order of opening, until the visitor says false.
    /// Without a ledger: of all ledgers.
    Status balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                    const BalanceVisitor& visit);

    /// `account` unknown: an empty page.
    Result<StatementPage> statement(const StatementQuery& query);

    /// Empty when no accepted command of that id made postings.
    Result<std::optional<EntryAnswer>> entry(LedgerId ledger, CommandId id);
    Result<std::optional<HoldAnswer>> hold(LedgerId ledger, CommandId id);
    /// Empty for an id never seen.
    Result<std::optional<CommandOutcome>> outcome(LedgerId ledger, CommandId id);
    /// The event that a command led to first, for whoever wants all of it.
    Result<std::unique_ptr<FoundEvent>> find_event(LedgerId ledger, CommandId id);

    /// By asset. Without a ledger: of all ledgers together.
    Result<std::vector<TrialBalanceLine>> trial_balance(std::optional<LedgerId> ledger,
                                                        std::optional<Timestamp> at = {});

    /// Events that carry this context, oldest first per shard, at most `events_max`.
    Result<std::vector<RecordedAt>> with_context(LedgerId ledger, std::string_view context,
                                                 std::size_t events_max);
    /// Accounts of this owner, by shard and number, at most `accounts_max`.
    Result<std::vector<AccountBalance>> of_owner(LedgerId ledger, std::string_view owner,
                                                 std::size_t accounts_max);

private:
    explicit Books(std::vector<std::unique_ptr<ShardReader>> shards);

    std::string shown(LedgerId ledger, AccountId account);
    ShardReader& shard_of_account(AccountId account);
    Status fill_facts(const Command& command, CommandOutcome& outcome);
    static AccountBalance balance_of(const AccountInfo& account, const Change& newest, AsOf as_of);

    std::vector<std::unique_ptr<ShardReader>> shards_;
};

}  // namespace vouch::projector
