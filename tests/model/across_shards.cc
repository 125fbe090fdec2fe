#include "tests/model/across_shards.h"

#include "tests/model/accepted_model.h"
#include "tests/model/prediction.h"
#include "tests/model/shard_books.h"
#include "tests/support/core_adapter.h"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <random>
#include <set>
#include <string>

namespace vouch::test {

using model::Integer;
using model::to_integer;

void AcrossCoverage::add(const AcrossCoverage& other) {
    for (const auto& [outcome, times] : other.outcomes) outcomes[outcome] += times;
    commands += other.commands;
    left_out += other.left_out;
    by_sides += other.by_sides;
    unsaid += other.unsaid;
    overflows += other.overflows;
    crossings += other.crossings;
    crossings_refused += other.crossings_refused;
    most_under_way = std::max(most_under_way, other.most_under_way);
    scenarios += other.scenarios;
    cut += other.cut;
}

std::string render(const AcrossCoverage& c) {
    const auto line = [](const char* word, std::size_t count) {
        return "  " + std::string(word) + " " + std::to_string(count) + "\n";
    };
    return line("commands", c.commands) + line("left out", c.left_out) +
           line("refused by sides", c.by_sides) + line("refused, not said how", c.unsaid) +
           line("overflows of what came back", c.overflows) + line("crossed", c.crossings) +
           line("refused by the payee's shard", c.crossings_refused) +
           line("steps under way at once", c.most_under_way) + line("scenarios", c.scenarios) +
           line("of them cut short", c.cut);
}

namespace {

std::string versus(const std::string& what, const std::string& expected, const std::string& real) {
    return what + "\n  expected: " + expected + "\n  shards:   " + real;
}

/// The cores of all shards, with their books.
class CorePlay {
public:
    CorePlay(const Scenario& scenario, std::uint32_t shards)
        : scenario_(scenario), core_(make_core_ledger(shards)), books_(shards) {
        core_->observe([this](ShardId shard, const Event& event) { books_.take(shard, event); });
    }

    std::optional<std::string> fault() const {
        if (books_.faults().empty()) return std::nullopt;
        std::string text;
        for (const std::string& each : books_.faults()) text += each + "\n";
        return text;
    }

protected:
    /// When nothing is under way any more.
    std::optional<std::string> end(AcrossCoverage& coverage) {
        books_.check_at_rest();
        ++coverage.scenarios;
        if (books_.holds_cut() > 0) ++coverage.cut;
        coverage.crossings += books_.crossings_begun();
        coverage.crossings_refused += books_.crossings_refused();
        if (auto text = fault()) return text;
        return find_difference_of_accepted(books_);
    }

    const Scenario& scenario_;
    std::unique_ptr<CoreLedger> core_;
    ShardBooks books_;
};

// --- Each command final before the next -------------------------------------------------------

class FinalPlay : public CorePlay {
public:
    FinalPlay(const Scenario& scenario, std::uint32_t shards, AcrossCoverage& coverage)
        : CorePlay(scenario, shards), predictor_(shards), coverage_(coverage) {}

    std::optional<Difference> run() {
        std::int64_t now_us = kSpecStartUs;
        for (std::size_t i = 0; i < scenario_.batches.size(); ++i) {
            const ScenarioBatch& batch = scenario_.batches[i];
            now_us += batch.after_us;
            if (batch.restart_first) core_->restart();
            model_.begin_record(Timestamp(now_us));
            core_->play({}, Timestamp(now_us));
            for (const OwnedCommand& command : batch.commands) {
                auto text = play(command, Timestamp(now_us));
                if (!text) text = fault();
                if (!text && books_.holds_cut() > 0) return finish();
                if (!text) text = compare_accounts();
                if (!text) text = compare_holds();
                if (text) return Difference{i, *text};
            }
        }
        return finish();
    }

private:
    std::optional<Difference> finish() {
        const auto text = end(coverage_);
        if (text) return Difference{scenario_.batches.size(), *text};
        return std::nullopt;
    }

    std::optional<std::string> play(OwnedCommand command, Timestamp now) {
        // Versions also count what came back.
        command.head.expected_version.reset();
        for (OwnedCommand& member : command.members) member.head.expected_version.reset();
        Prediction prediction = predictor_.predict(model_, command);
        if (prediction.kind == Prediction::Kind::left_out) {
            ++coverage_.left_out;
            return std::nullopt;
        }
        ++coverage_.commands;
        const Told told = core_->play({&command, 1}, now).front();
        ++coverage_.outcomes[told.outcome];
        const std::string what = "answer to " + scenario_.names.text(command.head.id);
        if (prediction.kind == Prediction::Kind::refused) {
            ++coverage_.unsaid;
            if (is_accepted(told.outcome) || told.stage != Told::Stage::decided)
                return versus(what, "a refusal", render(told));
        } else if (comparable(told) != comparable(prediction.told)) {
            if (!is_overflow_of_returns(command, told))
                return versus(what, render(prediction.told), render(told));
            ++coverage_.overflows;
            prediction.only_shards_refuse = true;
        }
        if (prediction.kind == Prediction::Kind::by_sides) ++coverage_.by_sides;
        predictor_.remember(command, prediction, told);
        if (prediction.only_shards_refuse) return std::nullopt;
        const model::Verdict verdict = model_.decide(command.view());
        if (is_accepted(verdict.outcome) == is_accepted(told.outcome)) return std::nullopt;
        return versus(what + " over one shard", std::string(to_text(verdict.outcome)),
                      render(told));
    }

    /// What came back stands on both sides of its accounts, which so are full earlier.
    bool is_overflow_of_returns(const OwnedCommand& command, const Told& told) const {
        const bool is_overflow =
            told.outcome == Outcome::amount_overflow ||
            std::any_of(told.members.begin(), told.members.end(), [](const MemberOutcome& member) {
                return member.outcome == Outcome::amount_overflow;
            });
        const Integer asked = asked_at_most(command);
        const auto is_full = [&](const ShardBooks::Account* row) {
            const Totals& totals = row->newest.totals;
            const Integer debits =
                to_integer(totals.debits_posted) + to_integer(totals.debits_held);
            const Integer credits =
                to_integer(totals.credits_posted) + to_integer(totals.credits_held);
            return Integer(std::max(debits, credits) + asked) >> 128 != 0;
        };
        const auto accounts = books_.accounts();
        const auto transits = books_.transits();
        return is_overflow && (std::any_of(accounts.begin(), accounts.end(), is_full) ||
                               std::any_of(transits.begin(), transits.end(), is_full));
    }

    /// The sum of all amounts in the command; half of what there can be when it does not say.
    static Integer asked_at_most(const OwnedCommand& command) {
        Integer sum = 0;
        for (const Posting& posting : command.postings) sum += to_integer(posting.amount);
        for (const OwnedCommand& member : command.members) sum += asked_at_most(member);
        const CommandBody& body = command.head.body;
        if (const auto* transfer = std::get_if<Transfer>(&body))
            sum += to_integer(transfer->amount);
        if (const auto* place = std::get_if<PlaceHold>(&body)) sum += to_integer(place->amount);
        if (const auto* capture = std::get_if<CaptureHold>(&body); capture && capture->amount)
            sum += to_integer(*capture->amount);
        if (const auto* refund = std::get_if<Refund>(&body); refund && refund->amount)
            sum += to_integer(*refund->amount);
        return sum != 0 ? sum : Integer(1) << 127;
    }

    std::optional<std::string> compare_accounts() const {
        const auto& accounts = model_.books().accounts;
        if (books_.accounts().size() != accounts.size()) return "another number of accounts";
        for (const auto& [key, account] : accounts) {
            const ShardBooks::Account* row = books_.find(key);
            if (row == nullptr) return "an account is missing";
            const Totals& totals = row->newest.totals;
            const Integer posted =
                to_integer(totals.debits_posted) - to_integer(totals.credits_posted);
            const Integer expected = account.debits.posted - account.credits.posted;
            const std::string what = "account " + scenario_.names.text(key.second);
            if (posted != expected) return versus(what + " posted", expected.str(), posted.str());
            if (to_integer(totals.debits_held) != account.debits.held ||
                to_integer(totals.credits_held) != account.credits.held)
                return what + ": held is another amount";
            if (row->newest.state != account.state) return what + ": another state";
            const Limit& limit = row->newest.limit;
            if (limit.is_unlimited() != !account.limit ||
                (account.limit && to_integer(limit.below_zero()) != *account.limit))
                return what + ": another limit";
        }
        return std::nullopt;
    }

    std::optional<std::string> compare_holds() const {
        const auto& holds = model_.books().holds;
        for (const auto& [key, hold] : books_.holds()) {
            if (hold.status != HoldStatus::refused && !holds.contains(key))
                return "a hold that the model does not know";
        }
        for (const auto& [key, hold] : holds) {
            const auto found = books_.holds().find(key);
            const std::string what = "hold " + scenario_.names.text(key.second);
            if (found == books_.holds().end()) return what + " is missing";
            const HoldState& real = found->second;
            if (to_integer(real.remaining) != hold.remaining ||
                to_integer(real.captured) != hold.captured)
                return what + ": another amount";
            if (real.status != hold.status || real.expires_at.value() != hold.expires_at)
                return what + ": another status";
        }
        return std::nullopt;
    }

    Predictor predictor_;
    AcrossCoverage& coverage_;
    model::Model model_;
};

// --- Without waiting --------------------------------------------------------------------------

class InterleavedPlay : public CorePlay {
public:
    InterleavedPlay(const Scenario& scenario, std::uint32_t shards, AcrossCoverage& coverage)
        : CorePlay(scenario, shards),
          predictor_(shards),
          coverage_(coverage),
          random_(scenario.seed * 64 + shards) {}

    std::optional<Difference> run() {
        core_->hold_steps_back(true);
        std::int64_t now_us = kSpecStartUs;
        patience_ = kPatiences[below(kPatiences.size())];
        for (std::size_t i = 0; i < scenario_.batches.size(); ++i) {
            const ScenarioBatch& batch = scenario_.batches[i];
            now_us += batch.after_us;
            if (batch.restart_first) core_->restart();
            for (const OwnedCommand& command : batch.commands) {
                play(command, Timestamp(now_us));
                take_some_steps();
                if (below(100) < kSweepPercent) sweep_and_close(Timestamp(now_us));
                if (const auto text = fault()) return Difference{i, *text};
            }
        }
        while (core_->steps_under_way() > 0) core_->deliver_of_pair(below(kPairsMax));
        const auto text = end(coverage_);
        if (text) return Difference{scenario_.batches.size(), *text};
        return std::nullopt;
    }

private:
    /// Steps taken after each command, in percent: all, most, about as many as come, few.
    static constexpr std::array<std::size_t, 4> kPatiences = {100, 80, 55, 20};
    static constexpr std::size_t kPairsMax = 36;
    static constexpr std::size_t kSweepPercent = 4;

    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

    void play(const OwnedCommand& command, Timestamp now) {
        if (!is_of_one_home(command)) {
            ++coverage_.left_out;
            return;
        }
        ++coverage_.commands;
        const Told told = core_->play({&command, 1}, now).front();
        if (told.stage == Told::Stage::decided) ++coverage_.outcomes[told.outcome];
        coverage_.most_under_way = std::max(coverage_.most_under_way, core_->steps_under_way());
    }

    /// Sends all that an account has to another one and closes it at once, which is refused for as
    /// long as something could come back. Chance alone hardly ever empties an account.
    void sweep_and_close(Timestamp now) {
        const auto account = [this] {
            const auto& names = scenario_.names.accounts;
            return std::next(names.begin(), static_cast<std::ptrdiff_t>(below(names.size())))
                ->first;
        };
        OwnedCommand sweep;
        const AccountId swept = account();
        sweep.head.id = CommandId(~std::uint64_t{1}, ++sweeps_);
        sweep.head.body = Transfer{swept, account(), Amount::max(), Balancing::debit};
        OwnedCommand close;
        close.head.id = CommandId(~std::uint64_t{2}, sweeps_);
        close.head.body = CloseAccount{swept};
        play(sweep, now);
        play(close, now);
    }

    /// Shards do not know each other's ids: one that is used again elsewhere is a command of its
    /// own there, and none for the model.
    bool is_of_one_home(const OwnedCommand& command) {
        const ShardId home = predictor_.home_of(command.view());
        const auto agrees = [&](const OwnedCommand& each) {
            const auto known = homes_.find({each.head.ledger, each.head.id});
            return known == homes_.end() || known->second == home;
        };
        if (!agrees(command) ||
            !std::all_of(command.members.begin(), command.members.end(), agrees))
            return false;
        homes_.emplace(std::pair{command.head.ledger, command.head.id}, home);
        for (const OwnedCommand& member : command.members)
            homes_.emplace(std::pair{member.head.ledger, member.head.id}, home);
        return true;
    }

    void take_some_steps() {
        while (core_->steps_under_way() > 0 && below(100) < patience_)
            core_->deliver_of_pair(below(kPairsMax));
    }

    Predictor predictor_;
    AcrossCoverage& coverage_;
    std::mt19937_64 random_;
    std::size_t patience_ = 0;
    std::uint64_t sweeps_ = 0;
    std::map<std::pair<LedgerId, CommandId>, ShardId> homes_;
};

}  // namespace

namespace {

/// What the cores' driver finds for itself comes as an exception.
template <class Play>
std::optional<Difference> run(Play&& play) {
    try {
        return play.run();
    } catch (const std::exception& problem) {
        return Difference{0, play.fault().value_or("") + problem.what()};
    }
}

}  // namespace

std::optional<Difference> find_difference_when_final(const Scenario& scenario, std::uint32_t shards,
                                                     AcrossCoverage& coverage) {
    return run(FinalPlay(scenario, shards, coverage));
}

std::optional<Difference> find_difference_interleaved(const Scenario& scenario,
                                                      std::uint32_t shards,
                                                      AcrossCoverage& coverage) {
    return run(InterleavedPlay(scenario, shards, coverage));
}

}  // namespace vouch::test
