#include "command-handler/core/across_shards.h"

#include "command-handler/core/limits.h"
#include "events/check.h"
#include "events/money/shard_of.h"

namespace vouch::command_handler {
namespace {

Transit transit_toward(const Deciding& deciding, const Party& payer, AccountId payee,
                       Amount amount) {
    const ShardState& state = deciding.state;
    const TransitKey key{deciding.ledger(), state.shard(), shard_of(payee, state.shard_count()),
                         state.accounts().asset(*payer.row)};
    return transit_with_room(state, key, Side::credit, amount);
}

bool refuse_overflow(Deciding& deciding, const Party& payer) {
    return deciding.refuse(Outcome::amount_overflow, facts_about(deciding.state, *payer.row));
}

std::span<Change> two_changes(Deciding& deciding, const Change& payer, const Transit& transit) {
    const std::span<Change> changes = deciding.arena.make<Change>(2);
    changes[0] = payer;
    changes[1] = next_change(transit.number, transit.standing);
    return changes;
}

}  // namespace

TransitOpened Transit::opening() const {
    TransitOpened event;
    event.ledger = key.ledger;
    event.from = key.from;
    event.to = key.to;
    event.asset = key.asset;
    event.successor = successor;
    event.change.account = number;
    event.change.version = standing.version;
    event.change.limit = standing.limit();
    return event;
}

Transit transit_with_room(const ShardState& state, const TransitKey& key, Side side,
                          Amount amount) {
    Transit transit;
    transit.key = key;
    if (const std::optional<AccountNumber> newest = state.transits().find(key)) {
        transit.number = *newest;
        transit.standing = state.accounts().row(*newest).standing;
        transit.successor = static_cast<std::uint32_t>(state.transits().count(key) - 1);
        Totals after = transit.standing.totals;
        if (add_posted(after, side, amount)) return transit;
        ++transit.successor;
    }
    transit.number = state.accounts().next();
    transit.standing = AccountStanding{};
    transit.standing.version = Version(1);
    transit.standing.unlimited = true;
    transit.is_open = false;
    return transit;
}

bool refuse_to_cross(Deciding& deciding, AccountId account) {
    if (deciding.may_cross) return false;
    return deciding.refuse(Outcome::not_supported_across_shards, facts_about(account));
}

void depart(Deciding& deciding, AccountId toward, const StepKind& step,
            const std::optional<Transit>& transit) {
    Departure& departure = deciding.arena.make<Departure>(1).front();
    departure.to = shard_of(toward, deciding.state.shard_count());
    departure.step = step;
    departure.transit = transit;
    deciding.departure = &departure;
}

bool refuse_no_way_back(Deciding& deciding, const Party& payer, Amount amount) {
    const Totals& totals = payer.row->standing.totals;
    return !has_room_for_returns(deciding.state, payer.number, totals, amount) &&
           refuse_overflow(deciding, payer);
}

bool credit_across(Deciding& deciding, const CreditAcross& across) {
    Change payer_after = next_change(across.payer.number, *across.payer.row);
    if (!add_posted(payer_after.totals, Side::debit, across.amount)) {
        return !refuse_overflow(deciding, across.payer);
    }
    return credit_across(deciding, across, payer_after);
}

bool credit_across(Deciding& deciding, const CreditAcross& across, const Change& payer_after) {
    if (refuse_no_way_back(deciding, across.payer, across.amount)) return false;
    const Transit transit = transit_toward(deciding, across.payer, across.payee, across.amount);
    const std::span<Change> changes = two_changes(deciding, payer_after, transit);
    const bool fits = add_posted(changes[1].totals, Side::credit, across.amount);
    VOUCH_ASSERT(fits);
    changes[0].side = Side::debit;
    changes[1].side = Side::credit;
    changes[0].amount = changes[1].amount = across.amount;
    deciding.out.changes = changes;
    depart(deciding, across.payee,
           CreditStep{.payer = across.payer.id,
                      .payee = across.payee,
                      .asset = transit.key.asset,
                      .amount = across.amount,
                      .may_take_less = across.may_take_less,
                      .makes_entry = across.makes_entry},
           transit);
    return true;
}

bool hold_across(Deciding& deciding, const Party& payer, AccountId payee, Amount amount) {
    const Transit transit = transit_toward(deciding, payer, payee, amount);
    const Change payer_after = next_change(payer.number, *payer.row);
    const std::span<Change> changes = two_changes(deciding, payer_after, transit);
    if (!add_held(changes[0].totals, Side::debit, amount)) return !refuse_overflow(deciding, payer);
    const bool fits = add_held(changes[1].totals, Side::credit, amount);
    VOUCH_ASSERT(fits);
    deciding.out.changes = changes;
    depart(
        deciding, payee,
        HoldStep{.payer = payer.id, .payee = payee, .asset = transit.key.asset, .amount = amount},
        transit);
    return true;
}

}  // namespace vouch::command_handler
