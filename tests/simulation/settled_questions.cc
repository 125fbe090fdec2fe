#include "tests/simulation/settled_questions.h"

#include "projector/queries/books.h"

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
    std::string text = std::to_string(balance.version.value());
    const Totals& totals = balance.totals;
    for (const Amount amount : {totals.debits_posted, totals.credits_posted, totals.debits_held,
                                totals.credits_held})
        text += " " + to_text(amount, Scale(0));
    return text + "\n";
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
    const Result<projector::Books> books = projector::Books::open(views.stores());
    if (!books) return;
    const std::optional<Timestamp> below = settled_below(*books, views.stores().size());
    if (below && answers_.size() < kTimesMax) ask_about(views, Timestamp(below->value() - 1));
    if (answers_.empty()) return;
    const auto nth = static_cast<std::ptrdiff_t>(draw % answers_.size());
    ask_about(views, std::next(answers_.begin(), nth)->first);
}

void SettledQuestions::ask_again(projector::ShardViews& views) {
    for (auto each = answers_.begin(); each != answers_.end(); ++each)
        ask_about(views, each->first);
}

void SettledQuestions::ask_about(projector::ShardViews& views, Timestamp at) {
    Result<projector::Books> books = projector::Books::open(views.stores());
    // A view that was lost is made again, and knows less meanwhile.
    if (!books || !books->is_settled(at)) return;
    const auto lines = books->trial_balance(std::nullopt, at);
    if (!lines) return;
    std::string answer;
    for (const projector::TrialBalanceLine& line : *lines) {
        if (!line.is_even()) auditor_.violate(kEven, text_of(line));
        answer += text_of(line) + "\n";
    }
    const Status told = books->balances(std::nullopt, at, {}, [&](const auto& balance) {
        answer += text_of(balance);
        return true;
    });
    if (!told) return;
    ++asked_;
    const auto [before, is_new] = answers_.emplace(at, answer);
    if (!is_new && before->second != answer)
        auditor_.violate(kSettled, "at " + std::to_string(at.value()) + ":\n" + before->second +
                                       "and now:\n" + answer);
}

}  // namespace vouch::test
