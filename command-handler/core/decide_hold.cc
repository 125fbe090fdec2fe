#include "command-handler/core/across_shards.h"
#include "command-handler/core/deciding.h"
#include "command-handler/core/limits.h"
#include "events/check.h"

#include <algorithm>
#include <array>
#include <limits>

namespace vouch::command_handler {
namespace {

Timestamp expiry_at(Timestamp time, std::uint64_t expires_in_us) {
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    const auto span = static_cast<std::int64_t>(std::min(expires_in_us, kExpiresInMax));
    return Timestamp(time.value() > kLast - span ? kLast : time.value() + span);
}

/// A hold that a command refers to, as far as it is known.
struct FoundHold {
    std::optional<HoldState> state;

    bool is_open() const { return state && state->status == HoldStatus::open; }
};

/// A hold that the payee's shard refused was never placed.
FoundHold find_hold(Deciding& deciding, CommandId id) {
    if (const HoldState* open = deciding.state.holds().find({deciding.ledger(), id}))
        return {*open};
    FoundHold closed{deciding.facts.find_closed_hold(deciding.ledger(), id)};
    if (closed.state && closed.state->status == HoldStatus::refused) closed.state.reset();
    return closed;
}

/// account_missing, account_not_found, wrong_account of capture, extend and release.
bool refuse_payer(Deciding& deciding, const FoundHold& hold, const Party& payer) {
    if (!hold.state || !payer.row) return false;
    if (payer.number != hold.state->payer)
        return deciding.refuse(Outcome::wrong_account, facts_about(deciding.state, *payer.row));
    return false;
}

/// hold_not_found, hold_closed, hold_expired.
bool refuse_closed_hold(Deciding& deciding, const FoundHold& hold) {
    if (!hold.state) return deciding.refuse(Outcome::hold_not_found);
    switch (hold.state->status) {
        case HoldStatus::open:
            return false;
        case HoldStatus::captured:
        case HoldStatus::released:
            return deciding.refuse(Outcome::hold_closed);
        case HoldStatus::expired:
            return deciding.refuse(Outcome::hold_expired);
        case HoldStatus::refused:
            return deciding.refuse(Outcome::hold_not_found);
    }
    return false;
}

void accept_place(Deciding& deciding, const PlaceHold& command, const HoldState& hold) {
    deciding.out.hold = hold;
    if (hold.remaining != command.amount) deciding.out.moved = hold.remaining;
    deciding.accept(Outcome::held);
}

}  // namespace

void decide(Deciding& deciding, const PlaceHold& command) {
    const bool has_payee = !command.credit.is_zero();
    std::array<Party, 2> both{party(deciding, command.debit, Side::debit), Party{}};
    if (has_payee) both[1] = party(deciding, command.credit, Side::credit);
    const std::span<const Party> parties(both.data(), has_payee ? 2 : 1);
    const auto& [payer, payee] = both;
    if (refuse_unknown(deciding, parties)) return;
    if (has_payee && command.debit == command.credit) {
        deciding.refuse(Outcome::same_account, payer.row ? facts_about(deciding.state, *payer.row)
                                                         : facts_about(payer.id));
        return;
    }
    if (refuse_assets(deciding, parties, true)) return;
    if (command.amount.is_zero()) {
        deciding.refuse(Outcome::zero_amount);
        return;
    }
    if (refuse_standing(deciding, parties, payer)) return;
    const std::optional<Amount> within =
        amount_within_limits(deciding, payer, payee, command.amount, command.balancing);
    if (!within) return;
    const Amount held = *within;
    HoldState hold;
    hold.id = deciding.command().id;
    hold.payer = payer.number;
    hold.remaining = held;
    if (command.expires_in_us != 0)
        hold.expires_at = expiry_at(deciding.time, command.expires_in_us);
    if (payee.is_remote && deciding.may_cross && !caps_credit(command.balancing)) {
        if (!hold_across(deciding, payer, payee.id, held)) return;
        hold.payee = deciding.out.changes.back().account;
        hold.remote_payee = payee.id;
        accept_place(deciding, command, hold);
        return;
    }

    const std::span<Change> changes = deciding.arena.make<Change>(parties.size());
    for (std::size_t i = 0; i < parties.size(); ++i) {
        const Party& each = parties[i];
        if (!each.row) continue;
        changes[i] = next_change(each.number, *each.row);
        if (!add_held(changes[i].totals, *each.side, held) ||
            (each.row->crossings != 0 &&
             !has_room_for_returns(deciding.state, each.number, changes[i].totals))) {
            deciding.refuse(Outcome::amount_overflow, facts_about(deciding.state, *each.row));
            return;
        }
    }
    if (refuse_remote(deciding, parties)) return;
    if (has_payee) hold.payee = payee.number;
    deciding.out.changes = changes;
    accept_place(deciding, command, hold);
}

namespace {

/// The payee of a capture: the hold's, or the one that the capture of a hold without payee names.
struct Payee {
    std::optional<Party> account;
    bool is_named = false;  ///< by the capture: nothing was reserved on it
};

Payee payee_of(const Deciding& deciding, const FoundHold& hold, AccountId named) {
    if (hold.state && hold.state->payee) {
        Party payee = party(deciding, *hold.state->payee, std::nullopt);
        if (hold.state->remote_payee.is_zero()) return {payee, false};
        // The transit account stands for it.
        payee.id = hold.state->remote_payee;
        payee.is_remote = true;
        return {payee, false};
    }
    if (named.is_zero()) return {};
    return {party(deciding, named, Side::credit), true};
}

/// Of a hold that has one. A remote account has no number.
bool is_payee(const HoldState& hold, const Party& named) {
    return hold.remote_payee.is_zero() ? named.number == *hold.payee
                                       : named.id == hold.remote_payee;
}

bool refuse_capture_accounts(Deciding& deciding, const CaptureHold& command, const FoundHold& hold,
                             const Party& payer) {
    const bool needs_credit = hold.state && !hold.state->payee;
    if (command.account.is_zero() || (needs_credit && command.credit.is_zero())) {
        return deciding.refuse(Outcome::account_missing);
    }
    std::array<Party, 2> named{payer, Party{}};
    const bool names_credit = !command.credit.is_zero();
    if (names_credit) named[1] = party(deciding, command.credit, std::nullopt);
    if (refuse_unknown(deciding, {named.data(), names_credit ? std::size_t{2} : std::size_t{1}}))
        return true;
    if (refuse_payer(deciding, hold, payer)) return true;
    if (hold.state && hold.state->payee && names_credit && !is_payee(*hold.state, named[1])) {
        return deciding.refuse(Outcome::wrong_account,
                               named[1].row ? facts_about(deciding.state, *named[1].row)
                                            : facts_about(command.credit));
    }
    if (names_credit && command.credit == command.account) {
        return deciding.refuse(Outcome::same_account, payer.row
                                                          ? facts_about(deciding.state, *payer.row)
                                                          : facts_about(payer.id));
    }
    return false;
}

/// Room and limit of a payee on which nothing was reserved, as it is after the capture.
bool refuse_named_payee(Deciding& deciding, const Party& payee, Amount amount) {
    if (!payee.row) return false;
    Totals after = payee.row->standing.totals;
    const std::optional<Amount> cap = cap_of(deciding.state, *payee.row, Side::credit);
    if (cap && *cap < amount)
        return deciding.refuse(Outcome::insufficient_funds,
                               facts_about(deciding.state, *payee.row));
    const bool has_room =
        add_posted(after, Side::credit, amount) &&
        (payee.row->crossings == 0 || has_room_for_returns(deciding.state, payee.number, after));
    return !has_room &&
           deciding.refuse(Outcome::amount_overflow, facts_about(deciding.state, *payee.row));
}

void accept_capture(Deciding& deciding, const CaptureHold& command, const HoldState& after,
                    Amount amount) {
    deciding.out.hold = after;
    if (!command.amount) deciding.out.moved = amount;
    deciding.accept(Outcome::captured);
}

/// What is not captured stays held until the payee's shard has answered.
void capture_across(Deciding& deciding, const CaptureHold& command, const HoldState& before,
                    const Party& payer, Amount amount) {
    Change payer_after = next_change(payer.number, *payer.row);
    take_held(payer_after.totals, Side::debit, amount);
    const bool fits = add_posted(payer_after.totals, Side::debit, amount);
    VOUCH_ASSERT(fits);
    const CreditAcross across{
        .payer = payer, .payee = command.credit, .amount = amount, .makes_entry = true};
    if (!credit_across(deciding, across, payer_after)) return;
    HoldState after = before;
    after.remaining = *before.remaining.minus(amount);
    after.captured = *before.captured.plus(amount);
    accept_capture(deciding, command, after, amount);
}

}  // namespace

void decide(Deciding& deciding, const CaptureHold& command) {
    const FoundHold hold = find_hold(deciding, command.hold);
    const Party payer = party(deciding, command.account, std::nullopt);
    if (refuse_capture_accounts(deciding, command, hold, payer)) return;
    const Payee payee = payee_of(deciding, hold, command.credit);
    std::array<Party, 2> both{payer, payee.account ? *payee.account : Party{}};
    const std::span<const Party> parties(both.data(), payee.account ? 2 : 1);
    if (refuse_assets(deciding, parties, true)) return;
    if (command.amount && command.amount->is_zero()) {
        deciding.refuse(Outcome::zero_amount);
        return;
    }
    if (refuse_standing(deciding, parties, payer)) return;
    if (refuse_closed_hold(deciding, hold)) return;
    const HoldState& before = *hold.state;
    const Amount amount = command.amount.value_or(before.remaining);
    // Nothing may be left while captures are on their way to a payee that they named.
    if (amount > before.remaining || amount.is_zero()) {
        Facts told;
        told.remaining = AmountFact{false, before.remaining};
        deciding.refuse(Outcome::exceeds_hold, told);
        return;
    }
    if (payee.is_named && payee.account->is_remote && deciding.may_cross) {
        capture_across(deciding, command, before, payer, amount);
        return;
    }
    const Amount freed = command.keep_rest ? amount : before.remaining;
    const std::span<Change> changes = deciding.arena.make<Change>(2);
    changes[0] = next_change(before.payer, deciding.state.accounts().row(before.payer));
    take_held(changes[0].totals, Side::debit, freed);
    const bool payer_fits = add_posted(changes[0].totals, Side::debit, amount);
    VOUCH_ASSERT(payer_fits);
    if (payee.is_named && refuse_named_payee(deciding, *payee.account, amount)) return;
    if (payee.account->row) {
        changes[1] = next_change(payee.account->number, *payee.account->row);
        if (!payee.is_named) take_held(changes[1].totals, Side::credit, freed);
        const bool payee_fits = add_posted(changes[1].totals, Side::credit, amount);
        VOUCH_ASSERT(payee_fits);
    }
    if (refuse_remote(deciding, {&payer, 1})) return;
    if (payee.account->is_remote) {
        if (refuse_to_cross(deciding, payee.account->id)) return;
        if (refuse_no_way_back(deciding, payer, amount)) return;
        depart(
            deciding, payee.account->id,
            CaptureStep{.hold = command.hold, .payer = payer.id, .amount = amount, .freed = freed});
    }
    changes[0].side = Side::debit;
    changes[1].side = Side::credit;
    changes[0].amount = changes[1].amount = amount;

    HoldState after = before;
    after.remaining = *before.remaining.minus(freed);
    after.captured = *before.captured.plus(amount);
    if (after.remaining.is_zero()) after.status = HoldStatus::captured;
    deciding.out.changes = changes;
    accept_capture(deciding, command, after, amount);
}

namespace {

/// What release and extend have in common. Empty when refused.
std::optional<HoldState> open_hold(Deciding& deciding, CommandId id, AccountId account) {
    const FoundHold hold = find_hold(deciding, id);
    if (account.is_zero()) {
        deciding.refuse(Outcome::account_missing);
        return std::nullopt;
    }
    const Party payer = party(deciding, account, std::nullopt);
    const std::span<const Party> parties(&payer, 1);
    if (refuse_unknown(deciding, parties)) return std::nullopt;
    if (refuse_payer(deciding, hold, payer)) return std::nullopt;
    if (refuse_assets(deciding, parties, false)) return std::nullopt;
    if (refuse_standing(deciding, parties, payer)) return std::nullopt;
    if (refuse_closed_hold(deciding, hold)) return std::nullopt;
    if (refuse_remote(deciding, parties)) return std::nullopt;
    return hold.state;
}

}  // namespace

void decide(Deciding& deciding, const ReleaseHold& command) {
    const std::optional<HoldState> before = open_hold(deciding, command.hold, command.account);
    if (!before) return;
    if (!before->remote_payee.is_zero()) {
        if (refuse_to_cross(deciding, before->remote_payee)) return;
        depart(deciding, before->remote_payee,
               ReleaseStep{.hold = command.hold, .freed = before->remaining});
    }
    deciding.out.changes =
        release_changes(deciding.state, *before, before->remaining, deciding.arena);
    HoldState after = *before;
    after.remaining = Amount();
    after.status = HoldStatus::released;
    deciding.out.hold = after;
    deciding.accept(Outcome::released);
}

void decide(Deciding& deciding, const ExtendHold& command) {
    const std::optional<HoldState> before = open_hold(deciding, command.hold, command.account);
    if (!before) return;
    HoldState after = *before;
    if (before->expires_at.value() != 0) {
        after.expires_at =
            std::max(before->expires_at, expiry_at(deciding.time, command.expires_in_us));
    }
    deciding.out.hold = after;
    deciding.accept(Outcome::extended);
}

}  // namespace vouch::command_handler
