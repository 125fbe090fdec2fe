#include "command-handler/core/across_shards.h"
#include "command-handler/core/deciding.h"
#include "command-handler/core/limits.h"
#include "command-handler/core/postings.h"
#include "events/entries/command.h"
#include "events/entries/step_parts.h"
#include "events/money/shard_of.h"

#include <algorithm>
#include <array>

namespace vouch::command_handler {
namespace {

/// An entry that can be reversed or refunded: the postings it made, and what was undone of it
/// since.
struct Original {
    EntryKey key;
    std::span<const Change> postings;  ///< none when it is undone on another shard
    bool is_reversed = false;
    bool is_refunded = false;
    /// Whom a followed entry debited, on the shard that led; its first posting stands for it.
    AccountId remote_payer;
    /// Led here, credited on another shard: undone there, from the account that it credited.
    bool is_undone_elsewhere = false;
};

/// The postings of an entry that this shard led, or followed. Empty when there is none.
std::optional<Original> find_postings(Deciding& deciding, CommandId entry) {
    Original original;
    const std::optional<PastCommand> past = deciding.facts.find_command(deciding.ledger(), entry);
    if (past && !past->member && kind_of(past->event.command.body).makes == Makes::entry &&
        (past->in_transit || is_accepted(past->event.outcome))) {
        original.is_undone_elsewhere = past->in_transit || past->answered;
        if (!original.is_undone_elsewhere)
            original.postings = deciding.arena.copy(past->event.changes);
        return original;
    }
    const std::optional<StepFollowed> followed =
        deciding.facts.find_followed_entry(deciding.ledger(), entry);
    if (!followed || followed->changes.size() != 2) return std::nullopt;
    original.postings = deciding.arena.copy(followed->changes);
    original.remote_payer = payer_of(followed->step.kind);
    return original;
}

/// Empty when no such entry was ever posted on this shard.
std::optional<Original> find_original(Deciding& deciding, CommandId entry) {
    std::optional<Original> found = find_postings(deciding, entry);
    if (!found) return std::nullopt;
    Original& original = *found;
    original.key = {deciding.ledger(), entry};
    // Who paid lives on the shard that led.
    if (!original.remote_payer.is_zero())
        original.key.leader = shard_of(original.remote_payer, deciding.state.shard_count());
    if (const std::optional<EntryState> undone = deciding.facts.find_entry_state(original.key)) {
        original.is_reversed = undone->reversed;
        // Refunds come back only of entries whose sums all stand in their newest event.
        original.is_refunded = std::any_of(
            undone->refunded.begin(), undone->refunded.end(),
            [](const Refunded& each) { return !each.amount.is_zero(); });
    }
    return found;
}

/// The account of one of the original's postings, which is now posted to on `side`.
Party undone_party(const Deciding& deciding, const Original& original, const Change& posting,
                   Side side) {
    if (original.remote_payer.is_zero() || posting.side == Side::credit)
        return party(deciding, posting.account, side);
    Party remote;
    remote.id = original.remote_payer;
    remote.is_remote = true;
    remote.side = side;
    return remote;
}

/// The debit and the credit that undo an entry that this shard followed: the credit is on its way
/// back. False when it is refused.
bool undo_across(Deciding& deciding, std::span<const Party> parties, Amount amount) {
    if (refuse_to_cross(deciding, parties[1].id)) return false;
    const CreditAcross across{.payer = parties[0], .payee = parties[1].id, .amount = amount};
    return credit_across(deciding, across);
}

std::optional<std::uint32_t> first_of(std::span<const Change> postings, Side side) {
    for (std::uint32_t i = 0; i < postings.size(); ++i) {
        if (postings[i].side == side) return i;
    }
    return std::nullopt;
}

}  // namespace

void decide(Deciding& deciding, const Reverse& command) {
    if (command.account.is_zero()) {
        deciding.refuse(Outcome::account_missing);
        return;
    }
    const Party named = party(deciding, command.account, Side::debit);
    if (refuse_unknown(deciding, {&named, 1})) return;
    const std::optional<Original> original = find_original(deciding, command.entry);

    // The mirror: the original's credits, now debits, then its debits.
    const std::size_t count = original ? original->postings.size() : 0;
    const std::span<Party> parties = deciding.arena.make<Party>(std::max<std::size_t>(count, 1));
    const std::span<Amount> amounts = deciding.arena.make<Amount>(count);
    parties[0] = named;
    std::size_t filled = 0;
    for (const Side side : {Side::credit, Side::debit}) {
        for (std::size_t i = 0; i < count; ++i) {
            const Change& posting = original->postings[i];
            if (posting.side != side) continue;
            parties[filled] = undone_party(deciding, *original, posting, opposite(side));
            amounts[filled++] = posting.amount;
        }
    }
    const bool is_named =
        original && !original->is_undone_elsewhere && named.number == parties[0].number;
    if (original && !named.is_remote && !is_named) {
        deciding.refuse(Outcome::wrong_account, facts_about(deciding.state, *named.row));
        return;
    }
    if (refuse_assets(deciding, parties, false)) return;
    if (refuse_standing(deciding, parties, named)) return;
    if (!original) {
        deciding.refuse(Outcome::entry_not_found);
        return;
    }
    if (original->is_reversed) {
        deciding.refuse(Outcome::already_reversed);
        return;
    }
    if (original->is_refunded) {
        deciding.refuse(Outcome::already_refunded);
        return;
    }
    // Of an entry that is undone elsewhere nothing is known; only in a group does a command get
    // here.
    if (count != 0 && refuse_limits(deciding, parties, amounts)) return;
    if (refuse_remote(deciding, {&named, 1})) return;
    if (original->remote_payer.is_zero()) {
        deciding.out.changes = post_all(deciding, parties, amounts);
    } else if (!undo_across(deciding, parties, amounts[0])) {
        return;
    }
    deciding.out.entry = EntryState{.id = command.entry, .reversed = true, .refunded = {}};
    deciding.accept(Outcome::reversed);
}

namespace {

/// The debit and the credit of the original that a refund is about. Empty when it does not name
/// them as it must.
struct RefundedPostings {
    std::uint32_t debit;
    std::uint32_t credit;
};

std::optional<RefundedPostings> refunded_postings(const Deciding& deciding,
                                                  const Original& original, const Refund& command) {
    const std::span<const Change> postings = original.postings;
    if (original.is_undone_elsewhere) return std::nullopt;
    if (command.debit_posting.has_value() != command.credit_posting.has_value())
        return std::nullopt;
    if (command.debit_posting) {
        const RefundedPostings named{*command.debit_posting, *command.credit_posting};
        if (named.debit >= postings.size() || named.credit >= postings.size()) return std::nullopt;
        if (postings[named.debit].side != Side::debit ||
            postings[named.credit].side != Side::credit)
            return std::nullopt;
        // The transit account that stands for a remote payer is of the entry's asset.
        const AccountTable& accounts = deciding.state.accounts();
        const bool are_of_one_asset = accounts.row(postings[named.debit].account).asset_index ==
                                      accounts.row(postings[named.credit].account).asset_index;
        return are_of_one_asset ? std::optional<RefundedPostings>(named) : std::nullopt;
    }
    if (postings.size() != 2) return std::nullopt;
    const std::optional<std::uint32_t> debit = first_of(postings, Side::debit);
    const std::optional<std::uint32_t> credit = first_of(postings, Side::credit);
    if (!debit || !credit) return std::nullopt;
    return RefundedPostings{*debit, *credit};
}

Amount refunded_of(const Deciding& deciding, const Original& original, std::uint32_t posting) {
    return deciding.facts.find_refunded(original.key, posting);
}

Amount left_of(const Deciding& deciding, const Original& original, std::uint32_t posting) {
    const Amount refunded = refunded_of(deciding, original, posting);
    return original.postings[posting].amount.minus(refunded).value_or(Amount());
}

/// The two sums that a refund changes. No more is refunded than was posted.
std::span<const Refunded> with_refund(const Deciding& deciding, const Original& original,
                                      const RefundedPostings& of, Amount amount) {
    const std::span<Refunded> sums = deciding.arena.make<Refunded>(2);
    sums[0].posting = std::min(of.debit, of.credit);
    sums[1].posting = std::max(of.debit, of.credit);
    for (Refunded& each : sums)
        each.amount = *refunded_of(deciding, original, each.posting).plus(amount);
    return sums;
}

/// wrong_account, same_account and asset_mismatch, as far as the accounts are known.
bool refuse_refund_accounts(Deciding& deciding, const Refund& command,
                            std::span<const Party> parties, const Party& named,
                            const Original* original, const std::optional<RefundedPostings>& of) {
    if (!command.from.is_zero() && command.from != command.account) {
        return deciding.refuse(Outcome::wrong_account, named.row
                                                           ? facts_about(deciding.state, *named.row)
                                                           : facts_about(command.account));
    }
    if (original && original->is_undone_elsewhere && !named.is_remote) {
        return deciding.refuse(Outcome::wrong_account, facts_about(deciding.state, *named.row));
    }
    const bool known = original && of;
    if (known && command.from.is_zero() && !named.is_remote && named.number != parties[0].number) {
        return deciding.refuse(Outcome::wrong_account, facts_about(deciding.state, *named.row));
    }
    if (known && parties[0].id == parties[1].id) {
        return deciding.refuse(Outcome::same_account,
                               parties[0].row ? facts_about(deciding.state, *parties[0].row)
                                              : facts_about(parties[0].id));
    }
    if (refuse_assets(deciding, parties, true)) return true;
    if (!known || original->remote_payer.is_zero()) return false;
    // What a payer on another shard paid in, its transit account here tells.
    const AccountRow& paid = deciding.state.accounts().row(original->postings[of->debit].account);
    return parties[0].row && parties[0].row->asset_index != paid.asset_index &&
           deciding.refuse(Outcome::asset_mismatch, facts_about(parties[1].id));
}

}  // namespace

void decide(Deciding& deciding, const Refund& command) {
    if (command.account.is_zero()) {
        deciding.refuse(Outcome::account_missing);
        return;
    }
    const Party named = party(deciding, command.account, Side::debit);
    std::array<Party, 2> both{named, Party{}};
    if (refuse_unknown(deciding, {both.data(), 1})) return;
    if (!command.from.is_zero()) {
        const Party from = party(deciding, command.from, Side::debit);
        if (refuse_unknown(deciding, {&from, 1})) return;
    }
    const std::optional<Original> original = find_original(deciding, command.entry);
    const std::optional<RefundedPostings> of =
        original ? refunded_postings(deciding, *original, command) : std::nullopt;
    if (of) {
        if (command.from.is_zero())
            both[0] = party(deciding, original->postings[of->credit].account, Side::debit);
        both[1] = undone_party(deciding, *original, original->postings[of->debit], Side::credit);
    }
    const std::span<const Party> parties(both.data(), of ? 2 : 1);
    if (refuse_refund_accounts(deciding, command, parties, named, original ? &*original : nullptr,
                               of))
        return;
    if (command.amount && command.amount->is_zero()) {
        deciding.refuse(Outcome::zero_amount);
        return;
    }
    if (refuse_standing(deciding, parties, named)) return;
    if (original && original->is_undone_elsewhere && refuse_remote(deciding, {&named, 1})) return;
    if (!original || !of) {
        deciding.refuse(Outcome::entry_not_found);
        return;
    }
    if (original->is_reversed) {
        deciding.refuse(Outcome::already_reversed);
        return;
    }
    const Amount left = std::min(left_of(deciding, *original, of->debit),
                                 left_of(deciding, *original, of->credit));
    const Amount amount = command.amount.value_or(left);
    if (amount > left || amount.is_zero()) {
        Facts told;
        told.remaining = AmountFact{false, left};
        deciding.refuse(Outcome::refund_exceeds_payment, told);
        return;
    }
    const std::array<Amount, 2> amounts{amount, amount};
    if (refuse_limits(deciding, parties, amounts)) return;
    // A group's member may name an account of another shard, and the entry be on this one.
    if (refuse_remote(deciding, {&named, 1})) return;
    if (original->remote_payer.is_zero()) {
        deciding.out.changes = post_all(deciding, parties, amounts);
    } else if (!undo_across(deciding, parties, amount)) {
        return;
    }
    deciding.out.entry = EntryState{.id = command.entry,
                                    .reversed = false,
                                    .refunded = with_refund(deciding, *original, *of, amount)};
    if (!command.amount) deciding.out.moved = amount;
    deciding.accept(Outcome::refunded);
}

}  // namespace vouch::command_handler
