#include "tests/command-handler/whole_books.h"

#include <map>
#include <sstream>

namespace vouch::test {
namespace {

/// Tests move small amounts.
std::int64_t net(Amount debits, Amount credits) {
    return static_cast<std::int64_t>(debits.low()) - static_cast<std::int64_t>(credits.low());
}

std::int64_t posted(const LogFold::Account& account) {
    return net(account.newest.totals.debits_posted, account.newest.totals.credits_posted);
}

std::int64_t held(const LogFold::Account& account) {
    return net(account.newest.totals.debits_held, account.newest.totals.credits_held);
}

std::uint64_t steps(const std::map<ShardId, std::uint64_t>& by_shard, std::uint32_t shard) {
    const auto found = by_shard.find(ShardId(shard));
    return found == by_shard.end() ? 0 : found->second;
}

}  // namespace

WholeBooks::WholeBooks(const Deployment& deployment, const EpochKeys& keys) {
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        folds_.emplace_back(deployment, keys, ShardId(i));
    }
}

void WholeBooks::read(LogReader& log) {
    for (LogFold& fold : folds_) fold.read(log);
}

std::string WholeBooks::faults() const {
    std::ostringstream out;
    for (std::uint32_t to = 0; to < folds_.size(); ++to) {
        for (const std::string& fault : folds_[to].faults) out << to << ": " << fault << "\n";
        std::int64_t sum = 0;
        for (const LogFold::Account& account : folds_[to].accounts) sum += posted(account);
        if (sum != 0) out << to << ": debits exceed credits by " << sum << "\n";
        for (std::uint32_t from = 0; from < folds_.size(); ++from) {
            const std::uint64_t taken = steps(folds_[to].steps_taken, from);
            if (taken <= steps(folds_[from].steps_sent, to)) continue;
            out << to << ": took " << taken << " steps of " << from << ", more than were sent\n";
        }
    }
    return out.str();
}

std::string WholeBooks::faults_at_rest() const {
    std::ostringstream out;
    out << faults();
    std::int64_t under_way = 0;
    std::int64_t held_under_way = 0;
    for (std::uint32_t to = 0; to < folds_.size(); ++to) {
        if (!folds_[to].in_transit.empty()) {
            out << to << ": " << folds_[to].in_transit.size() << " commands without outcome\n";
        }
        for (const LogFold::Account& account : folds_[to].accounts) {
            if (!account.id.is_zero()) continue;
            under_way += posted(account);
            held_under_way += held(account);
        }
        for (std::uint32_t from = 0; from < folds_.size(); ++from) {
            const std::uint64_t sent = steps(folds_[from].steps_sent, to);
            const std::uint64_t taken = steps(folds_[to].steps_taken, from);
            if (sent != taken) out << to << ": took " << taken << " of " << sent << " steps\n";
        }
    }
    if (under_way != 0) out << "left in transit: " << under_way << "\n";
    if (held_under_way != 0) out << "left held in transit: " << held_under_way << "\n";
    return out.str();
}

std::string WholeBooks::books() const {
    std::map<AccountId, std::string> accounts;
    std::map<CommandId, std::string> holds;
    for (const LogFold& fold : folds_) {
        for (const LogFold::Account& account : fold.accounts) {
            if (account.id.is_zero()) continue;
            std::ostringstream line;
            const Totals& totals = account.newest.totals;
            line << account.newest.version.value() << ": " << totals.debits_posted.low() << "/"
                 << totals.credits_posted.low() << " held " << totals.debits_held.low() << "/"
                 << totals.credits_held.low();
            accounts[account.id] = line.str();
        }
        for (const auto& [key, hold] : fold.holds) {
            std::ostringstream line;
            line << to_text(hold.status) << " remaining " << hold.remaining.low() << " captured "
                 << hold.captured.low();
            holds[key.second] = line.str();
        }
    }
    std::ostringstream out;
    for (const auto& [id, line] : accounts) out << id_text(id) << " v" << line << "\n";
    for (const auto& [id, line] : holds) out << id_text(id) << " " << line << "\n";
    return out.str();
}

}  // namespace vouch::test
