#include "projector/queries/trial_balance.h"

#include "projector/queries/books.h"

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

}  // namespace

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

}  // namespace vouch::projector
