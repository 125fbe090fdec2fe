#include "projector/queries/books.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "events/seal/deployment.h"
#include "projector/queries/shard_reader.h"
#include "projector/views/row_key.h"

#include <algorithm>
#include <map>
#include <utility>

namespace vouch::projector {
namespace {

/// Adds one account to a line that still counts what came back.
void add_balance(const AccountBalance& balance, TrialBalanceLine& line) {
    const Totals& totals = balance.totals;
    const std::optional<TransitRoute>& transit = balance.account.transit;
    if (transit) {
        line.transit_debits.add(totals.debits_posted);
        line.transit_credits.add(totals.credits_posted);
        if (transit->from == balance.as_of.shard) line.returned.add(totals.debits_posted);
        return;
    }
    line.debits_posted.add(totals.debits_posted);
    line.credits_posted.add(totals.credits_posted);
    line.debits_held.add(totals.debits_held);
    line.credits_held.add(totals.credits_held);
}

/// The command that a found event is about, the member's own when the event is that of its group.
const Command& command_of(const CommandDecided& decided, std::optional<std::size_t> member) {
    if (!member) return decided.command;
    return std::get_if<Group>(&decided.command.body)->members[*member];
}

}  // namespace

const Command* FoundEvent::command() const {
    if (const auto* decided = std::get_if<CommandDecided>(&event_)) return &decided->command;
    const CommandInTransit* first = sent();
    return first == nullptr ? nullptr : &first->command;
}

const CommandInTransit* FoundEvent::sent() const {
    return std::get_if<CommandInTransit>(first_ ? &*first_ : &event_);
}

std::string shown_id(CommandId id, std::string_view text) {
    return text.empty() ? id_text(id) : std::string(text);
}

std::string AccountInfo::shown() const {
    if (transit) {
        return "transit " + std::to_string(transit->from.value()) + ">" +
               std::to_string(transit->to.value());
    }
    return name.empty() ? id_text(id) : name;
}

Totals AccountBalance::without_due() const {
    Totals out = totals;
    out.debits_held = out.debits_held.minus(debits_due).value_or(Amount());
    out.credits_held = out.credits_held.minus(credits_due).value_or(Amount());
    return out;
}

std::string_view HoldAnswer::shown_status() const { return is_due ? "due" : to_text(status); }

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

Result<std::vector<AsOf>> Books::as_of(std::optional<Timestamp> at,
                                       std::optional<AccountId> account) const {
    std::vector<AsOf> out;
    for (const auto& shard : shards_) {
        if (account && shard.get() != &shard_of_account(*account)) continue;
        const Result<ShardReader::Cut> cut = shard->cut(at);
        if (!cut) return cut.error();
        out.push_back({shard->shard(), cut->record});
    }
    return out;
}

std::optional<Timestamp> Books::complete_below(ShardId shard) const {
    return shards_.at(shard.value())->last_time();
}

bool Books::is_settled(Timestamp at, std::optional<AccountId> account) const {
    const auto is_past = [at](const ShardReader& shard) {
        const std::optional<Timestamp> last = shard.last_time();
        return last && at < *last;
    };
    if (!account)
        return std::ranges::all_of(shards_, [&](const auto& each) { return is_past(*each); });
    return is_past(shard_of_account(*account));
}

Timestamp Books::due_by(const ShardReader& shard, std::optional<Timestamp> at) const {
    const Timestamp last = shard.last_time().value_or(Timestamp(0));
    const Timestamp present = std::max(present_.value_or(last), last);
    return at ? std::min(*at, present) : present;
}

ShardReader& Books::shard_of_account(AccountId account) const {
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
    Result<AccountBalance> found =
        balance_of(shard, **info, **newest, at, cut->end, {shard.shard(), cut->record});
    if (!found) return found.error();
    return std::optional(*std::move(found));
}

Result<AccountBalance> Books::balance_of(ShardReader& shard, const AccountInfo& account,
                                         const Change& newest, std::optional<Timestamp> at,
                                         EventNumber end, AsOf as_of) const {
    AccountBalance out{account,      newest.totals,  newest.limit,
                       newest.state, newest.version, as_of};
    const Result<ShardReader::Due> due = shard.due_of(newest, end, due_by(shard, at));
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

Status Books::transit_balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                               const BalanceVisitor& visit) {
    return all_balances(ledger, at, {}, [&](const AccountBalance& balance) {
        return !balance.account.transit || visit(balance);
    });
}

Status Books::all_balances(std::optional<LedgerId> ledger, std::optional<Timestamp> at,
                           const AccountPosition& from, const BalanceVisitor& visit) {
    for (const auto& shard : shards_) {
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

Result<std::vector<TrialBalanceLine>> Books::trial_balance(std::optional<LedgerId> ledger,
                                                           std::optional<Timestamp> at) {
    std::map<Asset, TrialBalanceLine> lines;
    std::map<std::pair<Asset, ShardId>, TrialBalanceLine> shards;
    const Status summed = all_balances(ledger, at, {}, [&](const AccountBalance& balance) {
        const Asset asset = balance.account.asset;
        TrialBalanceLine& line = lines[asset];
        line.asset = asset;
        add_balance(balance, line);
        add_balance(balance, shards[{asset, balance.as_of.shard}]);
        return true;
    });
    if (!summed) return summed.error();
    for (const auto& [key, part] : shards) {
        if (!part.is_even()) lines[key.first].is_even_on_each_shard = false;
    }
    std::vector<TrialBalanceLine> out;
    for (auto& [asset, line] : lines) {
        if (line.returned > line.debits_posted || line.returned > line.credits_posted) {
            return Fault{FaultCode::corrupt, "views: more " + asset.text() +
                                                 " came back from other shards than was sent"};
        }
        line.debits_posted = line.debits_posted.minus(line.returned);
        line.credits_posted = line.credits_posted.minus(line.returned);
        if (at) line.settled = is_settled(*at);
        out.push_back(line);
    }
    return out;
}

Result<std::unique_ptr<FoundEvent>> Books::find_event(LedgerId ledger, CommandId id) {
    for (const auto& shard : shards_) {
        Result<std::unique_ptr<FoundEvent>> found = find_event_on(*shard, ledger, id);
        if (!found || *found) return found;
    }
    return std::unique_ptr<FoundEvent>();
}

Result<std::unique_ptr<FoundEvent>> Books::find_event_on(ShardReader& shard, LedgerId ledger,
                                                         CommandId id) {
    const Result<std::optional<EventNumber>> number = shard.find_command(ledger, id);
    if (!number) return number.error();
    if (!*number) return std::unique_ptr<FoundEvent>();
    EventWalk walk = shard.walk();
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
    if (const auto* answered = std::get_if<CommandAnswered>(&out->event_)) {
        const Status first = walk.seek(answered->first_event);
        if (!first) return first.error();
        const Result<bool> has_first = walk.next();
        if (!has_first) return has_first.error();
        const ByteView first_bytes = walk.event_bytes();
        out->first_bytes_.assign(first_bytes.begin(), first_bytes.end());
        Result<Event> sent = decode_event(out->first_bytes_, out->arena_);
        if (!sent) return sent.error();
        out->first_ = *std::move(sent);
        if (out->sent() == nullptr)
            return shard.corrupt("the outcome of a crossing cites another event");
    }
    const Command* command = out->command();
    if (command == nullptr) return shard.corrupt("a command's row names another event");
    if (command->id == id) return out;
    const auto* group = std::get_if<Group>(&command->body);
    const std::size_t members = group == nullptr ? 0 : group->members.size();
    for (std::size_t i = 0; i < members; ++i) {
        if (group->members[i].id != id) continue;
        out->member = i;
        return out;
    }
    return shard.corrupt("a command's row names the event of another command");
}

Result<std::vector<RecordedAt>> Books::other_events(LedgerId ledger, CommandId id, ShardId told) {
    std::vector<RecordedAt> others;
    for (const auto& shard : shards_) {
        if (shard->shard() == told) continue;
        const Result<std::unique_ptr<FoundEvent>> found = find_event_on(*shard, ledger, id);
        if (!found) return found.error();
        if (*found) others.push_back((*found)->recorded);
    }
    return others;
}

Result<std::optional<CommandOutcome>> Books::outcome(LedgerId ledger, CommandId id) {
    const Result<std::unique_ptr<FoundEvent>> found = find_event(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<CommandOutcome>();
    const FoundEvent& event = **found;
    CommandOutcome out;
    out.id = id;
    out.recorded = event.recorded;
    out.as_of = shards_[out.recorded.shard.value()]->as_of();
    Result<std::vector<RecordedAt>> others = other_events(ledger, id, out.recorded.shard);
    if (!others) return others.error();
    out.others = *std::move(others);
    if (const auto* sent = std::get_if<CommandInTransit>(&event.event())) {
        out.in_transit = true;
        out.to = sent->to;
        out.moved = sent->moved;
        out.id_text = sent->command.id_text;
        const Status filled = fill_facts(sent->command, out);
        if (!filled) return filled.error();
        return std::optional(std::move(out));
    }
    if (const auto* answered = std::get_if<CommandAnswered>(&event.event())) {
        out.outcome = answered->outcome;
        out.answered = answered->by;
        out.facts = answered->facts;
        out.moved = answered->moved;
        out.id_text = event.command()->id_text;
        const Status filled = fill_facts(*event.command(), out);
        if (!filled) return filled.error();
        return std::optional(std::move(out));
    }
    const auto& decided = *std::get_if<CommandDecided>(&event.event());
    out.outcome = decided.outcome;
    out.id_text = command_of(decided, event.member).id_text;
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
            for (const Command& member : group->members)
                out.member_ids.push_back(shown_id(member.id, member.id_text));
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

Result<std::optional<HoldAnswer>> Books::hold(LedgerId ledger, CommandId id) {
    for (const auto& shard : shards_) {
        const Result<std::optional<HoldRow>> row = shard->find_hold(ledger, id);
        if (!row) return row.error();
        if (!*row) continue;
        const HoldState& hold = (*row)->hold;
        const Result<std::unique_ptr<FoundEvent>> placed = find_event_on(*shard, ledger, id);
        if (!placed) return placed.error();
        const Command* command = *placed ? (*placed)->command() : nullptr;
        const auto* asked = command == nullptr ? nullptr : std::get_if<PlaceHold>(&command->body);
        if (asked == nullptr) return shard->corrupt("a hold that no command placed");
        const auto* sent = std::get_if<CommandInTransit>(&(*placed)->event());
        const auto* answered = std::get_if<CommandAnswered>(&(*placed)->event());
        const auto* decided = std::get_if<CommandDecided>(&(*placed)->event());

        HoldAnswer out;
        out.id = id;
        out.id_text = command->id_text;
        out.ledger = ledger;
        out.in_transit = sent != nullptr;
        std::optional<Amount> held;
        if (sent != nullptr) held = sent->moved;
        if (answered != nullptr) held = answered->moved;
        if (decided != nullptr) held = decided->moved;
        out.amount = held.value_or(asked->amount);
        out.remaining = hold.remaining;
        out.captured = hold.captured;
        out.status = hold.status;
        out.is_due = hold.status == HoldStatus::open && hold.expires_at.value() != 0 &&
                     hold.expires_at <= due_by(*shard, {});
        out.expires_at = hold.expires_at;
        out.placed = (*placed)->recorded;
        out.last_event = (*row)->event;
        out.as_of = shard->as_of();
        Result<std::vector<RecordedAt>> others = other_events(ledger, id, shard->shard());
        if (!others) return others.error();
        out.others = *std::move(others);
        const Result<const AccountInfo*> payer = shard->account(hold.payer);
        if (!payer) return payer.error();
        out.payer = (*payer)->shown();
        out.asset = (*payer)->asset;
        if (!hold.remote_payee.is_zero()) {
            out.payee = shown(ledger, hold.remote_payee);
        } else if (hold.payee) {
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
            Result<AccountBalance> balance = balance_of(
                *shard, **account, **newest, {}, cut->end, {shard->shard(), cut->record});
            if (!balance) return balance.error();
            out.push_back(*std::move(balance));
        }
        const Status status = rows->status();
        if (!status) return status.error();
    }
    return out;
}

}  // namespace vouch::projector
