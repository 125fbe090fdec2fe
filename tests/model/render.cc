#include "events/money/outcome.h"
#include "tests/model/model.h"

#include <string>

namespace vouch::model {

namespace {

std::string text_of(const AmountFact& fact) {
    return fact.unlimited ? "unlimited" : to_integer(fact.amount).str();
}

std::string text_of(const Change& c) {
    std::string text =
        "#" + std::to_string(c.account.value()) + " v" + std::to_string(c.version.value());
    text += " dr " + to_integer(c.totals.debits_posted).str() + "+" +
            to_integer(c.totals.debits_held).str();
    text += " cr " + to_integer(c.totals.credits_posted).str() + "+" +
            to_integer(c.totals.credits_held).str();
    text +=
        " limit " + (c.limit.is_unlimited() ? "unlimited" : to_integer(c.limit.below_zero()).str());
    if (c.state.block != Block::none)
        text += " blocked " + std::to_string(static_cast<int>(c.state.block));
    if (c.state.closed) text += " closed";
    if (c.side) text += (*c.side == Side::debit ? " dr " : " cr ") + to_integer(c.amount).str();
    return text;
}

}  // namespace

std::string render(const Facts& facts) {
    std::string text;
    if (!facts.account.is_zero()) text += " account " + id_text(facts.account);
    if (facts.available) text += " available " + text_of(*facts.available);
    if (facts.limit) text += " limit " + text_of(*facts.limit);
    if (facts.held) text += " held " + text_of(*facts.held);
    if (facts.remaining) text += " remaining " + text_of(*facts.remaining);
    if (facts.version) text += " version " + std::to_string(facts.version->value());
    return text;
}

std::string render(const Effect& effect) {
    std::string text = effect.kind == Effect::Kind::decided    ? "decided"
                       : effect.kind == Effect::Kind::conflict ? "conflict_seen"
                                                               : "hold_expired";
    text += " " + id_text(effect.id) + " " + std::string(to_text(effect.outcome));
    for (const Change& change : effect.changes) text += "\n    change " + text_of(change);
    if (effect.hold) {
        const HoldState& h = *effect.hold;
        text += "\n    hold " + id_text(h.id) + " payer #" + std::to_string(h.payer.value());
        if (h.payee) text += " payee #" + std::to_string(h.payee->value());
        text += " remaining " + to_integer(h.remaining).str() + " captured " +
                to_integer(h.captured).str();
        text += " expires " + std::to_string(h.expires_at.value());
        text += " status " + std::to_string(static_cast<int>(h.status));
    }
    if (effect.entry) {
        text += "\n    entry " + id_text(effect.entry->id) +
                (effect.entry->reversed ? " reversed" : "");
        for (const Refunded& r : effect.entry->refunded) {
            text += " refunded " + std::to_string(r.posting) + ":" + to_integer(r.amount).str();
        }
    }
    if (!effect.facts.is_empty()) text += "\n    facts" + render(effect.facts);
    if (!effect.group.is_zero()) text += "\n    group " + id_text(effect.group);
    if (effect.moved) text += "\n    moved " + to_integer(*effect.moved).str();
    for (const MemberOutcome& m : effect.members) {
        text += "\n    member " + std::string(to_text(m.outcome)) + (m.repeated ? " repeated" : "");
    }
    return text;
}

}  // namespace vouch::model
