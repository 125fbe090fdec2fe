#include "projector/queries/entry_answer.h"

#include "events/entries/command_parts.h"
#include "events/overloads.h"
#include "projector/queries/books.h"
#include "projector/queries/shard_readers.h"

#include <algorithm>
#include <utility>

// An entry's postings stand in one event, unless it crossed shards. Then the debit is in the event
// that sent the money (in transit), which the outcome cites, and the credit in the step that the
// other shard followed, in the record that the outcome names.

namespace vouch::projector {
namespace {

/// The hold or entry that a command is about; zero when it starts something new.
CommandId original_of(const CommandBody& body) {
    const CommandId hold = hold_of(body);
    return hold.is_zero() ? entry_of(body) : hold;
}

Result<EntryAnswer> answer_of(const ShardReaders& shards, const Command& command) {
    EntryAnswer out;
    out.id = command.id;
    out.id_text = command.id_text;
    out.ledger = command.ledger;
    out.command = kind_name(command.body);
    out.voucher = voucher_of(command);
    const CommandId original = original_of(command.body);
    if (original.is_zero()) return out;
    Result<std::string> text = sent_id(shards, command.ledger, original);
    if (!text) return text.error();
    out.original = *std::move(text);
    return out;
}

/// The posting that takes from an account, or adds to it; null when nothing does.
const Change* posted(std::span<const Change> changes, Side side) {
    const auto found = std::find_if(changes.begin(), changes.end(),
                                    [&](const Change& change) { return change.side == side; });
    return found == changes.end() ? nullptr : &*found;
}

/// Whom a command said that it credits; zero when what it is about tells that.
AccountId said_payee(const CommandBody& body) {
    return std::visit(
        []<class Body>(const Body& kind) -> AccountId {
            if constexpr (requires { kind.credit; }) {
                return kind.credit;
            } else {
                constexpr bool has_original =
                    requires { kind.hold; } || requires { kind.entry; };
                constexpr CommandKind kKind = kCommandKind<Body>;
                static_assert(!makes_postings(kKind.makes) || has_original ||
                                  kKind.changes == Changes::its_postings,
                              "nobody could show what an entry of this kind credits");
                return {};
            }
        },
        body);
}

/// Holds placed and released cross shards too, but post nothing.
bool makes_postings(const CommandBody& body) { return makes_postings(kind_of(body).makes); }

/// What a shard credited for another one's command; empty when the view is not as far as `record`.
Result<std::optional<Change>> find_credit(ShardReader& shard, RecordNumber record, ShardId from,
                                          LedgerId ledger, CommandId id) {
    const Result<std::optional<EventNumber>> first = shard.first_event_of(record);
    if (!first) return first.error();
    if (!*first) return std::optional<Change>();
    EventWalk walk = shard.walk();
    const Status found = walk.seek(**first);
    if (!found) return found.error();
    bool is_of_sender = false;
    while (true) {
        const Result<bool> read = walk.next();
        if (!read) return read.error();
        if (!*read || walk.recorded().record != record) break;
        if (const auto* taken = std::get_if<StepsTaken>(&walk.event()))
            is_of_sender = taken->from == from;
        const auto* followed = std::get_if<StepFollowed>(&walk.event());
        if (followed == nullptr || !is_of_sender) continue;
        if (followed->step.ledger != ledger || followed->step.command != id) continue;
        // A step of the same id that posts nothing is that of an expired hold.
        const Change* credit = posted(followed->changes, Side::credit);
        if (credit != nullptr) return std::optional(*credit);
    }
    return shard.corrupt("record " + std::to_string(record.value()) +
                         " does not have the step that an outcome follows from");
}

Result<EntryPosting> posting_from(ShardReader& shard, const Change& change) {
    const Result<const AccountInfo*> account = shard.account(change.account);
    if (!account) return account.error();
    const AccountInfo& info = **account;
    return EntryPosting{info.shown(),  info.asset,     info.account_class,
                        *change.side,  change.amount,  Amount(),
                        change.totals, change.version, info.id};
}

/// What `shard` has undone of an entry that `leader` led.
Status add_state(ShardReader& shard, Leader leader, EntryAnswer& entry) {
    const Result<std::optional<EntryStateRow>> state =
        shard.find_entry_state(entry.ledger, entry.id, leader);
    if (!state) return state.error();
    if (!*state) return {};
    entry.reversed = (*state)->reversed;
    const Result<std::vector<Refunded>> refunded =
        shard.find_refunded(entry.ledger, entry.id, leader);
    if (!refunded) return refunded.error();
    for (const Refunded& part : *refunded) {
        if (part.posting >= entry.postings.size()) return shard.corrupt("a refund of no posting");
        entry.postings[part.posting].refunded = part.amount;
    }
    return {};
}

/// Without amount and totals: as far as the account is known.
EntryPosting unknown_posting(const ShardReaders& shards, LedgerId ledger, AccountId account,
                             Side side) {
    EntryPosting out;
    out.account = shown_number(account);
    out.account_id = account;
    out.side = side;
    out.is_known = false;
    const Result<const AccountInfo*> info = shards.find_account(ledger, account);
    if (!info || *info == nullptr) return out;
    out.account = (*info)->shown();
    out.asset = (*info)->asset;
    out.account_class = (*info)->account_class;
    return out;
}

/// The credit that goes with a debit and is not posted yet, or not in the view.
Result<EntryPosting> expected_credit(const ShardReaders& shards, const Command& command,
                                     ShardReader& shard, ShardId toward,
                                     const EntryPosting& debit) {
    const Result<AccountId> account = payee_across(shards, command, shard, toward);
    if (!account) return account.error();
    EntryPosting out = unknown_posting(shards, command.ledger, *account, Side::credit);
    out.amount = debit.amount;
    out.asset = debit.asset;
    return out;
}

Result<std::optional<EntryAnswer>> in_transit_entry(const ShardReaders& shards,
                                                    const CommandInTransit& sent, EntryAnswer out) {
    ShardReader& shard = shards.at(out.recorded.shard);
    const Change* debit = posted(sent.changes, Side::debit);
    if (debit == nullptr) return shard.corrupt("a command in transit that took from nobody");
    Result<EntryPosting> from = posting_from(shard, *debit);
    if (!from) return from.error();
    Result<EntryPosting> to = expected_credit(shards, sent.command, shard, sent.to, *from);
    if (!to) return to.error();
    out.postings = {*std::move(from), *std::move(to)};
    return std::optional(std::move(out));
}

Result<std::optional<EntryAnswer>> crossed_entry(const ShardReaders& shards,
                                                 const CommandInTransit& sent,
                                                 const CommandAnswered& answered, EntryAnswer out) {
    ShardReader& shard = shards.at(out.recorded.shard);
    const Command& command = sent.command;
    if (!shards.has(answered.by.shard)) {
        return shard.corrupt("an answer of a shard that is not there");
    }
    ShardReader& remote = shards.at(answered.by.shard);
    out.remote_as_of = remote.as_of();
    const Result<std::optional<Change>> credit =
        find_credit(remote, answered.by.record, shard.shard(), out.ledger, out.id);
    if (!credit) return credit.error();
    if (*credit) {
        const Change* taken = posted(sent.changes, Side::debit);
        if (taken == nullptr) return shard.corrupt("a credit elsewhere that took from nobody");
        Change debit = *taken;
        debit.amount = (*credit)->amount;
        // What was not taken came back to the same account, which stands behind that then.
        for (const Change& change : answered.changes) {
            if (change.account != debit.account) continue;
            debit.totals = change.totals;
            debit.version = change.version;
        }
        Result<EntryPosting> from = posting_from(shard, debit);
        if (!from) return from.error();
        Result<EntryPosting> to = posting_from(remote, **credit);
        if (!to) return to.error();
        out.postings = {*std::move(from), *std::move(to)};
    } else {
        EntryPosting from =
            unknown_posting(shards, out.ledger, deciding_account(command), Side::debit);
        from.amount = answered.moved.value_or(amount_asked(command.body).value_or(Amount()));
        Result<EntryPosting> to = expected_credit(shards, command, shard, answered.by.shard, from);
        if (!to) return to.error();
        out.postings = {std::move(from), *std::move(to)};
    }
    const Status added = add_state(remote, shard.shard(), out);
    if (!added) return added.error();
    return std::optional(std::move(out));
}

Result<std::optional<EntryAnswer>> decided_entry(const ShardReaders& shards,
                                                 const CommandDecided& decided, EntryAnswer out) {
    ShardReader& shard = shards.at(out.recorded.shard);
    for (const Change& change : decided.changes) {
        if (!change.side) continue;
        Result<EntryPosting> posting = posting_from(shard, change);
        if (!posting) return posting.error();
        out.postings.push_back(*std::move(posting));
    }
    if (out.postings.empty()) return std::optional<EntryAnswer>();
    const Status added = add_state(shard, {}, out);
    if (!added) return added.error();
    return std::optional(std::move(out));
}

Result<std::optional<EntryAnswer>> entry_from(const ShardReaders& shards, const FoundEvent& event) {
    using Found = Result<std::optional<EntryAnswer>>;
    ShardReader& shard = shards.at(event.recorded.shard);
    const auto begin = [&](const Command& command, Outcome outcome) {
        Result<EntryAnswer> out = answer_of(shards, command);
        if (!out) return out;
        out->recorded = event.recorded;
        out->as_of = shard.as_of();
        out->outcome = outcome;
        return out;
    };
    return std::visit(
        Overloads{
            [&](const CommandInTransit& sent) -> Found {
                if (!makes_postings(sent.command.body)) return std::optional<EntryAnswer>();
                Result<EntryAnswer> out = begin(sent.command, Outcome::posted);
                if (!out) return out.error();
                out->in_transit = true;
                return in_transit_entry(shards, sent, *std::move(out));
            },
            [&](const CommandAnswered& answered) -> Found {
                const CommandInTransit& sent = *event.sent();
                if (!is_accepted(answered.outcome) || !makes_postings(sent.command.body))
                    return std::optional<EntryAnswer>();
                Result<EntryAnswer> out = begin(sent.command, answered.outcome);
                if (!out) return out.error();
                return crossed_entry(shards, sent, answered, *std::move(out));
            },
            [&](const CommandDecided& decided) -> Found {
                if (!is_accepted(decided.outcome)) return std::optional<EntryAnswer>();
                Result<EntryAnswer> out = begin(decided.command, decided.outcome);
                if (!out) return out.error();
                return decided_entry(shards, decided, *std::move(out));
            },
            [&]<class E>(const E&) -> Found {
                static_assert(!ChangesAccounts<E> ||
                              kIsOneOf<E, StepFollowed, HoldExpired, TransitOpened>);
                return shard.corrupt("a command's row names another event");
            },
        },
        event.event());
}

}  // namespace

Result<AccountId> payee_across(const ShardReaders& shards, const Command& command,
                               ShardReader& shard, ShardId toward) {
    const AccountId said = said_payee(command.body);
    if (!said.is_zero()) return said;
    const CommandId original = original_of(command.body);
    if (!is_reversal(command.body)) {
        const Result<std::optional<HoldRow>> hold = shard.find_hold(command.ledger, original);
        if (!hold) return hold.error();
        return *hold ? (*hold)->hold.remote_payee : AccountId();
    }
    // What is taken back goes to whom the original took from, on the shard that led it.
    if (!shards.has(toward)) return shard.corrupt("in transit to a shard that is not there");
    const Result<std::unique_ptr<FoundEvent>> found =
        find_event_on(shards.at(toward), command.ledger, original);
    if (!found) return found.error();
    const Command* asked = *found ? (*found)->command() : nullptr;
    return asked != nullptr ? deciding_account(*asked) : AccountId();
}

Result<std::optional<EntryAnswer>> Books::entry(LedgerId ledger, CommandId id) {
    for (const auto& shard : *shards_) {
        const Result<std::unique_ptr<FoundEvent>> found = find_event_on(*shard, ledger, id);
        if (!found) return found.error();
        if (!*found || (*found)->member) continue;
        Result<std::optional<EntryAnswer>> entry = entry_from(*shards_, **found);
        if (!entry) return entry.error();
        if (!*entry) continue;
        Result<std::vector<RecordedAt>> others = other_events(ledger, id, shard->shard());
        if (!others) return others.error();
        (*entry)->others = *std::move(others);
        return entry;
    }
    return std::optional<EntryAnswer>();
}

}  // namespace vouch::projector
