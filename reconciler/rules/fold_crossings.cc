// Commands that cross to another shard: docs/rules.md, "Across shards", the table of what p does
// first.
#include "reconciler/rules/fold_crossings.h"

#include "events/entries/command_parts.h"
#include "events/overloads.h"
#include "reconciler/rules/account_facts.h"
#include "reconciler/rules/derive.h"
#include "reconciler/rules/expiry.h"
#include "reconciler/rules/limit_rule.h"

#include <algorithm>

namespace vouch::reconciler {

namespace {

/// Commands that never cross; that one of them did is reported.
template <class Body>
constexpr bool kNeverCrosses =
    ChangesItsAccount<Body> || kIsOneOf<Body, PostEntry, ExtendHold, Group, SetClock>;

/// The hold that a command takes from; an extension, which never crosses, takes nothing.
CommandId taken_hold(const CommandBody& body) {
    if (const auto* capture = std::get_if<CaptureHold>(&body)) return capture->hold;
    if (const auto* release = std::get_if<ReleaseHold>(&body)) return release->hold;
    return {};
}

}  // namespace

void CrossingFold::fold_in_transit(const CommandInTransit& sent, std::uint64_t content) {
    context_.check_decides_here(sent.command);
    const bool may_be_judged = check_crosses(sent);
    const Departure departure = departure_of(sent);
    if (may_be_judged && departure.is_exact) {
        if (is_reversal(sent.command.body)) {
            check_reversal_departs(sent, departure);
        } else {
            check_departure(sent, departure);
        }
    } else {
        changes_.adopt_all(sent.changes);
    }
    if (sent.hold) changes_.adopt_hold(sent.command.ledger, *sent.hold);
    follow_departure(sent, content, departure);
    keep_in_transit(sent, content);
    context_.keep_seen(sent.command);
}

/// That the command is accepted and crosses, and to that shard. False when the books cannot say.
bool CrossingFold::check_crosses(const CommandInTransit& sent) {
    const CommandBody& body = sent.command.body;
    const bool reverses = is_reversal(body);
    const Derived derived = reverses
                                ? derive_before_past(context_.books, sent.command, context_.time)
                                : derive(context_.books, sent.command, context_.time);
    if (sent.to == context_.books.shard || sent.to.value() >= context_.books.shards)
        context_.report(Check::wrong_crossing, "in transit to no other shard of the deployment");
    if (!derived.is_sure) return false;
    if (derived.refusal) {
        context_.report(
            Check::wrong_outcome,
            "expected " + std::string(to_text(derived.refusal->outcome)) + " found in transit");
        return false;
    }
    if (reverses) return true;
    if (!derived.crosses) {
        context_.report(Check::wrong_outcome, "in transit, but it does not cross");
        return false;
    }
    if (*derived.crosses != sent.to) {
        context_.report(Check::wrong_crossing,
                        "in transit to shard " + std::to_string(sent.to.value()) +
                            ", expected shard " + std::to_string(derived.crosses->value()));
    }
    const std::optional<Amount> asked = amount_asked(body);
    const bool moves = !std::holds_alternative<ReleaseHold>(body);
    const std::optional<Amount> moved =
        moves && asked != derived.moved ? std::optional(derived.moved) : std::nullopt;
    if (sent.moved != moved)
        context_.report(Check::wrong_change, "the amount on its way does not follow");
    return true;
}

/// What the books and the event tell of the crossing and its step.
CrossingFold::Departure CrossingFold::departure_of(const CommandInTransit& sent) const {
    const Command& command = sent.command;
    const CommandBody& body = command.body;
    Departure departure;
    departure.payer = context_.number_of(command.ledger, deciding_account(command));
    departure.amount = sent.moved.value_or(amount_asked(body).value_or(Amount()));
    const Account* payer = context_.books.accounts.known(departure.payer);
    departure.is_exact = payer != nullptr;
    const Asset asset = payer != nullptr ? payer->asset : Asset();
    const auto of_hold = [&](CommandId id, auto with) {
        const OpenHold* hold = context_.books.holds.find({command.ledger, id});
        if (hold != nullptr && context_.books.is_sure(*hold)) return with(hold->state);
        departure.is_exact = false;
    };
    std::visit(
        Overloads{
            [&](const Transfer& transfer) {
                departure.step = CreditStep{transfer.debit,
                                            transfer.credit,
                                            asset,
                                            departure.amount,
                                            caps_credit(transfer.balancing),
                                            true};
            },
            [&](const PlaceHold& place) {
                departure.step = HoldStep{place.debit, place.credit, asset, departure.amount};
            },
            [&](const CaptureHold& capture) {
                of_hold(capture.hold, [&](const HoldState& hold) {
                    depart_captured(capture, hold, asset, departure);
                });
            },
            [&](const ReleaseHold& release) {
                of_hold(release.hold, [&](const HoldState& hold) {
                    departure.freed = hold.remaining;
                    departure.waiting = hold.payee;
                    departure.step = ReleaseStep{release.hold, departure.freed, false};
                });
            },
            [&]<class Body>(const Body&) {
                // The entry's payer is known to the id check alone: the shard that follows tells
                // the step.
                if constexpr (kIsOneOf<Body, Reverse, Refund>) {
                    if (!sent.changes.empty()) departure.amount = sent.changes[0].amount;
                } else {
                    static_assert(kNeverCrosses<Body>);
                }
            },
        },
        body);
    if (!departure.is_exact) departure.step.reset();
    return departure;
}

void CrossingFold::depart_captured(const CaptureHold& capture, const HoldState& hold, Asset asset,
                                   Departure& departure) {
    if (!hold.payee) {
        departure.step =
            CreditStep{capture.account, capture.credit, asset, departure.amount, false, true};
        return;
    }
    departure.freed = capture.keep_rest ? departure.amount : hold.remaining;
    departure.waiting = hold.payee;
    departure.step = CaptureStep{capture.hold, capture.account, departure.amount, departure.freed};
}

/// The hold as the crossing leaves it.
std::optional<HoldState> CrossingFold::hold_after(const CommandInTransit& sent,
                                                  const Departure& departure,
                                                  AccountNumber transit) const {
    const CommandBody& body = sent.command.body;
    if (const auto* place = std::get_if<PlaceHold>(&body)) {
        HoldState hold;
        hold.id = sent.command.id;
        hold.payer = departure.payer;
        hold.payee = transit;
        hold.remaining = departure.amount;
        if (place->expires_in_us != 0)
            hold.expires_at = expiry_of(context_.time, place->expires_in_us);
        hold.remote_payee = place->credit;
        return hold;
    }
    const CommandId id = taken_hold(body);
    if (id.is_zero()) return std::nullopt;
    HoldState hold = context_.books.holds.find({sent.command.ledger, id})->state;
    if (std::holds_alternative<ReleaseHold>(body)) {
        hold.remaining = Amount();
        hold.status = HoldStatus::released;
        return hold;
    }
    const Amount taken = hold.payee ? departure.freed : departure.amount;
    hold.remaining = hold.remaining.minus(taken).value_or(Amount());
    hold.captured = hold.captured.plus(departure.amount).value_or(Amount::max());
    if (hold.payee && hold.remaining.is_zero()) hold.status = HoldStatus::captured;
    return hold;
}

void CrossingFold::check_departure(const CommandInTransit& sent, const Departure& departure) {
    const CommandBody& body = sent.command.body;
    const ReplayedTransit* transit = context_.transit_of(sent.command.ledger, sent.to,
                                                         departure.payer);
    if (transit == nullptr) {
        if (!context_.books.was_broken())
            context_.report(Check::wrong_crossing, "there is no transit account for it");
        return changes_.adopt_all(sent.changes);
    }
    Leg payer{};
    payer.account = departure.payer;
    Leg waiting{};
    waiting.account = departure.waiting.value_or(transit->newest());
    std::vector<Leg> legs{payer, waiting};
    const std::optional<HoldState> after = hold_after(sent, departure, waiting.account);
    if (std::holds_alternative<PlaceHold>(body)) {
        legs[0].holds = Side::debit;
        legs[1].holds = Side::credit;
        legs[0].held = legs[1].held = departure.amount;
    } else if (std::holds_alternative<ReleaseHold>(body)) {
        legs = changes_.release_legs(
            context_.books.holds.find({sent.command.ledger, taken_hold(body)})->state,
            departure.freed);
    } else {
        if (std::holds_alternative<CaptureHold>(body)) {
            const HoldState& hold =
                context_.books.holds.find({sent.command.ledger, taken_hold(body)})->state;
            legs[0].frees = Side::debit;
            legs[0].freed = hold.payee ? departure.freed : departure.amount;
            if (hold.payee) {
                legs[1].frees = Side::credit;
                legs[1].freed = departure.freed;
            }
        }
        legs[0].posts = Side::debit;
        legs[1].posts = Side::credit;
        legs[0].amount = legs[1].amount = departure.amount;
    }
    changes_.check_changes(sent.changes, legs);
    if (after) {
        changes_.check_hold(sent.hold, *after);
    } else if (sent.hold) {
        context_.report(Check::canonical, "the state of a hold that the command is not about");
    }
    if (sent.entry)
        context_.report(Check::canonical, "the state of an entry that the command is not about");
}

/// A reversal or refund of what crossed: whether the entry has so much left, and to whom it goes,
/// is the id check's matter.
void CrossingFold::check_reversal_departs(const CommandInTransit& sent,
                                          const Departure& departure) {
    const Command& command = sent.command;
    const ReplayedTransit* transit = context_.transit_of(command.ledger, sent.to, departure.payer);
    if (transit == nullptr) {
        if (!context_.books.was_broken())
            context_.report(Check::wrong_crossing, "there is no transit account for it");
        return changes_.adopt_all(sent.changes);
    }
    const Account& payer = context_.books.accounts.at(departure.payer);
    if (payer.state.closed || blocks(payer.state.block, Side::debit))
        context_.report(Check::wrong_outcome, "the account that pays is closed or frozen");
    if (command.expected_version && *command.expected_version != payer.version)
        context_.report(Check::wrong_outcome, "expected version_mismatch");
    if (command.amount_decimals && *command.amount_decimals != payer.asset.scale())
        context_.report(Check::wrong_outcome, "expected asset_mismatch");
    if (departure.amount.is_zero()) context_.report(Check::wrong_entry, "a reversal of nothing");
    if (!has_room(context_.books, departure.payer, Side::credit, WideSum(departure.amount)))
        context_.report(Check::wrong_outcome, "expected amount_overflow");
    const auto* refund = std::get_if<Refund>(&command.body);
    if (refund != nullptr && !refund->from.is_zero() && refund->from != refund->account)
        context_.report(Check::wrong_account,
                        "the refund does not debit the account that it names");
    const std::optional<Amount> moved =
        refund != nullptr && !refund->amount ? std::optional(departure.amount) : std::nullopt;
    const bool is_as_asked = sent.moved == moved && (refund == nullptr || !refund->amount ||
                                                     refund->amount == departure.amount);
    if (!is_as_asked)
        context_.report(Check::wrong_change, "the amount on its way is not the one asked or told");
    const bool fits = sent.entry && sent.entry->id == entry_of(command.body) &&
                      sent.entry->reversed == (refund == nullptr) &&
                      sent.entry->refunded.empty() == (refund == nullptr);
    if (!fits)
        context_.report(Check::wrong_entry, "the entry's state is not that of a reversed one");
    if (sent.hold)
        context_.report(Check::canonical, "the state of a hold that the command is not about");
    Leg from{};
    from.account = departure.payer;
    from.posts = Side::debit;
    Leg waiting{};
    waiting.account = transit->newest();
    waiting.posts = Side::credit;
    from.amount = waiting.amount = departure.amount;
    changes_.check_changes(sent.changes, std::vector<Leg>{from, waiting});
    // Where credits lower it, what could come back of this one is in what it is debited.
    const Account& after = context_.books.accounts.at(departure.payer);
    if (context_.books.is_sure(after) && after.normal() == Side::credit &&
        !keeps_limit(after.totals, after.normal(), after.limit)) {
        context_.report(Check::wrong_outcome, "expected insufficient_funds");
    }
}

/// What goes on from here: the step, the command in transit, and the sums of the transit account.
void CrossingFold::follow_departure(const CommandInTransit& sent, std::uint64_t content,
                                    const Departure& departure) {
    const Command& command = sent.command;
    const CommandBody& body = command.body;
    std::optional<Step> step;
    if (departure.step) step = Step{command.ledger, command.id, *departure.step, command.id_text};
    context_.steps.follow(sent.to, step);

    ReplayedTransit* transit = context_.transit_of(command.ledger, sent.to, departure.payer);
    const bool places = std::holds_alternative<PlaceHold>(body);
    const bool releases = std::holds_alternative<ReleaseHold>(body);
    if (transit != nullptr) {
        if (places) transit->held.add(departure.amount);
        if (!places && !releases) transit->sent.add(departure.amount);
        transit->freed.add(departure.freed);
    }
    ReplayedCrossing crossing;
    crossing.event = context_.event;
    crossing.is_event_sure = context_.is_believed;
    crossing.body = body;
    crossing.content = content;
    crossing.to = sent.to;
    crossing.payer = departure.payer;
    if (transit != nullptr) crossing.transit = departure.waiting.value_or(transit->newest());
    crossing.amount = departure.amount;
    crossing.is_unanswered_debit = !places && !releases;
    if (const auto* transfer = std::get_if<Transfer>(&body))
        crossing.may_take_less = caps_credit(transfer->balancing);
    if (places) crossing.hold = command.id;
    if (const auto* capture = std::get_if<CaptureHold>(&body)) {
        crossing.hold = capture->hold;
        const auto* credit = departure.step ? std::get_if<CreditStep>(&*departure.step) : nullptr;
        crossing.names_payee = credit != nullptr && !capture->credit.is_zero();
    }
    crossing.is_known = departure.is_exact && transit != nullptr;
    context_.books.crossings.put({command.ledger, command.id}, crossing);
}

void CrossingFold::keep_in_transit(const CommandInTransit& sent, std::uint64_t content) {
    if (!context_.is_believed) return;
    const Command& command = sent.command;
    const CommandBody& body = command.body;
    Decided said{.content = content};
    IdMade made = IdMade::nothing;
    if (std::holds_alternative<Transfer>(body) || std::holds_alternative<CaptureHold>(body)) {
        made = IdMade::pair;
        said.payee = kElsewhere;
        if (!sent.changes.empty()) {
            said.payer = sent.changes[0].account.value();
            said.amount = sent.changes[0].amount;
        }
    }
    if (std::holds_alternative<PlaceHold>(body) && sent.hold) {
        made = IdMade::hold;
        said.payer = sent.hold->payer.value();
        if (sent.hold->payee) said.payee = sent.hold->payee->value();
    }
    IdRow row = context_.row_of(IdRowKind::in_transit, command.ledger, command.id, said);
    row.made = made;
    context_.sinks.ids.add(row);
    const CommandId hold = taken_hold(body);
    if (!hold.is_zero() && sent.hold && sent.hold->status != HoldStatus::open)
        context_.keep(IdRowKind::hold_ended, command.ledger, hold, HoldEnd{sent.hold->status});
    if (!is_reversal(body)) return;
    context_.keep(IdRowKind::given_back, command.ledger, entry_of(body),
                  GivenBack{command.id, sent.to.value()});
    CommandDecided as_decided;
    as_decided.command = command;
    as_decided.outcome =
        std::holds_alternative<Refund>(body) ? Outcome::refunded : Outcome::reversed;
    as_decided.entry = sent.entry;
    // The entry's debit stands on the transit account that its step came over.
    Change changes[2]{};
    if (sent.changes.size() == 2) {
        std::copy(sent.changes.begin(), sent.changes.end(), changes);
        changes[1].account = given_back_over(sent);
        as_decided.changes = changes;
    }
    reversals_.keep_reversal(as_decided);
}

/// What stands for the transit account that the entry's step came over.
AccountNumber CrossingFold::given_back_over(const CommandInTransit& sent) const {
    const Account* payer = context_.books.accounts.known(sent.changes[0].account);
    const ReplayedTransit* transit =
        payer == nullptr ? nullptr
                         : context_.books.crossings.find_transit(
                               {sent.command.ledger, sent.to, context_.books.shard, payer->asset});
    return transit != nullptr ? transit->first() : AccountNumber(kElsewhere);
}

}  // namespace vouch::reconciler
