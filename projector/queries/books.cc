#include "projector/queries/books.h"

#include "projector/queries/shard_readers.h"
#include "projector/views/row_key.h"

#include <algorithm>
#include <utility>

namespace vouch::projector {

Books::Books(std::unique_ptr<ShardReaders> shards) : shards_(std::move(shards)) {}
Books::Books(Books&&) noexcept = default;
Books& Books::operator=(Books&&) noexcept = default;
Books::~Books() = default;

Result<Books> Books::open(std::span<ViewStore* const> stores) {
    Result<std::unique_ptr<ShardReaders>> shards = ShardReaders::open(stores);
    if (!shards) return shards.error();
    return Books(*std::move(shards));
}

Result<std::vector<AsOf>> Books::as_of(std::optional<Timestamp> at,
                                       std::optional<AccountId> account) const {
    std::vector<AsOf> out;
    for (const auto& shard : *shards_) {
        if (account && shard.get() != &shards_->of_account(*account)) continue;
        const Result<ShardReader::Cut> cut = shard->cut(at);
        if (!cut) return cut.error();
        out.push_back({shard->shard(), cut->record});
    }
    return out;
}

std::optional<Timestamp> Books::complete_below(ShardId shard) const {
    return shards_->at(shard).last_time();
}

bool Books::is_settled(Timestamp at, std::optional<AccountId> account) const {
    const auto is_past = [at](const ShardReader& shard) {
        const std::optional<Timestamp> last = shard.last_time();
        return last && at < *last;
    };
    if (!account)
        return std::ranges::all_of(*shards_, [&](const auto& each) { return is_past(*each); });
    return is_past(shards_->of_account(*account));
}

Timestamp Books::due_by(const ShardReader& shard, std::optional<Timestamp> at) const {
    const Timestamp last = shard.last_time().value_or(Timestamp(0));
    const Timestamp present = std::max(present_.value_or(last), last);
    return at ? std::min(*at, present) : present;
}

Result<std::optional<AccountBalance>> Books::balance(LedgerId ledger, AccountId account,
                                                     std::optional<Timestamp> at) {
    ShardReader& shard = shards_->of_account(account);
    const Result<std::optional<AccountNumber>> number = shard.find_account(ledger, account);
    if (!number) return number.error();
    if (!*number) return std::optional<AccountBalance>();
    const Result<ShardReader::Cut> cut = shard.cut(at);
    if (!cut) return cut.error();
    const Result<std::optional<Change>> newest = shard.newest_change(**number, cut->end);
    if (!newest) return newest.error();
    if (!*newest) return std::optional<AccountBalance>();
    const Result<const AccountInfo*> info = shard.account(**number);
    if (!info) return info.error();
    Result<AccountBalance> found =
        balance_of(shard, **info, **newest, at, cut->end, {shard.shard(), cut->record});
    if (!found) return found.error();
    return std::optional(*std::move(found));
}

Result<AccountBalance> Books::balance_of(ShardReader& shard, const AccountInfo& account,
                                         const Change& newest, std::optional<Timestamp> at,
                                         EventNumber end, AsOf as_of) const {
    AccountBalance out{account, newest.totals, newest.limit, newest.state, newest.version, as_of};
    const Result<DueHolds::Sums> due = shard.due().of(newest, end, due_by(shard, at));
    if (!due) return due.error();
    out.debits_due = due->debits;
    out.credits_due = due->credits;
    const std::optional<Timestamp> last = shard.last_time();
    if (at) out.settled = last && *at < *last;
    return out;
}

Status Books::balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                       const AccountPosition& from, const BalanceVisitor& visit) {
    return all_balances(ledger, at, from, [&](const AccountBalance& balance) {
        return balance.account.transit.has_value() || visit(balance);
    });
}

Status Books::all_balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                           const AccountPosition& from, const BalanceVisitor& visit) {
    for (const auto& shard : *shards_) {
        if (shard->shard() < from.shard) continue;
        const AccountNumber first = shard->shard() == from.shard ? from.number : AccountNumber(0);
        const Result<ShardReader::Cut> cut = shard->cut(at);
        if (!cut) return cut.error();
        const std::unique_ptr<RowCursor> opened = shard->cursor();
        opened->seek(account_opened_key(first).view());
        for (; opened->is_valid(); opened->next()) {
            if (ending_ && ending_->load(std::memory_order_relaxed))
                return Fault{FaultCode::retriable, "a question was ended before its answer"};
            const std::optional<AccountNumber> number = decode_account_opened_key(opened->key());
            if (!number) break;  // the rows of the next kind
            const Result<const AccountInfo*> account = shard->account(*number);
            if (!account) return account.error();
            if (ledger && (*account)->ledger != *ledger) continue;
            // Accounts are numbered as they were opened: all others were opened later still.
            if ((*account)->opened.event >= cut->end) break;
            const Result<std::optional<Change>> newest = shard->newest_change(*number, cut->end);
            if (!newest) return newest.error();
            if (!*newest) return shard->corrupt("an open account without history");
            const Result<AccountBalance> balance = balance_of(
                *shard, **account, **newest, at, cut->end, {shard->shard(), cut->record});
            if (!balance) return balance.error();
            if (!visit(*balance)) return {};
        }
        const Status status = opened->status();
        if (!status) return status;
    }
    return {};
}

Result<bool> Books::has_ledger(LedgerId ledger) {
    if (ledger == LedgerId(0)) return true;
    for (const auto& shard : *shards_) {
        Result<bool> names = shard->names(ledger);
        if (!names || *names) return names;
    }
    return false;
}

Result<std::unique_ptr<FoundEvent>> Books::find_event(LedgerId ledger, CommandId id) {
    for (const auto& shard : *shards_) {
        Result<std::unique_ptr<FoundEvent>> found = find_event_on(*shard, ledger, id);
        if (!found || *found) return found;
    }
    return std::unique_ptr<FoundEvent>();
}

Result<std::vector<RecordedAt>> Books::other_events(LedgerId ledger, CommandId id, ShardId told) {
    std::vector<RecordedAt> others;
    for (const auto& shard : *shards_) {
        if (shard->shard() == told) continue;
        const Result<std::unique_ptr<FoundEvent>> found = find_event_on(*shard, ledger, id);
        if (!found) return found.error();
        if (*found) others.push_back((*found)->recorded);
    }
    return others;
}

}  // namespace vouch::projector
