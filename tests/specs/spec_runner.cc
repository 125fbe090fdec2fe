#include "tests/specs/spec_runner.h"

#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>

namespace vouch::test {

namespace {

using model::Integer;
using model::to_integer;

/// "-1.20" for -120 at scale 2. Sums of many accounts may need more than an Amount.
std::string decimal(const Integer& value, Scale scale) {
    std::string digits = Integer(abs(value)).str();
    const std::size_t places = scale.value();
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    if (places != 0) digits.insert(digits.size() - places, ".");
    return (value < 0 ? "-" : "") + digits;
}

std::string decimal(const AmountFact& fact, Scale scale) {
    return fact.unlimited ? "unlimited" : decimal(to_integer(fact.amount), scale);
}

using Words = std::map<std::string, std::string>;

class SpecRunner {
public:
    explicit SpecRunner(Ledger& ledger) : ledger_(ledger) {}

    std::vector<std::string> run(std::string_view text, std::uint32_t shards) {
        for (const SpecStep& step : parse_spec(text, shards)) {
            step_ = &step;
            if (step.restart) ledger_.restart();
            if (step.command) play(*step.command);
            if (step.claim) check(*step.claim);
            if (step.delivery) deliver(*step.delivery);
            for (const std::string& wrong : ledger_.check_books()) finding(kBooksFinding + wrong);
        }
        return std::move(findings_);
    }

private:
    void finding(const std::string& what) {
        findings_.push_back("line " + std::to_string(step_->line) + ": " + what + "  |  " +
                            step_->text);
    }

    void deliver(const DeliveryStep& step) {
        switch (step.kind) {
            case DeliveryStep::Kind::hold_back:
                ledger_.hold_steps_back(true);
                return;
            case DeliveryStep::Kind::deliver:
                ledger_.deliver(step.count);
                return;
            case DeliveryStep::Kind::at_once:
                ledger_.hold_steps_back(false);
                return;
        }
    }

    void play(const CommandStep& step) {
        if (step.is_malformed) {
            if (step.expected.outcome != Outcome::malformed) finding("the line is malformed");
            return;
        }
        const std::vector<OwnedCommand> batch(step.times, step.command);
        ledger_.enter_at(step.at);
        const std::vector<Told> told = ledger_.play(batch, step_->now);
        if (told.size() != batch.size()) {
            finding("expected " + std::to_string(batch.size()) + " answers, found " +
                    std::to_string(told.size()));
            return;
        }
        for (const Told& answer : told) check(step, answer);
    }

    void check(const CommandStep& step, const Told& told) {
        const bool has_outcome = step.expected.stage == Told::Stage::decided;
        if (told.stage != step.expected.stage ||
            (has_outcome && told.outcome != step.expected.outcome)) {
            finding("found " + render(told));
            return;
        }
        if (step.expected.repeated && !told.repeated) finding("decided anew");
        if (!has_outcome) return;
        compare(step.expected.facts, words_of(told, step.scale));
        // What became of the members of the first group under this id is not this group's.
        if (told.outcome == Outcome::conflict) return;
        if (step.members.size() != told.members.size()) {
            finding("found " + std::to_string(told.members.size()) + " members' outcomes");
            return;
        }
        for (std::size_t i = 0; i < step.members.size(); ++i) {
            if (told.members[i].outcome != step.members[i].outcome)
                finding("found " + render(told));
            if (step.members[i].repeated && !told.members[i].repeated) {
                finding("member " + std::to_string(i) + " decided anew");
            }
        }
    }

    static Words words_of(const Told& told, Scale scale) {
        Words words;
        if (!told.facts.account.is_zero()) words["account"] = id_text(told.facts.account);
        if (told.facts.available) words["available"] = decimal(*told.facts.available, scale);
        if (told.facts.limit) words["limit"] = decimal(*told.facts.limit, scale);
        if (told.facts.held) words["held"] = decimal(*told.facts.held, scale);
        if (told.facts.remaining) words["remaining"] = decimal(*told.facts.remaining, scale);
        if (told.facts.version) words["version"] = std::to_string(told.facts.version->value());
        if (told.moved) words["moved"] = decimal(to_integer(*told.moved), scale);
        return words;
    }

    void compare(const Words& expected, const Words& found) {
        for (const auto& [key, value] : expected) {
            const auto word = found.find(key);
            if (word == found.end()) {
                if (value != "-") finding("no " + key);
            } else if (word->second != value) {
                finding("found " + key + " " + word->second);
            }
        }
    }

    void check(const ClaimStep& step) {
        const BooksView books = ledger_.books();
        switch (step.kind) {
            case ClaimStep::Kind::balance:
                check_balance(step, books);
                return;
            case ClaimStep::Kind::hold_state:
                check_hold(step, books);
                return;
            case ClaimStep::Kind::trial:
                check_trial(step, books);
                return;
        }
    }

    void check_balance(const ClaimStep& step, const BooksView& books) {
        const auto found = books.accounts.find({step.ledger, step.account});
        if (found == books.accounts.end()) {
            finding("no such account");
            return;
        }
        const AccountView& row = found->second;
        const Side normal = normal_side(row.account_class);
        const Side lowering = opposite(normal);
        const Scale scale = row.asset.scale();
        const Integer posted =
            to_integer(row.totals.posted(normal)) - to_integer(row.totals.posted(lowering));
        Words words;
        words["posted"] = decimal(posted, scale);
        words["held"] = decimal(to_integer(row.totals.held(lowering)), scale);
        words["available"] = row.limit.is_unlimited()
                                 ? "unlimited"
                                 : decimal(posted + to_integer(row.limit.below_zero()) -
                                               to_integer(row.totals.held(lowering)),
                                           scale);
        words["debits"] = decimal(to_integer(row.totals.debits_posted), scale);
        words["credits"] = decimal(to_integer(row.totals.credits_posted), scale);
        words["debits_held"] = decimal(to_integer(row.totals.debits_held), scale);
        words["credits_held"] = decimal(to_integer(row.totals.credits_held), scale);
        words["limit"] = row.limit.is_unlimited()
                             ? "unlimited"
                             : decimal(to_integer(row.limit.below_zero()), scale);
        words["version"] = std::to_string(row.version.value());
        words["state"] = to_text(row.state);
        words["blocked"] = to_text(row.state.block);
        compare(step.claims, words);
    }

    void check_hold(const ClaimStep& step, const BooksView& books) {
        const auto found = books.holds.find({step.ledger, step.hold});
        if (found == books.holds.end()) {
            if (step.claims.at("status") != "none") finding("no such hold");
            return;
        }
        const HoldState& hold = found->second;
        const Scale scale = step.asset ? step.asset->scale() : Scale(0);
        Words words;
        words["status"] = to_text(hold.status);
        words["remaining"] = decimal(to_integer(hold.remaining), scale);
        words["captured"] = decimal(to_integer(hold.captured), scale);
        words["expires"] =
            hold.expires_at.value() == 0
                ? "never"
                : std::to_string((hold.expires_at.value() - step_->now.value()) / 1'000'000) + "s";
        compare(step.claims, words);
    }

    void check_trial(const ClaimStep& step, const BooksView& books) {
        std::set<Asset> assets;
        Integer debits, credits, debits_held, credits_held;
        for (const auto& [key, row] : books.accounts) {
            if (key.first != step.ledger || (step.asset && row.asset != *step.asset)) continue;
            assets.insert(row.asset);
            debits += to_integer(row.totals.debits_posted);
            credits += to_integer(row.totals.credits_posted);
            debits_held += to_integer(row.totals.debits_held);
            credits_held += to_integer(row.totals.credits_held);
        }
        if (assets.size() != 1) {
            finding("a trial balance is of one asset");
            return;
        }
        const Scale scale = assets.begin()->scale();
        Words words;
        words["debits"] = decimal(debits, scale);
        words["credits"] = decimal(credits, scale);
        words["debits_held"] = decimal(debits_held, scale);
        words["credits_held"] = decimal(credits_held, scale);
        compare(step.claims, words);
    }

    Ledger& ledger_;
    const SpecStep* step_ = nullptr;
    std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> run_spec(Ledger& ledger, std::string_view text, std::uint32_t shards) {
    return SpecRunner(ledger).run(text, shards);
}

std::string read_spec(const std::filesystem::path& path) {
    std::ifstream in(path);
    if (!in) throw std::runtime_error("no table " + path.string());
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace vouch::test
