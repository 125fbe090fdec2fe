#include "tests/model/differential.h"

#include <algorithm>
#include <variant>

namespace vouch::test {

namespace {

using model::Effect;

void count(const Told& told, Coverage& coverage) {
    ++coverage[told.outcome];
    for (const MemberOutcome& member : told.members) ++coverage[member.outcome];
}

std::string versus(const std::string& what, const std::string& model, const std::string& real) {
    return what + "\n  model: " + model + "\n  real:  " + real;
}

/// An account in use of which nothing is recorded as held: the answer tells what the other side
/// holds, which no record has. The recorded facts are compared with the event.
bool tells_other_side(const Told& model) {
    const auto is_in_use = [](const MemberOutcome& member) {
        return member.outcome == Outcome::in_use;
    };
    const bool is_refused_so =
        model.outcome == Outcome::in_use || std::ranges::any_of(model.members, is_in_use);
    return is_refused_so && model.facts.held && model.facts.held->amount.is_zero();
}

bool same_answer(const Told& model, Told real) {
    if (tells_other_side(model)) real.facts.held = model.facts.held;
    return model == real;
}

std::optional<std::string> compare_answers(const std::vector<Told>& model,
                                           const std::vector<Told>& real,
                                           const std::vector<OwnedCommand>& commands,
                                           const NameBook& names) {
    if (model.size() != real.size()) {
        return versus("answers", std::to_string(model.size()), std::to_string(real.size()));
    }
    for (std::size_t i = 0; i < model.size(); ++i) {
        if (same_answer(model[i], real[i])) continue;
        const std::string what = "answer to " + names.text(commands[i].head.id);
        return versus(what, render(model[i]), render(real[i]));
    }
    return std::nullopt;
}

std::optional<std::string> compare_effects(const std::vector<Effect>& model,
                                           const std::vector<Effect>& real) {
    const std::size_t size = std::min(model.size(), real.size());
    for (std::size_t i = 0; i < size; ++i) {
        if (model[i] == real[i]) continue;
        if (render(model[i]) == render(real[i])) {
            return versus("what event " + std::to_string(i) + " says of its command",
                          model[i].content, real[i].content);
        }
        return versus("event " + std::to_string(i), render(model[i]), render(real[i]));
    }
    if (model.size() > size) return versus("one event less", render(model[size]), "");
    if (real.size() > size) return versus("one event more", "", render(real[size]));
    return std::nullopt;
}

std::optional<std::string> compare_books(const BooksView& model, const BooksView& real,
                                         const NameBook& names) {
    if (model == real) return std::nullopt;
    for (const auto& [key, account] : model.accounts) {
        const auto other = real.accounts.find(key);
        if (other == real.accounts.end())
            return versus("account " + names.text(key.second), render(account), "none");
        if (account == other->second) continue;
        return versus("account " + names.text(key.second), render(account), render(other->second));
    }
    for (const auto& [key, hold] : model.holds) {
        const auto other = real.holds.find(key);
        if (other == real.holds.end() || hold != other->second)
            return "hold " + names.text(key.second) + " differs";
    }
    return std::string("more accounts or holds than the model has");
}

/// Ends every batch: refused, but recorded, so that each batch makes a record and lets due holds
/// expire.
OwnedCommand closing_line(std::size_t batch) {
    OwnedCommand command;
    command.head.id = CommandId(~std::uint64_t{0}, batch + 1);
    command.head.body = FreezeAccount{AccountId(~std::uint64_t{0}, 1), Block::both};
    return command;
}

// --- Shrinking --------------------------------------------------------------------------------

class Shrinker {
public:
    Shrinker(Scenario scenario, const Fails& fails) : best_(std::move(scenario)), fails_(fails) {}

    Scenario run() {
        for (bool is_smaller = true; is_smaller && plays_ < kShrinkPlaysMax;) {
            is_smaller = drop_batches();
            is_smaller = drop_commands() || is_smaller;
            is_smaller = drop_members() || is_smaller;
            is_smaller = simplify() || is_smaller;
        }
        return best_;
    }

private:
    /// Keeps `candidate` if it still makes a difference.
    bool accept(Scenario candidate) {
        if (++plays_ > kShrinkPlaysMax || !fails_(candidate)) return false;
        best_ = std::move(candidate);
        return true;
    }

    bool drop_batches() {
        bool is_smaller = false;
        for (std::size_t chunk = std::max<std::size_t>(best_.batches.size() / 2, 1);; chunk /= 2) {
            for (std::size_t at = 0; at < best_.batches.size();) {
                Scenario candidate = best_;
                const auto first = candidate.batches.begin() + static_cast<std::ptrdiff_t>(at);
                const std::size_t size = std::min(chunk, candidate.batches.size() - at);
                std::int64_t pause = 0;
                for (std::size_t i = 0; i < size; ++i) pause += candidate.batches[at + i].after_us;
                candidate.batches.erase(first, first + static_cast<std::ptrdiff_t>(size));
                // Later batches keep their time.
                if (at < candidate.batches.size()) candidate.batches[at].after_us += pause;
                if (accept(std::move(candidate))) {
                    is_smaller = true;
                } else {
                    at += size;
                }
            }
            if (chunk == 1) return is_smaller;
        }
    }

    bool drop_commands() {
        bool is_smaller = false;
        for (std::size_t b = 0; b < best_.batches.size(); ++b) {
            for (std::size_t i = 0; i < best_.batches[b].commands.size();) {
                Scenario candidate = best_;
                auto& commands = candidate.batches[b].commands;
                commands.erase(commands.begin() + static_cast<std::ptrdiff_t>(i));
                if (accept(std::move(candidate))) {
                    is_smaller = true;
                } else {
                    ++i;
                }
            }
        }
        return is_smaller;
    }

    bool drop_members() {
        bool is_smaller = false;
        for (std::size_t b = 0; b < best_.batches.size(); ++b) {
            for (std::size_t i = 0; i < best_.batches[b].commands.size(); ++i) {
                for (std::size_t m = 0; m < best_.batches[b].commands[i].members.size();) {
                    Scenario candidate = best_;
                    auto& members = candidate.batches[b].commands[i].members;
                    members.erase(members.begin() + static_cast<std::ptrdiff_t>(m));
                    if (!members.empty() && accept(std::move(candidate))) {
                        is_smaller = true;
                    } else {
                        ++m;
                    }
                }
            }
        }
        return is_smaller;
    }

    /// Takes away, one at a time, what a command can do without.
    bool simplify() {
        using Change = std::function<bool(OwnedCommand&)>;  // false: there was nothing to change
        const std::vector<Change> changes = {
            [](OwnedCommand& c) { return !std::exchange(c.context, "").empty(); },
            [](OwnedCommand& c) { return !std::exchange(c.actor_id, "").empty(); },
            [](OwnedCommand& c) { return !std::exchange(c.ticket, "").empty(); },
            [](OwnedCommand& c) { return !std::exchange(c.metadata, {}).empty(); },
            [](OwnedCommand& c) {
                return std::exchange(c.head.expected_version, std::nullopt).has_value();
            },
            [](OwnedCommand& c) {
                return std::exchange(c.head.amount_decimals, std::nullopt).has_value();
            },
            [](OwnedCommand& c) {
                return std::exchange(c.head.expires_at, Timestamp(0)) != Timestamp(0);
            },
            [](OwnedCommand& c) {
                auto* transfer = std::get_if<Transfer>(&c.head.body);
                return transfer != nullptr &&
                       std::exchange(transfer->amount, Amount(1)) != Amount(1);
            },
            [](OwnedCommand& c) {
                auto* place = std::get_if<PlaceHold>(&c.head.body);
                return place != nullptr && std::exchange(place->amount, Amount(1)) != Amount(1);
            },
        };
        bool is_smaller = false;
        for (std::size_t b = 0; b < best_.batches.size(); ++b) {
            for (std::size_t i = 0; i < best_.batches[b].commands.size(); ++i) {
                for (const Change& change : changes) {
                    Scenario candidate = best_;
                    if (!change(candidate.batches[b].commands[i])) continue;
                    is_smaller = accept(std::move(candidate)) || is_smaller;
                }
            }
            Scenario candidate = best_;
            if (std::exchange(candidate.batches[b].restart_first, false)) {
                is_smaller = accept(std::move(candidate)) || is_smaller;
            }
        }
        return is_smaller;
    }

    Scenario best_;
    const Fails& fails_;
    std::size_t plays_ = 0;
};

}  // namespace

std::optional<Difference> find_difference(const Scenario& scenario, Ledger& real,
                                          Coverage* coverage) {
    ModelLedger model(scenario.shards);
    std::int64_t now_us = kSpecStartUs;
    for (std::size_t i = 0; i < scenario.batches.size(); ++i) {
        const ScenarioBatch& batch = scenario.batches[i];
        now_us += batch.after_us;
        if (batch.restart_first) real.restart();
        std::vector<OwnedCommand> commands = batch.commands;
        commands.push_back(closing_line(i));
        const std::vector<Told> model_told = model.play(commands, Timestamp(now_us));
        const std::vector<Told> real_told = real.play(commands, Timestamp(now_us));
        if (coverage != nullptr) {
            for (const Told& told : model_told) count(told, *coverage);
        }
        auto text = compare_answers(model_told, real_told, commands, scenario.names);
        if (!text) text = compare_effects(model.take_effects(), real.take_effects());
        if (!text) text = compare_books(model.books(), real.books(), scenario.names);
        if (text) return Difference{i, *text};
    }
    return std::nullopt;
}

Scenario shrink(Scenario scenario, const LedgerMaker& make) {
    return shrink(std::move(scenario), [&make](const Scenario& candidate) {
        const std::unique_ptr<Ledger> real = make();
        return find_difference(candidate, *real).has_value();
    });
}

Scenario shrink(Scenario scenario, const Fails& fails) {
    return Shrinker(std::move(scenario), fails).run();
}

std::string report(const Scenario& scenario, const LedgerMaker& make) {
    const Scenario smallest = shrink(scenario, make);
    const std::unique_ptr<Ledger> real = make();
    const std::optional<Difference> difference = find_difference(smallest, *real);
    return "seed " + std::to_string(scenario.seed) + ": " +
           (difference ? difference->text : "no difference any more") + "\n" + to_spec(smallest);
}

std::string render(const Coverage& coverage) {
    std::string text;
    for (const auto& [outcome, times] : coverage) {
        text += "  " + std::string(to_text(outcome)) + " " + std::to_string(times) + "\n";
    }
    return text;
}

}  // namespace vouch::test
