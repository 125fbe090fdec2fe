#include "projector/queries/books.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "events/seal/deployment.h"
#include "projector/queries/shard_reader.h"

#include <algorithm>
#include <map>
#include <utility>

namespace vouch::projector {
namespace {

bool starts_with(ByteView key, ByteView prefix) {
    return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

/// The command that a found event is about, the member's own when the event is that of its group.
const Command& command_of(const CommandDecided& decided, std::optional<std::size_t> member) {
    if (!member) return decided.command;
    return std::get_if<Group>(&decided.command.body)->members[*member];
}

/// The hold or entry that a command is about; empty when it starts something new.
std::optional<CommandId> original_of(const CommandBody& body) {
    if (const auto* capture = std::get_if<CaptureHold>(&body)) return capture->hold;
    if (const auto* reverse = std::get_if<Reverse>(&body)) return reverse->entry;
    if (const auto* refund = std::get_if<Refund>(&body)) return refund->entry;
    return std::nullopt;
}

MetadataPairs pairs_of(std::span<const Metadata> metadata) {
    MetadataPairs pairs;
    for (const Metadata& pair : metadata) pairs.emplace_back(pair.key, pair.value);
    return pairs;
}

}  // namespace

Books::Books(std::vector<std::unique_ptr<ShardReader>> shards) : shards_(std::move(shards)) {}
Books::Books(Books&&) noexcept = default;
Books& Books::operator=(Books&&) noexcept = default;
Books::~Books() = default;

Result<Books> Books::open(std::span<ViewStore* const> stores) {
    VOUCH_ASSERT(!stores.empty() && stores.size() <= kShardsMax);
    std::vector<std::unique_ptr<ShardReader>> shards;
    for (std::uint32_t number = 0; number < stores.size(); ++number) {
        Result<std::unique_ptr<ShardReader>> shard =
            ShardReader::open(ShardId(number), *stores[number]);
        if (!shard) return shard.error();
        shards.push_back(*std::move(shard));
    }
    return Books(std::move(shards));
}

std::vector<AsOf> Books::as_of() const {
    std::vector<AsOf> out;
    for (const auto& shard : shards_) out.push_back(shard->as_of());
    return out;
}

ShardReader& Books::shard_of_account(AccountId account) {
    return *shards_[shard_of(account, static_cast<std::uint32_t>(shards_.size())).value()];
}

std::string Books::shown(LedgerId ledger, AccountId account) {
    ShardReader& shard = shard_of_account(account);
    const Result<std::optional<AccountNumber>> number = shard.find_account(ledger, account);
    if (!number || !*number) return id_text(account);
    const Result<const AccountInfo*> info = shard.account(**number);
    return info ? (*info)->shown() : id_text(account);
}

Result<std::optional<AccountBalance>> Books::balance(LedgerId ledger, AccountId account,
                                                     std::optional<Timestamp> at) {
    ShardReader& shard = shard_of_account(account);
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
    return std::optional(balance_of(**info, **newest, {shard.shard(), cut->record}));
}

AccountBalance Books::balance_of(const AccountInfo& account, const Change& newest, AsOf as_of) {
    return {account, newest.totals, newest.limit, newest.state, newest.version, as_of};
}

Status Books::balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                       const BalanceVisitor& visit) {
    for (const auto& shard : shards_) {
        const Result<ShardReader::Cut> cut = shard->cut(at);
        if (!cut) return cut.error();
        const std::unique_ptr<RowCursor> opened = shard->cursor();
        opened->seek(account_opened_key(AccountNumber(0)).view());
        for (; opened->is_valid(); opened->next()) {
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
            if (!visit(balance_of(**account, **newest, {shard->shard(), cut->record}))) return {};
        }
        const Status status = opened->status();
        if (!status) return status;
    }
    return {};
}

Result<std::vector<TrialBalanceLine>> Books::trial_balance(std::optional<LedgerId> ledger,
                                                           std::optional<Timestamp> at) {
    std::map<Asset, TrialBalanceLine> lines;
    const Status summed = balances(ledger, at, [&](const AccountBalance& balance) {
        TrialBalanceLine& line = lines[balance.account.asset];
        line.asset = balance.account.asset;
        line.debits_posted.add(balance.totals.debits_posted);
        line.credits_posted.add(balance.totals.credits_posted);
        line.debits_held.add(balance.totals.debits_held);
        line.credits_held.add(balance.totals.credits_held);
        return true;
    });
    if (!summed) return summed.error();
    std::vector<TrialBalanceLine> out;
    for (const auto& [asset, line] : lines) out.push_back(line);
    return out;
}

Result<std::unique_ptr<FoundEvent>> Books::find_event(LedgerId ledger, CommandId id) {
    for (const auto& shard : shards_) {
        const Result<std::optional<EventNumber>> number = shard->find_command(ledger, id);
        if (!number) return number.error();
        if (!*number) continue;
        EventWalk walk = shard->walk();
        const Status found = walk.seek(**number);
        if (!found) return found.error();
        const Result<bool> read = walk.next();
        if (!read) return read.error();

        auto out = std::make_unique<FoundEvent>();
        out->recorded = walk.recorded();
        const ByteView bytes = walk.event_bytes();
        out->bytes_.assign(bytes.begin(), bytes.end());
        Result<Event> event = decode_event(out->bytes_, out->arena_);
        if (!event) return event.error();
        out->event_ = *std::move(event);
        const auto* decided = std::get_if<CommandDecided>(&out->event_);
        if (decided == nullptr) return shard->corrupt("a command's row names another event");
        if (decided->command.id == id) return out;
        const auto* group = std::get_if<Group>(&decided->command.body);
        const std::size_t members = group == nullptr ? 0 : group->members.size();
        for (std::size_t i = 0; i < members; ++i) {
            if (group->members[i].id != id) continue;
            out->member = i;
            return out;
        }
        return shard->corrupt("a command's row names the event of another command");
    }
    return std::unique_ptr<FoundEvent>();
}

Result<std::optional<CommandOutcome>> Books::outcome(LedgerId ledger, CommandId id) {
    const Result<std::unique_ptr<FoundEvent>> found = find_event(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<CommandOutcome>();
    const FoundEvent& event = **found;
    const auto& decided = *std::get_if<CommandDecided>(&event.event());
    CommandOutcome out;
    out.id = id;
    out.recorded = event.recorded;
    out.outcome = decided.outcome;
    if (event.member) {
        // The facts of a refused group are those of the member that failed.
        out.group = decided.command.id;
        const bool has_outcome = *event.member < decided.members.size();
        out.outcome = has_outcome ? decided.members[*event.member].outcome : Outcome::group_failed;
        if (out.outcome == Outcome::group_failed) return std::optional(std::move(out));
        out.facts = decided.facts;
    } else {
        out.facts = decided.facts;
        out.moved = decided.moved;
        if (!decided.group.is_zero()) out.group = decided.group;
        out.members.assign(decided.members.begin(), decided.members.end());
        if (const auto* group = std::get_if<Group>(&decided.command.body)) {
            for (const Command& member : group->members) out.member_ids.push_back(member.id);
        }
    }
    const Status filled = fill_facts(command_of(decided, event.member), out);
    if (!filled) return filled.error();
    return std::optional(std::move(out));
}

/// Amounts in facts are in units of the account that they are about; without one, of the account
/// that the command, or the member that failed, is decided by.
Status Books::fill_facts(const Command& command, CommandOutcome& outcome) {
    AccountId account = outcome.facts.account;
    if (account.is_zero()) {
        const Command* failed = &command;
        if (const auto* group = std::get_if<Group>(&command.body)) {
            for (std::size_t i = 0; i < group->members.size() && i < outcome.members.size(); ++i) {
                const Outcome member = outcome.members[i].outcome;
                const bool is_culprit = !is_accepted(member) && member != Outcome::group_failed;
                if (is_culprit) failed = &group->members[i];
            }
        }
        account = deciding_account(*failed);
    } else {
        outcome.account = shown(command.ledger, account);
    }
    if (account.is_zero()) return {};
    ShardReader& shard = shard_of_account(account);
    const Result<std::optional<AccountNumber>> number = shard.find_account(command.ledger, account);
    if (!number) return number.error();
    if (!*number) return {};
    const Result<const AccountInfo*> info = shard.account(**number);
    if (!info) return info.error();
    outcome.asset = (*info)->asset;
    return {};
}

Result<std::optional<EntryAnswer>> Books::entry(LedgerId ledger, CommandId id) {
    const Result<std::unique_ptr<FoundEvent>> found = find_event(ledger, id);
    if (!found) return found.error();
    if (!*found || (*found)->member) return std::optional<EntryAnswer>();
    const auto& decided = *std::get_if<CommandDecided>(&(*found)->event());
    const bool has_postings = std::any_of(decided.changes.begin(), decided.changes.end(),
                                          [](const Change& c) { return c.side.has_value(); });
    if (!is_accepted(decided.outcome) || !has_postings) return std::optional<EntryAnswer>();

    const Command& command = decided.command;
    EntryAnswer out;
    out.id = id;
    out.ledger = ledger;
    out.kind = kind_name(command.body);
    out.outcome = decided.outcome;
    out.original = original_of(command.body);
    out.context = command.context;
    out.actor_id = command.actor_id;
    out.actor_address = command.actor_address;
    out.actor_device = command.actor_device;
    out.module = command.module;
    out.ticket = command.ticket;
    out.voucher_type = command.voucher_type;
    out.channel = command.channel;
    out.metadata = pairs_of(command.metadata);
    out.recorded = (*found)->recorded;
    ShardReader& shard = *shards_[out.recorded.shard.value()];
    out.as_of = shard.as_of();
    for (const Change& change : decided.changes) {
        if (!change.side) continue;
        const Result<const AccountInfo*> account = shard.account(change.account);
        if (!account) return account.error();
        out.postings.push_back({(*account)->shown(), (*account)->asset, (*account)->account_class,
                                *change.side, change.amount, Amount(), change.totals,
                                change.version});
    }
    const Result<std::optional<EntryStateRow>> state = shard.find_entry_state(ledger, id);
    if (!state) return state.error();
    if (!*state) return std::optional(std::move(out));
    out.reversed = (*state)->reversed;
    for (const Refunded& part : (*state)->refunded) {
        if (part.posting >= out.postings.size()) return shard.corrupt("a refund of no posting");
        out.postings[part.posting].refunded = part.amount;
    }
    return std::optional(std::move(out));
}

Result<std::optional<HoldAnswer>> Books::hold(LedgerId ledger, CommandId id) {
    for (const auto& shard : shards_) {
        const Result<std::optional<HoldRow>> row = shard->find_hold(ledger, id);
        if (!row) return row.error();
        if (!*row) continue;
        const HoldState& hold = (*row)->hold;
        const Result<std::unique_ptr<FoundEvent>> placed = find_event(ledger, id);
        if (!placed) return placed.error();
        const auto* decided = *placed ? std::get_if<CommandDecided>(&(*placed)->event()) : nullptr;
        const auto* command =
            decided == nullptr ? nullptr : std::get_if<PlaceHold>(&decided->command.body);
        if (command == nullptr) return shard->corrupt("a hold that no command placed");

        HoldAnswer out;
        out.id = id;
        out.ledger = ledger;
        out.amount = decided->moved.value_or(command->amount);
        out.remaining = hold.remaining;
        out.captured = hold.captured;
        out.status = hold.status;
        out.expires_at = hold.expires_at;
        out.placed = (*placed)->recorded;
        out.last_event = (*row)->event;
        out.as_of = shard->as_of();
        const Result<const AccountInfo*> payer = shard->account(hold.payer);
        if (!payer) return payer.error();
        out.payer = (*payer)->shown();
        out.asset = (*payer)->asset;
        if (hold.payee) {
            const Result<const AccountInfo*> payee = shard->account(*hold.payee);
            if (!payee) return payee.error();
            out.payee = (*payee)->shown();
        }
        return std::optional(std::move(out));
    }
    return std::optional<HoldAnswer>();
}

Result<std::vector<RecordedAt>> Books::with_context(LedgerId ledger, std::string_view context,
                                                    std::size_t events_max) {
    std::vector<RecordedAt> out;
    if (context.size() > kLongTextMax) return out;
    const RowKey first = context_key(ledger, context, EventNumber(0));
    const ByteView prefix = first.view().first(first.view().size() - 8);
    for (const auto& shard : shards_) {
        const std::unique_ptr<RowCursor> rows = shard->cursor();
        EventWalk walk = shard->walk();
        for (rows->seek(prefix);
             out.size() < events_max && rows->is_valid() && starts_with(rows->key(), prefix);
             rows->next()) {
            const Status found = walk.seek(*decode_trailing_event(rows->key()));
            if (!found) return found.error();
            const Result<bool> read = walk.next();
            if (!read) return read.error();
            out.push_back(walk.recorded());
        }
        const Status status = rows->status();
        if (!status) return status.error();
    }
    return out;
}

Result<std::vector<AccountBalance>> Books::of_owner(LedgerId ledger, std::string_view owner,
                                                    std::size_t accounts_max) {
    std::vector<AccountBalance> out;
    if (owner.size() > kShortTextMax) return out;
    const RowKey first = owner_key(ledger, owner, AccountNumber(0));
    const ByteView prefix = first.view().first(first.view().size() - 4);
    for (const auto& shard : shards_) {
        const Result<ShardReader::Cut> cut = shard->cut({});
        if (!cut) return cut.error();
        const std::unique_ptr<RowCursor> rows = shard->cursor();
        for (rows->seek(prefix);
             out.size() < accounts_max && rows->is_valid() && starts_with(rows->key(), prefix);
             rows->next()) {
            const AccountNumber number = *decode_trailing_account(rows->key());
            const Result<const AccountInfo*> account = shard->account(number);
            if (!account) return account.error();
            const Result<std::optional<Change>> newest = shard->newest_change(number, cut->end);
            if (!newest) return newest.error();
            if (!*newest) return shard->corrupt("an open account without history");
            out.push_back(balance_of(**account, **newest, {shard->shard(), cut->record}));
        }
        const Status status = rows->status();
        if (!status) return status.error();
    }
    return out;
}

}  // namespace vouch::projector
