#include "reconciler/rules/fold_expiries.h"

namespace vouch::reconciler {

void ExpiryFold::end_due() {
    while (const HoldKey* due = context_.books.holds.next_due(context_.time)) {
        const HoldKey key = *due;
        if (context_.books.is_sure(*context_.books.holds.find(key))) {
            context_.report(Check::hold_not_expired,
                            "hold " + id_text(key.id) + " is due and not expired");
        }
        context_.books.holds.erase(key);
    }
}

void ExpiryFold::fold_expiry(const HoldExpired& expired) {
    const HoldKey key{expired.ledger, expired.hold.id};
    const OpenHold* open = context_.books.holds.find(key);
    const bool is_unsure =
        context_.books.was_broken() && (open == nullptr || !context_.books.is_sure(*open));
    std::optional<Amount> freed;
    if (is_unsure) {
        changes_.adopt_all(expired.changes);
        changes_.adopt_hold(key.ledger, expired.hold);
    } else if (open == nullptr || open->state.expires_at.value() == 0 ||
               open->state.expires_at > context_.time) {
        context_.report(Check::wrong_hold, "hold " + id_text(key.id) + " expires, but is not due");
        changes_.adopt_all(expired.changes);
        changes_.adopt_hold(key.ledger, expired.hold);
    } else {
        const HoldKey* due = context_.books.holds.next_due(context_.time);
        // Unsure ones may have ended in what could not be read, and then do not stand before this
        // one.
        if (*due != key && context_.books.is_sure(*context_.books.holds.find(*due))) {
            context_.report(Check::hold_not_expired,
                            "hold " + id_text(key.id) + " expires before hold " + id_text(due->id));
        }
        HoldState after = open->state;
        const std::vector<Leg> legs = changes_.release_legs(after, after.remaining);
        after.remaining = Amount();
        after.status = HoldStatus::expired;
        changes_.check_changes(expired.changes, legs);
        changes_.check_hold(expired.hold, after);
        freed = open->state.remaining;
        changes_.adopt_hold(key.ledger, expired.hold);
    }
    send_expiry(expired, freed);
    context_.keep(IdRowKind::hold_ended, key.ledger, key.id, HoldEnd{HoldStatus::expired});
}

/// The payee's shard frees what the hold had left.
void ExpiryFold::send_expiry(const HoldExpired& expired, std::optional<Amount> freed) {
    if (expired.hold.remote_payee.is_zero()) return;
    const ShardId to = context_.books.home_of(expired.hold.remote_payee);
    if (!freed) return context_.steps.follow(to, std::nullopt);
    if (ReplayedTransit* transit = context_.transit_of(expired.ledger, to, expired.hold.payer))
        transit->freed.add(*freed);
    ReleaseStep release;
    release.hold = expired.hold.id;
    release.freed = *freed;
    release.expired = true;
    context_.steps.follow(to, Step{expired.ledger, expired.hold.id, release});
}

}  // namespace vouch::reconciler
