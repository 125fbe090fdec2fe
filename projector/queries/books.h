#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/money/account.h"
#include "events/money/asset.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"
#include "events/money/wide_sum.h"
#include "events/result.h"
#include "projector/views/view_store.h"

#include <atomic>
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
    std::optional<TransitRoute> transit;  ///< given for a transit account: it has no id

    /// As people wrote it: the name, else the id in hexadecimal; "transit 0>1" for what is on its
    /// way between two shards.
    std::string shown() const;
};

/// An account and what is on it.
struct AccountBalance {
    AccountInfo account;
    Totals totals;
    Limit limit;
    AccountState state;
    Version version;
    AsOf as_of;
    /// Of what is held, by holds that are due: they have come to their end, the next record says so,
    /// and what they hold is available.
    Amount debits_due{};
    Amount credits_due{};
    /// Whether the answer is for ever; given for one about a time.
    std::optional<bool> settled{};

    Totals without_due() const;
};

/// A command's id as it is shown: the text that was sent, if any is known, else 32 hex digits.
std::string shown_id(CommandId id, std::string_view text);

/// A posting and its account after it.
struct StatementRow {
    std::string account;  ///< as shown
    AccountId account_id;
    AccountClass account_class = AccountClass::asset;
    Asset asset;
    CommandId entry;
    std::string entry_text;  ///< the entry's id as it was sent; empty where the event has no text
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

/// A transit account has no id: its shard and number name it.
struct TransitAccount {
    ShardId shard;
    AccountNumber number;
};

struct StatementQuery {
    LedgerId ledger;
    /// Empty: all accounts of the ledger, transit accounts apart.
    std::optional<AccountId> account;
    std::optional<Timestamp> at;             ///< rows up to and including this time
    std::optional<StatementPosition> after;  ///< where the page before ended
    std::size_t rows_max = kStatementPageRows;
    std::optional<TransitAccount> transit{};  ///< instead of `account`
    /// No row before which another shard may still write one: for who follows the pages while
    /// the books are written.
    bool complete_only = false;

    static constexpr std::size_t kStatementPageRows = 1000;
};

struct StatementPage {
    std::vector<StatementRow> rows;         ///< oldest first: by time, shard, event, change
    std::optional<StatementPosition> next;  ///< for the next page; empty when this is the last
    /// Where it ends, for who asks again later; empty when nothing is before it.
    std::optional<StatementPosition> follow{};
    /// The time of the row that it ends before, because something may still come before that one.
    std::optional<Timestamp> withheld{};
};

/// One event with the bytes that it borrows from.
class FoundEvent {
public:
    RecordedAt recorded;
    const Event& event() const { return event_; }
    /// Of the command that the event decided or sent on its way, a group for its members; null for
    /// another event.
    const Command* command() const;
    /// Of a command that crossed: what it led to first. Null for others.
    const CommandInTransit* sent() const;
    /// The member of that id, when the event is that of a failed group; else empty.
    std::optional<std::size_t> member;

private:
    friend class Books;
    Bytes bytes_;
    Bytes first_bytes_;
    Arena arena_;
    Event event_;
    std::optional<Event> first_;  ///< that an outcome of a crossing cites
};

/// Where an account comes among all: by shard, and then in the order of opening.
struct AccountPosition {
    ShardId shard;
    AccountNumber number;
    friend auto operator<=>(const AccountPosition&, const AccountPosition&) = default;
};

/// What became of a command.
struct CommandOutcome {
    CommandId id;
    /// Accepted so far: the outcome follows from another shard's answer. `outcome` says nothing.
    bool in_transit = false;
    Outcome outcome = Outcome::malformed;
    RecordedAt recorded;
    Facts facts;
    std::optional<Asset> asset;          ///< of the amounts in `facts` and of `moved`, where known
    std::string account;                 ///< as shown, of `facts`; empty when they are about none
    std::optional<Amount> moved;         ///< when the command did not say it exactly
    std::optional<CommandId> group;      ///< the group that it was a member of
    std::vector<std::string> member_ids; ///< of a group, as shown
    std::vector<MemberOutcome> members;  ///< of a group, one for each member
    std::optional<ShardId> to;           ///< in transit: the shard that is to answer
    std::optional<AnsweredBy> answered;  ///< the answer that the outcome of a crossing follows from
    AsOf as_of;
    std::string id_text;  ///< as it was sent; empty where the event has no text
    std::vector<RecordedAt> others;  ///< where else the id is a command's: see Books
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
    AccountId account_id;
    /// False when the view that has this posting is not that far, or it is not posted yet: totals
    /// and version then say nothing, and a zero amount is one that is not known.
    bool is_known = true;
};

struct ShownAttachment {
    std::string digest;  ///< in hexadecimal
    std::string media_type;
    std::uint64_t size = 0;  ///< in bytes; 0: not told
};

/// A journal entry: the voucher and its postings. One that crossed shards has two, on its shard the
/// debit of what finally moved, on the other the credit; what was sent and came back is in the
/// statement only.
struct EntryAnswer {
    CommandId id;
    std::string id_text;  ///< as it was sent; empty where the event has no text
    LedgerId ledger;
    std::string command;  ///< "transfer", "post_entry", "capture_hold", "reverse", "refund"
    /// The credit is on its way to another shard, which may still refuse it. `outcome` says
    /// nothing.
    bool in_transit = false;
    Outcome outcome = Outcome::posted;
    std::vector<EntryPosting> postings;
    std::optional<CommandId> original;  ///< the hold captured, the entry reversed or refunded
    bool reversed = false;
    std::string context, actor_id, actor_address, actor_device, module, ticket, channel, reason;
    VoucherKind kind = VoucherKind::none;
    Day document_date;  ///< 0: not told
    Trace trace;
    std::vector<std::pair<ReferenceType, std::string>> references;
    std::vector<ShownAttachment> attachments;
    MetadataPairs metadata;
    RecordedAt recorded;
    AsOf as_of;
    std::optional<AsOf> remote_as_of;  ///< of the other shard, when the entry crossed
    std::vector<RecordedAt> others;  ///< where else the id is a command's: see Books
};

/// A hold as it is now; one that crossed, as it is on its payer's shard, which leads.
struct HoldAnswer {
    CommandId id;
    std::string id_text;  ///< as it was sent; empty where the event has no text
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
    bool in_transit = false;  ///< the payee's shard has not said yet whether it takes it
    std::vector<RecordedAt> others;  ///< where else the id is a command's: see Books
    bool is_due = false;      ///< open, and past its end: the next record says so

    /// "due", or the status.
    std::string_view shown_status() const;
};

/// Totals of all accounts of one asset: the same on any number of shards. What stands between
/// shards is told apart.
struct TrialBalanceLine {
    Asset asset;
    /// Without transit accounts, and without what was `returned`.
    WideSum debits_posted, credits_posted, debits_held, credits_held;
    /// What was posted on transit accounts. Credits beyond debits are on their way between shards;
    /// debits beyond credits, when the view of a shard that sent is behind one that took.
    WideSum transit_debits, transit_credits;
    /// Left for another shard, was refused there and came back. It stands on both sides of the
    /// accounts that had sent it, though nothing moved.
    WideSum returned;
    bool is_even_on_each_shard = true;
    std::optional<bool> settled{};  ///< as in a balance
    /// Held sums may differ: a hold without payee reserves room on no account.
    bool is_even() const {
        return is_even_on_each_shard &&
               debits_posted.plus(transit_debits) == credits_posted.plus(transit_credits);
    }
};

/// The read side of a deployment: typed questions over the views of all its shards. Answers are as
/// of the snapshot taken when the object is made, so several questions to one object agree. Without
/// a time an answer is as of each view's newest record; with one, after all events up to and
/// including it (account_opened data and state of holds and entries are always the newest).
///
/// What crosses shards is led by one of them, which alone knows its id; the other shard's part is
/// found through the answer that the outcome names. An answer of the outcome, entry or hold of what
/// is in transit is not final, every other is: views hold nothing but what is durable.
///
/// A command's id is known to the shard that decided it. Should two shards know one (doors refuse
/// that; racing producers can bring it about, and the reconciler observes it), the one of the lower
/// number answers, and names the events of the `others`.
///
/// A shard is complete below the time of its newest record, because a later one is never earlier. An
/// answer about a time before that, on every shard that it reads, is settled: the same for ever.
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

    /// Empty when the account is not open (or was not, at that time).
    Result<std::optional<AccountBalance>> balance(LedgerId ledger, AccountId account,
                                                  std::optional<Timestamp> at = {});
    using BalanceVisitor = std::function<bool(const AccountBalance&)>;
    /// Every account by shard and then in the order of opening, beginning with `from`, until the
    /// visitor says false; transit accounts apart. Without a ledger: of all ledgers.
    Status balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                    const AccountPosition& from, const BalanceVisitor& visit);
    /// Every transit account, likewise.
    Status transit_balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
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

    /// Transit accounts too.
    Status all_balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                        const AccountPosition& from, const BalanceVisitor& visit);
    std::string shown(LedgerId ledger, AccountId account);
    ShardReader& shard_of_account(AccountId account) const;
    Result<std::optional<EntryAnswer>> in_transit_entry(const CommandInTransit& sent,
                                                        EntryAnswer out);
    Result<std::optional<EntryAnswer>> crossed_entry(const CommandInTransit& sent,
                                                     const CommandAnswered& answered,
                                                     EntryAnswer out);
    EntryPosting unknown_posting(LedgerId ledger, AccountId account, Side side);
    Result<EntryPosting> expected_credit(const Command& command, ShardReader& shard,
                                         ShardId toward, const EntryPosting& debit);
    Status fill_facts(const Command& command, CommandOutcome& outcome);
    /// Null when the shard does not know the id.
    static Result<std::unique_ptr<FoundEvent>> find_event_on(ShardReader& shard, LedgerId ledger,
                                                             CommandId id);
    /// The events under this id on shards but the one told of.
    Result<std::vector<RecordedAt>> other_events(LedgerId ledger, CommandId id, ShardId told);
    Result<std::optional<EntryAnswer>> entry_of(const FoundEvent& event);
    /// What holds may be due by: never what is still to come.
    Timestamp due_by(const ShardReader& shard, std::optional<Timestamp> at) const;
    Result<AccountBalance> balance_of(ShardReader& shard, const AccountInfo& account,
                                      const Change& newest, std::optional<Timestamp> at,
                                      EventNumber end, AsOf as_of) const;

    std::vector<std::unique_ptr<ShardReader>> shards_;
    const std::atomic<bool>* ending_ = nullptr;
    std::optional<Timestamp> present_;
};

}  // namespace vouch::projector
