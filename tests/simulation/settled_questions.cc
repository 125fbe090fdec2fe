#include "tests/simulation/settled_questions.h"

#include "events/money/account.h"
#include "tests/simulation/log_place.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

namespace vouch::test {
namespace {

constexpr std::string_view kSettled = "settled answers never change";
constexpr std::string_view kEven = "a settled trial balance is even";
constexpr std::size_t kTimesMax = 24;

std::string text_of(const projector::TrialBalanceLine& line) {
    std::string text(line.asset.text());
    for (const WideSum& sum : {line.debits_posted, line.credits_posted, line.debits_held,
                               line.credits_held, line.transit_debits, line.transit_credits})
        text += " " + to_text(sum, Scale(0));
    return text;
}

std::string text_of(const projector::AccountBalance& balance) {
    constexpr Scale kWhole(0);
    std::string text = "version " + std::to_string(balance.version.value()) + " " +
                       std::string(to_text(balance.state)) + " " +
                       projector::limit_text(balance.limit, kWhole);
    const Totals& totals = balance.totals;
    for (const Amount amount : {totals.debits_posted, totals.credits_posted, totals.debits_held,
                                totals.credits_held, balance.debits_due, balance.credits_due})
        text += " " + to_text(amount, kWhole);
    const std::optional<Amount> free =
        available(balance.without_due(), normal_side(balance.account.account_class), balance.limit);
    return text + " available " + (free ? to_text(*free, kWhole) : "unlimited");
}

/// Below which every shard is complete; empty while one is not known to be.
std::optional<Timestamp> settled_below(const projector::Books& books, std::size_t shards) {
    std::optional<Timestamp> below;
    for (std::uint32_t i = 0; i < shards; ++i) {
        const std::optional<Timestamp> of_shard = books.complete_below(ShardId(i));
        if (!of_shard) return std::nullopt;
        below = std::min(below.value_or(*of_shard), *of_shard);
    }
    return below;
}

}  // namespace

void SettledQuestions::ask(projector::ShardViews& views, std::uint64_t draw) {
    const std::size_t shards = views.stores().size();
    projector::Books books = must(projector::Books::open(views.stores()));
    if (answers_.size() < kTimesMax) {
        if (const std::optional<Timestamp> below = settled_below(books, shards))
            hold(books, Timestamp(below->value() - 1));
        // More records may come of this very time, on that shard.
        const ShardId any(static_cast<std::uint32_t>(draw % shards));
        if (const auto newest = books.complete_below(any)) hold(books, *newest);
    }
    if (answers_.empty()) return;
    const auto nth = static_cast<std::ptrdiff_t>(draw % answers_.size());
    hold(books, std::next(answers_.begin(), nth)->first);
}

void SettledQuestions::ask_again(projector::ShardViews& views) {
    projector::Books books = must(projector::Books::open(views.stores()));
    for (auto each = answers_.begin(); each != answers_.end(); ++each) hold(books, each->first);
}

/// A view that was lost is made again, and knows less meanwhile: what is not settled is not held.
void SettledQuestions::hold(projector::Books& books, Timestamp at) {
    ++asked_;
    Answers& before = answers_[at];
    const auto compare = [&](std::string& first, const std::string& now) {
        if (first.empty()) first = now;
        if (first != now)
            auditor_.violate(kSettled, "at " + std::to_string(at.value()) + ":\n" + first +
                                           "\nand now:\n" + now);
    };
    must(books.balances(std::nullopt, at, {}, [&](const projector::AccountBalance& balance) {
        const projector::AccountInfo& account = balance.account;
        if (balance.settled == true)
            compare(before.accounts[{balance.as_of.shard, account.ledger, account.id}],
                    text_of(balance));
        return true;
    }));
    if (!books.is_settled(at)) return;
    std::string lines;
    for (const projector::TrialBalanceLine& line : must(books.trial_balance(std::nullopt, at))) {
        if (!line.is_even()) auditor_.violate(kEven, text_of(line));
        lines += text_of(line) + "\n";
    }
    compare(before.trial_balance, lines);
}

}  // namespace vouch::test
