#include "reconciler/state/transit_balance.h"

#include <algorithm>
#include <string>

namespace vouch::reconciler {

void TransitBalance::add(const ReplayedBooks& books) {
    if (books.was_broken()) doubt(books.shard);
    for (const auto& [key, transit] : books.crossings.transits()) {
        Pair& pair = pairs_[key];
        End& end = key.from == books.shard ? pair.sender : pair.receiver;
        end.steps = transit;
        for (const AccountNumber number : transit.accounts) {
            const Account* account = books.accounts.known(number);
            if (account == nullptr) continue;
            end.debits_posted.add(account->totals.debits_posted);
            end.credits_posted.add(account->totals.credits_posted);
            end.debits_held.add(account->totals.debits_held);
            end.credits_held.add(account->totals.credits_held);
        }
    }
}

/// Sums that would be below zero stand on the other side of each equation.
void TransitBalance::check(Findings& findings) const {
    const auto is_unsure = [this](ShardId shard) {
        return std::ranges::find(unsure_, shard) != unsure_.end();
    };
    for (const auto& [key, pair] : pairs_) {
        if (is_unsure(key.from) || is_unsure(key.to)) continue;
        const auto tell = [&](const std::string& what) {
            findings.add({Check::transit_balance,
                          {},
                          {},
                          {},
                          "ledger " + std::to_string(key.ledger.value()) + " " + key.asset.text() +
                              " from shard " + std::to_string(key.from.value()) + " to shard " +
                              std::to_string(key.to.value()) + ": " + what});
        };
        const End& p = pair.sender;
        const End& q = pair.receiver;
        const ReplayedTransit& sent = pair.sender.steps;
        const ReplayedTransit& taken = pair.receiver.steps;
        // p's posted and q's differ by what was sent, did not come back and was not taken.
        const WideSum posted =
            p.credits_posted.plus(sent.returned).plus(q.credits_posted).plus(taken.sent);
        const WideSum posted_by_steps = p.debits_posted.plus(sent.sent).plus(q.debits_posted);
        if (posted != posted_by_steps) tell("what is posted differs by other than is in flight");
        const WideSum held = p.credits_held.plus(sent.freed).plus(taken.held);
        const WideSum held_by_steps = q.debits_held.plus(sent.held).plus(taken.freed);
        if (held != held_by_steps) tell("what is held differs by other than is in flight");
        if (taken.sent.plus(sent.returned) > sent.sent)
            tell("more was taken or came back than was sent");
    }
}

}  // namespace vouch::reconciler
