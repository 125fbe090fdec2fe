#include "tests/model/model.h"

#include "events/check.h"
#include "events/money/shard_of.h"
#include "tests/model/case.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <variant>

namespace vouch::model {

namespace {

Limit to_limit(const std::optional<Integer>& limit) {
    return limit ? Limit(to_amount(*limit)) : Limit::unlimited();
}

std::optional<Integer> from_limit(const Limit& limit) {
    if (limit.is_unlimited()) return std::nullopt;
    return to_integer(limit.below_zero());
}

/// The account as it is now, as an event reports it.
Change change_of(const Account& account) {
    Change change;
    change.account = account.number;
    change.version = Version(account.version);
    change.totals = {to_amount(account.debits.posted), to_amount(account.credits.posted),
                     to_amount(account.debits.held), to_amount(account.credits.held)};
    change.limit = to_limit(account.limit);
    change.state = account.state;
    change.id = account.id;
    return change;
}

Outcome accepted_outcome(const CommandBody& body) {
    struct Word {
        Outcome operator()(const Transfer&) const { return Outcome::posted; }
        Outcome operator()(const PostEntry&) const { return Outcome::posted; }
        Outcome operator()(const PlaceHold&) const { return Outcome::held; }
        Outcome operator()(const CaptureHold&) const { return Outcome::captured; }
        Outcome operator()(const ReleaseHold&) const { return Outcome::released; }
        Outcome operator()(const ExtendHold&) const { return Outcome::extended; }
        Outcome operator()(const OpenAccount&) const { return Outcome::opened; }
        Outcome operator()(const UpdateAccount&) const { return Outcome::updated; }
        Outcome operator()(const FreezeAccount&) const { return Outcome::frozen; }
        Outcome operator()(const UnfreezeAccount&) const { return Outcome::unfrozen; }
        Outcome operator()(const CloseAccount&) const { return Outcome::closed; }
        Outcome operator()(const Reverse&) const { return Outcome::reversed; }
        Outcome operator()(const Refund&) const { return Outcome::refunded; }
        Outcome operator()(const Group&) const { return Outcome::done; }
        Outcome operator()(const SetClock&) const { return Outcome::clock_set; }
    };
    return std::visit(Word{}, body);
}

/// A copy of the books with one accepted command's changes, before it is known that limits allow
/// them: all accounts, and the hold and the entry that the command names.
class Trial {
public:
    Trial(const Books& before, const Command& command)
        : books_{before.accounts, {}, {}, {}, before.next_number}, ledger_(command.ledger) {
        std::visit(
            [&](const auto& body) {
                if constexpr (requires { body.hold; })
                    copy({ledger_, body.hold}, before.holds, books_.holds);
                if constexpr (requires { body.entry; })
                    copy({ledger_, body.entry}, before.entries, books_.entries);
            },
            command.body);
    }

    /// It is accepted.
    void pass_into(Books& books) {
        books.accounts = std::move(books_.accounts);
        for (auto& [key, hold] : books_.holds) books.holds[key] = std::move(hold);
        for (auto& [key, entry] : books_.entries) books.entries[key] = std::move(entry);
        books.next_number = books_.next_number;
    }

    Account& account(AccountId id) { return books_.accounts.at({ledger_, id}); }

    /// Every change adds 1 to the version.
    void changed(Account& account, std::optional<Side> side = std::nullopt,
                 const Integer& posted = 0) {
        ++account.version;
        Change change = change_of_unchecked(account);
        change.side = side;
        if (side) change.amount = to_amount(posted);
        changes.push_back(change);
        touched.push_back(account.id);
    }

    void post(const Leg& leg) {
        Account& row = account(leg.account);
        row.on(leg.side).posted += leg.posted;
        row.on(leg.side).held += leg.held;
        if (leg.posted != 0) {
            changed(row, leg.side, leg.posted);
        } else {
            changed(row);
        }
    }

    Books& books() { return books_; }

    std::vector<Change> changes;
    std::vector<AccountId> touched;

private:
    template <class Key, class Row>
    static void copy(const Key& key, const std::map<Key, Row>& from, std::map<Key, Row>& to) {
        if (const auto found = from.find(key); found != from.end()) to.insert(*found);
    }
    /// Totals that left the range are refused before anybody looks at the change.
    static Change change_of_unchecked(const Account& account) {
        return account.overflows() ? Change{} : change_of(account);
    }

    Books books_;
    LedgerId ledger_;
};

void open_account(Trial& trial, const Command& command, const OpenAccount& body) {
    Account account;
    account.id = body.account;
    account.number = AccountNumber(trial.books().next_number++);
    account.asset = body.asset;
    account.account_class = body.account_class;
    account.limit = from_limit(body.limit);
    Account& row = trial.books().accounts[{command.ledger, body.account}];
    row = account;
    trial.changed(row);
}

/// What commands on accounts change beside totals.
void change_accounts(Trial& trial, const Command& command) {
    if (const auto* open = std::get_if<OpenAccount>(&command.body))
        open_account(trial, command, *open);
    if (const auto* update = std::get_if<UpdateAccount>(&command.body)) {
        Account& row = trial.account(update->account);
        if (update->limit) row.limit = from_limit(*update->limit);
        trial.changed(row);
    }
    if (const auto* freeze = std::get_if<FreezeAccount>(&command.body)) {
        Account& row = trial.account(freeze->account);
        row.state.block = row.state.block | freeze->block;
        trial.changed(row);
    }
    if (const auto* unfreeze = std::get_if<UnfreezeAccount>(&command.body)) {
        Account& row = trial.account(unfreeze->account);
        row.state.block = without(row.state.block, unfreeze->block);
        trial.changed(row);
    }
    if (const auto* close = std::get_if<CloseAccount>(&command.body)) {
        Account& row = trial.account(close->account);
        row.state.closed = true;
        trial.changed(row);
    }
}

HoldState state_of(const Books& books, LedgerId ledger, CommandId id) {
    const Hold& hold = books.holds.at({ledger, id});
    HoldState state;
    state.id = id;
    state.payer = books.accounts.at({ledger, hold.payer}).number;
    if (hold.payee) state.payee = books.accounts.at({ledger, *hold.payee}).number;
    state.remaining = to_amount(hold.remaining);
    state.captured = to_amount(hold.captured);
    state.expires_at = Timestamp(hold.expires_at);
    state.status = hold.status;
    return state;
}

Timestamp expiry(Timestamp now, std::uint64_t expires_in_us) {
    return Timestamp(now.value() + static_cast<std::int64_t>(expires_in_us));
}

/// Hold rows after the command; the hold it is about, for its event.
std::optional<CommandId> change_holds(Books& books, const Case& before, const Command& command,
                                      Timestamp now) {
    if (const auto* place = std::get_if<PlaceHold>(&command.body)) {
        Hold hold;
        hold.payer = place->debit;
        if (!place->credit.is_zero()) hold.payee = place->credit;
        hold.remaining = before.amount();
        if (place->expires_in_us != 0) hold.expires_at = expiry(now, place->expires_in_us).value();
        books.holds[{command.ledger, command.id}] = hold;
        return command.id;
    }
    if (const auto* capture = std::get_if<CaptureHold>(&command.body)) {
        Hold& hold = books.holds.at({command.ledger, capture->hold});
        hold.captured += before.amount();
        hold.remaining -= before.amount() + before.released_rest();
        if (hold.remaining == 0) hold.status = HoldStatus::captured;
        return capture->hold;
    }
    if (const auto* release = std::get_if<ReleaseHold>(&command.body)) {
        Hold& hold = books.holds.at({command.ledger, release->hold});
        hold.remaining = 0;
        hold.status = HoldStatus::released;
        return release->hold;
    }
    if (const auto* extend = std::get_if<ExtendHold>(&command.body)) {
        Hold& hold = books.holds.at({command.ledger, extend->hold});
        if (hold.expires_at != 0) {
            hold.expires_at = std::max(hold.expires_at, expiry(now, extend->expires_in_us).value());
        }
        return extend->hold;
    }
    return std::nullopt;
}

/// With the sums that differ from those of `before`.
EntryAfter entry_after(const Books& books, const Entry& before, LedgerId ledger, CommandId id) {
    const Entry& entry = books.entries.at({ledger, id});
    EntryAfter after{id, entry.reversed, {}};
    for (std::size_t i = 0; i < entry.postings.size(); ++i) {
        if (entry.postings[i].refunded == before.postings[i].refunded) continue;
        after.refunded.push_back(
            {static_cast<std::uint32_t>(i), to_amount(entry.postings[i].refunded)});
    }
    return after;
}

/// Entry rows after the command; the entry that it reversed or refunded, for its event.
std::optional<CommandId> change_entries(Books& books, const Case& before,
                                        const std::vector<Leg>& legs, const Command& command) {
    if (const auto* reverse = std::get_if<Reverse>(&command.body)) {
        books.entries.at({command.ledger, reverse->entry}).reversed = true;
        return reverse->entry;
    }
    if (const auto* refund = std::get_if<Refund>(&command.body)) {
        Entry& entry = books.entries.at({command.ledger, refund->entry});
        entry.postings[before.refunded_postings()->first].refunded += before.amount();
        entry.postings[before.refunded_postings()->second].refunded += before.amount();
        return refund->entry;
    }
    const bool makes_entry = std::holds_alternative<Transfer>(command.body) ||
                             std::holds_alternative<PostEntry>(command.body) ||
                             std::holds_alternative<CaptureHold>(command.body);
    if (!makes_entry) return std::nullopt;
    Entry entry;
    for (const Leg& leg : legs) entry.postings.push_back({leg.account, leg.side, leg.posted, 0});
    books.entries[{command.ledger, command.id}] = entry;
    return std::nullopt;
}

Effect effect_of(const Command& command, const Verdict& verdict, CommandId group) {
    Effect effect;
    effect.ledger = command.ledger;
    effect.id = command.id;
    effect.content = content_of(command);
    effect.outcome = verdict.outcome;
    effect.facts = verdict.facts;
    effect.moved = verdict.moved;
    effect.members = verdict.members;
    effect.group = group;
    return effect;
}

Verdict refused(const Command& command, const Refusal& refusal) {
    Verdict verdict;
    verdict.outcome = refusal.outcome;
    verdict.facts = refusal.facts;
    verdict.effects = {effect_of(command, verdict, CommandId())};
    return verdict;
}

Seen seen_as(const Command& command, const Verdict& verdict) {
    return {content_of(command), verdict.outcome, verdict.facts, verdict.moved, verdict.members};
}

}  // namespace

std::vector<Effect> Model::begin_record(Timestamp time) {
    VOUCH_ASSERT(time >= time_);
    time_ = time;
    std::vector<std::tuple<std::int64_t, LedgerId, CommandId>> due;
    for (const auto& [key, hold] : books_.holds) {
        const bool is_due = hold.expires_at > 0 && hold.expires_at <= time.value();
        if (hold.status == HoldStatus::open && is_due)
            due.emplace_back(hold.expires_at, key.first, key.second);
    }
    std::sort(due.begin(), due.end());
    std::vector<Effect> effects;
    for (const auto& [expires_at, ledger, id] : due) {
        Hold& hold = books_.holds.at({ledger, id});
        Effect effect;
        effect.kind = Effect::Kind::expired;
        effect.ledger = ledger;
        effect.id = id;
        const auto give_back = [&](AccountId account, Side side) {
            Account& row = books_.accounts.at({effect.ledger, account});
            row.on(side).held -= hold.remaining;
            ++row.version;
            effect.changes.push_back(change_of(row));
        };
        give_back(hold.payer, Side::debit);
        if (hold.payee) give_back(*hold.payee, Side::credit);
        hold.remaining = 0;
        hold.status = HoldStatus::expired;
        effect.hold = state_of(books_, ledger, id);
        effects.push_back(effect);
    }
    return effects;
}

bool Model::is_here(AccountId account) const {
    return shards_ == 1 || shard_of(account, shards_) == shard_;
}

Verdict Model::decide(const Command& command) {
    const auto first = books_.seen.find({command.ledger, command.id});
    if (first != books_.seen.end()) {
        Verdict verdict;
        if (first->second.content != content_of(command)) {
            verdict.outcome = Outcome::conflict;
            verdict.effects = {effect_of(command, verdict, CommandId())};
            verdict.effects.front().kind = Effect::Kind::conflict;
            return verdict;
        }
        verdict.repeated = true;
        verdict.outcome = first->second.outcome;
        verdict.facts = first->second.facts;
        verdict.moved = first->second.moved;
        verdict.members = first->second.members;
        return verdict;
    }
    const auto* group = std::get_if<Group>(&command.body);
    Verdict verdict =
        group != nullptr ? decide_group(command, *group) : decide_new(command, CommandId());
    books_.seen[{command.ledger, command.id}] = seen_as(command, verdict);
    return verdict;
}

Verdict Model::decide_new(const Command& command, CommandId group) {
    const Case before(books_, command, time_, shards_, shard_);
    if (auto refusal = before.refusal_before_posting()) return refused(command, *refusal);
    if (auto refusal = before.refusal_of_balancing()) return refused(command, *refusal);

    const std::vector<Leg> legs = before.legs();
    Trial trial(books_, command);
    for (const Leg& leg : legs) trial.post(leg);
    // An account of another shard is not here to be changed.
    if (!before.named_on_another_shard()) change_accounts(trial, command);
    for (AccountId id : trial.touched) {
        if (!trial.account(id).is_within_limit()) {
            return refused(command, {Outcome::insufficient_funds, before.facts_of(id)});
        }
    }
    for (AccountId id : trial.touched) {
        if (has_range_ && trial.account(id).overflows()) {
            return refused(command, {Outcome::amount_overflow, before.facts_of(id)});
        }
    }
    if (const auto foreign = before.named_on_another_shard()) {
        return refused(command, {Outcome::not_supported_across_shards, before.facts_of(*foreign)});
    }

    Verdict verdict;
    verdict.outcome = accepted_outcome(command.body);
    if (before.amount() != 0 && !before.says_amount()) verdict.moved = to_amount(before.amount());
    Effect effect = effect_of(command, verdict, group);
    const std::optional<CommandId> hold = change_holds(trial.books(), before, command, time_);
    const std::optional<CommandId> entry = change_entries(trial.books(), before, legs, command);
    if (hold) effect.hold = state_of(trial.books(), command.ledger, *hold);
    if (entry) {
        const Entry& earlier = books_.entries.at({command.ledger, *entry});
        effect.entry = entry_after(trial.books(), earlier, command.ledger, *entry);
    }
    effect.changes = trial.changes;
    verdict.effects = {effect};
    trial.pass_into(books_);
    return verdict;
}

Verdict Model::decide_group(const Command& command, const Group& group) {
    const Books at_start = books_;
    std::optional<Refusal> refusal;
    std::optional<std::size_t> failed;
    std::vector<MemberOutcome> members;
    std::vector<Effect> effects;
    std::size_t changes = 0;

    const AccountId deciding = deciding_account_of(command);
    const auto row = books_.accounts.find({command.ledger, deciding});
    // An account that is not open is at version 0.
    const std::uint64_t version = row == books_.accounts.end() ? 0 : row->second.version;
    const bool differs = command.expected_version && !deciding.is_zero() && is_here(deciding) &&
                         version != command.expected_version->value();
    if (command.expires_at.value() != 0 && time_ >= command.expires_at) {
        refusal = Refusal{Outcome::command_expired, {}};
    } else if (differs) {
        refusal = Refusal{Outcome::version_mismatch,
                          Case(books_, command, time_, shards_, shard_).facts_of(deciding)};
    }

    for (std::size_t i = 0; !refusal && i < group.members.size(); ++i) {
        const Command& member = group.members[i];
        const auto first = books_.seen.find({member.ledger, member.id});
        Verdict verdict;
        if (first == books_.seen.end()) {
            verdict = decide_new(member, command.id);
            for (const Effect& effect : verdict.effects) changes += effect.changes.size();
            if (changes > kPostingsMax) {
                verdict = Verdict();
                verdict.outcome = Outcome::too_large;
            }
            books_.seen[{member.ledger, member.id}] = seen_as(member, verdict);
        } else if (first->second.content != content_of(member)) {
            verdict.outcome = Outcome::conflict;
        } else {
            verdict.outcome = first->second.outcome;
            verdict.facts = first->second.facts;
            verdict.repeated = is_accepted(verdict.outcome);
        }
        members.push_back({verdict.outcome, verdict.repeated});
        effects.insert(effects.end(), verdict.effects.begin(), verdict.effects.end());
        if (!is_accepted(verdict.outcome)) {
            refusal = Refusal{Outcome::group_failed, verdict.facts};
            failed = i;
        }
    }

    Verdict verdict;
    if (refusal) {
        books_ = at_start;
        verdict.outcome = refusal->outcome;
        verdict.facts = refusal->facts;
        const Outcome own = failed ? members[*failed].outcome : Outcome::group_failed;
        members.assign(group.members.size(), MemberOutcome{Outcome::group_failed, false});
        if (failed) members[*failed].outcome = own;
        for (std::size_t i = 0; i < group.members.size(); ++i) {
            Seen seen{content_of(group.members[i]), members[i].outcome, {}, std::nullopt, {}};
            if (failed && i == *failed) seen.facts = refusal->facts;
            // emplace: what was seen before keeps its first outcome.
            books_.seen.emplace(Keyed<CommandId>{command.ledger, group.members[i].id}, seen);
        }
        effects.clear();
    } else {
        verdict.outcome = Outcome::done;
    }
    verdict.members = members;
    effects.push_back(effect_of(command, verdict, CommandId()));
    verdict.effects = effects;
    return verdict;
}

}  // namespace vouch::model
