#include "tests/model/prediction.h"

#include "events/money/shard_of.h"
#include "tests/model/case.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

namespace vouch::test {

using model::Books;
using model::Integer;
using model::Keyed;
using model::Model;
using model::Verdict;

namespace {

Told told_of(const Verdict& verdict) {
    return {Told::Stage::decided, verdict.outcome, verdict.repeated,
            verdict.facts,        verdict.moved,   verdict.members};
}

template <class Map, class Id>
auto* find_in(const Map& map, LedgerId ledger, Id id) {
    const auto found = map.find({ledger, id});
    return found == map.end() ? nullptr : &found->second;
}

/// An account that refuses nothing. What is held on it may have to stay, to be captured.
void make_willing(Books& books, LedgerId ledger, AccountId id, Asset asset, bool keeps_held) {
    model::Account& account = books.accounts[{ledger, id}];
    account.id = id;
    account.asset = asset;
    account.limit.reset();
    account.state = {};
    account.debits.posted = account.credits.posted = 0;
    account.version = 1;
    if (!keeps_held) account.debits.held = account.credits.held = 0;
}

const model::EntryPosting& first_of(const model::Entry& entry, Side side) {
    return *std::find_if(entry.postings.begin(), entry.postings.end(),
                         [side](const model::EntryPosting& p) { return p.side == side; });
}

/// What a payee's shard is asked: the money alone.
CommandBody asked_of_payee(const CommandBody& body, AccountId payer, AccountId payee,
                           Amount amount) {
    if (std::holds_alternative<PlaceHold>(body))
        return PlaceHold{payer, payee, amount, Balancing::none, 0};
    const auto* transfer = std::get_if<Transfer>(&body);
    const bool may_take_less = transfer != nullptr && caps_credit(transfer->balancing);
    return Transfer{payer, payee, amount, may_take_less ? Balancing::credit : Balancing::none};
}

}  // namespace

Told comparable(Told told) {
    told.facts.version.reset();
    return told;
}

ShardId Predictor::home_of(const Command& command) const {
    const AccountId decides = deciding_account(command);
    return decides.is_zero() ? ShardId(0) : shard_of(decides, shards_);
}

// --- Where a command's accounts are -----------------------------------------------------------

Predictor::Place Predictor::place_between(ShardId home, AccountId payer, AccountId payee) const {
    if (payee.is_zero() || is_at(payee, home)) return {};
    return {Span::crosses, {payer, payee, true}};
}

Predictor::Place Predictor::place_of(const Books& books, LedgerId ledger,
                                     const CaptureHold& body) const {
    if (body.account.is_zero()) return {};
    const ShardId home = shard_of(body.account, shards_);
    const bool names_other = !body.credit.is_zero() && !is_at(body.credit, home);
    const model::Hold* hold = find_in(books.holds, ledger, body.hold);
    if (hold == nullptr) return {names_other ? Span::elsewhere : Span::local, {}};
    if (!is_at(hold->payer, home)) return {Span::elsewhere, {}};
    if (!hold->payee) return place_between(home, body.account, body.credit);
    const bool is_other_payee = !body.credit.is_zero() && body.credit != *hold->payee;
    if (is_other_payee && (names_other || !is_at(*hold->payee, home))) return {Span::elsewhere, {}};
    Place place = place_between(home, body.account, *hold->payee);
    place.sides.payee_is_asked = false;  // room was reserved when the hold was placed
    return place;
}

Predictor::Place Predictor::place_of(const Books& books, LedgerId ledger,
                                     const Reverse& body) const {
    const model::Entry* entry = find_in(books.entries, ledger, body.entry);
    if (body.account.is_zero() || entry == nullptr) return {};
    const ShardId home = shard_of(body.account, shards_);
    if (!is_at(first_of(*entry, Side::credit).account, home)) return {Span::elsewhere, {}};
    return place_between(home, body.account, first_of(*entry, Side::debit).account);
}

Predictor::Place Predictor::place_of(const Books& books, LedgerId ledger,
                                     const Refund& body) const {
    if (body.account.is_zero()) return {};
    const ShardId home = shard_of(body.account, shards_);
    if (!body.from.is_zero() && !is_at(body.from, home)) return {Span::elsewhere, {}};
    const model::Entry* entry = find_in(books.entries, ledger, body.entry);
    if (entry == nullptr) return {};
    if (!is_at(first_of(*entry, Side::credit).account, home)) return {Span::elsewhere, {}};
    const AccountId payee = first_of(*entry, Side::debit).account;
    if (is_at(payee, home)) return {};
    // An entry that crossed has one posting of each side: 0 and 1. Others name nothing.
    const bool names_none = !body.debit_posting && !body.credit_posting;
    const bool names_both = body.debit_posting == 0U && body.credit_posting == 1U;
    if (!names_none && !names_both) return {};
    return place_between(home, body.from.is_zero() ? body.account : body.from, payee);
}

Predictor::Place Predictor::place_of(const Books& books, const Command& command) const {
    const LedgerId ledger = command.ledger;
    const ShardId home = home_of(command);
    if (const auto* transfer = std::get_if<Transfer>(&command.body))
        return place_between(home, transfer->debit, transfer->credit);
    if (const auto* entry = std::get_if<PostEntry>(&command.body)) {
        const bool is_here =
            std::all_of(entry->postings.begin(), entry->postings.end(),
                        [&](const Posting& posting) { return is_at(posting.account, home); });
        return {is_here ? Span::local : Span::elsewhere, {}};
    }
    if (const auto* place = std::get_if<PlaceHold>(&command.body)) {
        Place between = place_between(home, place->debit, place->credit);
        if (between.span == Span::crosses && caps_credit(place->balancing))
            between.span = Span::elsewhere;
        return between;
    }
    const auto of_hold = [&](CommandId id, AccountId account) {
        const model::Hold* hold = find_in(books.holds, ledger, id);
        const bool is_known = hold != nullptr && !account.is_zero();
        return is_known && !is_at(hold->payer, home) ? Span::elsewhere : Span::local;
    };
    if (const auto* release = std::get_if<ReleaseHold>(&command.body))
        return {of_hold(release->hold, release->account), {}};
    if (const auto* extend = std::get_if<ExtendHold>(&command.body))
        return {of_hold(extend->hold, extend->account), {}};
    if (const auto* capture = std::get_if<CaptureHold>(&command.body))
        return place_of(books, ledger, *capture);
    if (const auto* reverse = std::get_if<Reverse>(&command.body))
        return place_of(books, ledger, *reverse);
    if (const auto* refund = std::get_if<Refund>(&command.body))
        return place_of(books, ledger, *refund);
    return {};
}

bool Predictor::is_local_group(const Books& books, const OwnedCommand& group) const {
    const ShardId home = home_of(group.view());
    return std::all_of(group.members.begin(), group.members.end(), [&](const OwnedCommand& member) {
        const Command& command = member.view();
        const Keyed<CommandId> key{command.ledger, command.id};
        const auto known = homes_.find(key);
        if (known != homes_.end() && known->second != home) return false;
        if (told_otherwise_.contains(key)) return false;
        if (const auto* release = std::get_if<ReleaseHold>(&command.body)) {
            const model::Hold* hold = find_in(books.holds, command.ledger, release->hold);
            if (hold != nullptr && hold->payee && !is_at(*hold->payee, home)) return false;
        }
        return (deciding_account(command).is_zero() || home_of(command) == home) &&
               place_of(books, command).span == Span::local;
    });
}

// --- What is said -----------------------------------------------------------------------------

Prediction Predictor::across(const Model& model, const Command& command, const Sides& sides) const {
    Prediction prediction;
    prediction.kind = Prediction::Kind::by_sides;
    const LedgerId ledger = command.ledger;
    // A payee's asset is unknown until its shard is asked, but an entry tells the one it paid in.
    const bool is_refund = std::holds_alternative<Refund>(command.body);
    const model::Account* known =
        find_in(model.books().accounts, ledger, is_refund ? sides.payee : sides.payer);
    const Asset asset = known != nullptr ? known->asset : *Asset::parse("EUR/2");

    Command asked = command;
    if (auto* refund = std::get_if<Refund>(&asked.body)) {
        refund->debit_posting.reset();
        refund->credit_posting.reset();
    }
    Books of_payer = model.books();
    make_willing(of_payer, ledger, sides.payee, asset, !sides.payee_is_asked);
    const Verdict first = Model(of_payer, model.time()).decide(asked);
    prediction.told = told_of(first);
    if (!is_accepted(first.outcome)) {
        // Of an account of another shard nothing is known.
        Facts& facts = prediction.told.facts;
        if (!facts.account.is_zero() && !is_at(facts.account, home_of(command))) {
            const AccountId named = facts.account;
            facts = {};
            facts.account = named;
        }
        return prediction;
    }
    prediction.crosses = true;
    if (!sides.payee_is_asked) return prediction;

    Integer amount = model::Case(of_payer, asked, model.time(), 1, ShardId(0)).amount();
    if (const auto* reverse = std::get_if<Reverse>(&asked.body))
        amount = first_of(of_payer.entries.at({ledger, reverse->entry}), Side::debit).amount;
    Books of_payee = model.books();
    make_willing(of_payee, ledger, sides.payer, asset, false);
    Command step;
    step.ledger = ledger;
    step.id = CommandId(~std::uint64_t{0}, 0);
    step.body = asked_of_payee(command.body, sides.payer, sides.payee, model::to_amount(amount));
    const Verdict second = Model(of_payee, model.time()).decide(step);
    if (!is_accepted(second.outcome)) {
        prediction.told = told_of(second);
        return prediction;
    }
    const auto* transfer = std::get_if<Transfer>(&command.body);
    if (transfer == nullptr) return prediction;
    const Amount taken = second.moved.value_or(model::to_amount(amount));
    prediction.told.moved.reset();
    if (taken != transfer->amount) prediction.told.moved = taken;
    return prediction;
}

Prediction Predictor::predict(const Model& model, const OwnedCommand& owned) {
    const Command& command = owned.view();
    const Keyed<CommandId> key{command.ledger, command.id};
    Prediction prediction;
    const auto known = homes_.find(key);
    if (known != homes_.end() && known->second != home_of(command)) {
        prediction.kind = Prediction::Kind::left_out;
        return prediction;
    }
    const auto otherwise = told_otherwise_.find(key);
    if (otherwise != told_otherwise_.end()) {
        prediction.only_shards_refuse = true;
        prediction.told = otherwise->second.told;
        prediction.told.repeated = true;
        if (otherwise->second.content != model::content_of(command)) {
            prediction.told = {};
            prediction.told.outcome = Outcome::conflict;
        }
        return prediction;
    }
    Model copy = model;
    prediction.told = told_of(copy.decide(command));  // and of what was seen, what it was told
    if (model.books().seen.contains(key)) return prediction;
    const bool is_group = std::holds_alternative<Group>(command.body);
    if (is_group && !is_local_group(model.books(), owned)) {
        prediction.kind = Prediction::Kind::left_out;
        return prediction;
    }
    const Place place = is_group ? Place{} : place_of(model.books(), command);
    switch (place.span) {
        case Span::local:
            return prediction;
        case Span::elsewhere:
            prediction.kind = Prediction::Kind::refused;
            prediction.only_shards_refuse = is_accepted(prediction.told.outcome);
            return prediction;
        case Span::crosses:
            break;
    }
    Prediction sided = across(model, command, place.sides);
    if (comparable(sided.told) == comparable(prediction.told)) sided.kind = Prediction::Kind::same;
    // What only the payee caps is asked of the payer whole, who may not have it.
    const auto* transfer = std::get_if<Transfer>(&command.body);
    const bool is_short = sided.told.outcome == Outcome::insufficient_funds ||
                          sided.told.outcome == Outcome::amount_overflow;
    sided.only_shards_refuse =
        transfer != nullptr && caps_credit(transfer->balancing) && !sided.crosses && is_short;
    return sided;
}

void Predictor::remember(const OwnedCommand& command, const Prediction& prediction,
                         const Told& told) {
    const ShardId home = home_of(command.view());
    const LedgerId ledger = command.head.ledger;
    homes_.emplace(Keyed<CommandId>{ledger, command.head.id}, home);
    for (const OwnedCommand& member : command.members)
        homes_.emplace(Keyed<CommandId>{ledger, member.head.id}, home);
    const bool is_first = !told.repeated && told.outcome != Outcome::conflict;
    const bool is_otherwise =
        prediction.only_shards_refuse || prediction.kind != Prediction::Kind::same;
    if (!is_first || !is_otherwise) return;
    const auto tell = [&](const OwnedCommand& each, const Told& what) {
        told_otherwise_.emplace(Keyed<CommandId>{ledger, each.head.id},
                                ToldOtherwise{model::content_of(each.view()), what});
    };
    tell(command, told);
    for (std::size_t i = 0; i < command.members.size() && i < told.members.size(); ++i) {
        Told of_member;
        of_member.outcome = told.members[i].outcome;
        if (of_member.outcome != Outcome::group_failed) of_member.facts = told.facts;
        tell(command.members[i], of_member);
    }
}

}  // namespace vouch::test
