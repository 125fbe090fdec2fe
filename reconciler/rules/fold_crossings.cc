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
#include <utility>

namespace vouch::reconciler {

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
    keep_in_transit(sent, content, departure);
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
                departure.made = IdMade::pair;
                departure.may_take_less = caps_credit(transfer.balancing);
                departure.step = CreditStep{transfer.debit,
                                            transfer.credit,
                                            asset,
                                            departure.amount,
                                            departure.may_take_less,
                                            true};
            },
            [&](const PlaceHold& place) {
                departure.made = IdMade::hold;
                departure.is_debit = false;
                departure.step = HoldStep{place.debit, place.credit, asset, departure.amount};
            },
            [&](const CaptureHold& capture) {
                departure.made = IdMade::pair;
                departure.taken = capture.hold;
                of_hold(capture.hold, [&](const HoldState& hold) {
                    depart_captured(capture, hold, asset, departure);
                });
            },
            [&](const ReleaseHold& release) {
                departure.is_debit = false;
                departure.taken = release.hold;
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
    if (departure.is_exact) return departure;
    departure.step.reset();
    departure.names_payee = false;
    return departure;
}

void CrossingFold::depart_captured(const CaptureHold& capture, const HoldState& hold, Asset asset,
                                   Departure& departure) {
    if (!hold.payee) {
        departure.names_payee = !capture.credit.is_zero();
        departure.step =
            CreditStep{capture.account, capture.credit, asset, departure.amount, false, true};
        return;
    }
    departure.freed = capture.keep_rest ? departure.amount : hold.remaining;
    departure.waiting = hold.payee;
    departure.step = CaptureStep{capture.hold, capture.account, departure.amount, departure.freed};
}

/// What the crossing does here: to the payer, the transit account, and its hold.
CrossingFold::Doing CrossingFold::doing_of(const CommandInTransit& sent, const Departure& departure,
                                           AccountNumber transit) const {
    Leg payer{};
    payer.account = departure.payer;
    Leg waiting{};
    waiting.account = departure.waiting.value_or(transit);
    const auto pay = [&] {
        payer.posts = Side::debit;
        waiting.posts = Side::credit;
        payer.amount = waiting.amount = departure.amount;
    };
    const auto hold_before = [&](CommandId id) {
        return context_.books.holds.find({sent.command.ledger, id})->state;
    };
    return std::visit(
        Overloads{
            [&](const Transfer&) {
                pay();
                return Doing{{payer, waiting}, std::nullopt};
            },
            [&](const PlaceHold& place) {
                payer.holds = Side::debit;
                waiting.holds = Side::credit;
                payer.held = waiting.held = departure.amount;
                HoldState hold;
                hold.id = sent.command.id;
                hold.payer = departure.payer;
                hold.payee = waiting.account;
                hold.remaining = departure.amount;
                if (place.expires_in_us != 0)
                    hold.expires_at = expiry_of(context_.time, place.expires_in_us);
                hold.remote_payee = place.credit;
                return Doing{{payer, waiting}, hold};
            },
            [&](const CaptureHold& capture) {
                pay();
                HoldState hold = hold_before(capture.hold);
                payer.frees = Side::debit;
                payer.freed = hold.payee ? departure.freed : departure.amount;
                if (hold.payee) {
                    waiting.frees = Side::credit;
                    waiting.freed = departure.freed;
                }
                hold.remaining = hold.remaining.minus(payer.freed).value_or(Amount());
                hold.captured = hold.captured.plus(departure.amount).value_or(Amount::max());
                if (hold.payee && hold.remaining.is_zero()) hold.status = HoldStatus::captured;
                return Doing{{payer, waiting}, hold};
            },
            [&](const ReleaseHold& release) {
                HoldState hold = hold_before(release.hold);
                std::vector<Leg> legs = changes_.release_legs(hold, departure.freed);
                hold.remaining = Amount();
                hold.status = HoldStatus::released;
                return Doing{std::move(legs), hold};
            },
            []<class Body>(const Body&) {
                // Reversals and refunds are looked at apart.
                static_assert(kIsOneOf<Body, Reverse, Refund> || kNeverCrosses<Body>);
                return Doing{};
            },
        },
        sent.command.body);
}

void CrossingFold::check_departure(const CommandInTransit& sent, const Departure& departure) {
    const ReplayedTransit* transit = context_.transit_of(sent.command.ledger, sent.to,
                                                         departure.payer);
    if (transit == nullptr) {
        if (!context_.books.was_broken())
            context_.report(Check::wrong_crossing, "there is no transit account for it");
        return changes_.adopt_all(sent.changes);
    }
    const auto [legs, hold] = doing_of(sent, departure, transit->newest());
    changes_.check_changes(sent.changes, legs);
    if (hold) {
        changes_.check_hold(sent.hold, *hold);
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
    std::optional<Step> step;
    if (departure.step) step = Step{command.ledger, command.id, *departure.step, command.id_text};
    context_.steps.follow(sent.to, step);

    ReplayedTransit* transit = context_.transit_of(command.ledger, sent.to, departure.payer);
    const bool places = departure.made == IdMade::hold;
    if (transit != nullptr) {
        if (places) transit->held.add(departure.amount);
        if (departure.is_debit) transit->sent.add(departure.amount);
        transit->freed.add(departure.freed);
    }
    ReplayedCrossing crossing;
    crossing.event = context_.event;
    crossing.is_event_sure = context_.is_believed;
    crossing.body = command.body;
    crossing.content = content;
    crossing.to = sent.to;
    crossing.payer = departure.payer;
    if (transit != nullptr) crossing.transit = departure.waiting.value_or(transit->newest());
    crossing.amount = departure.amount;
    crossing.is_unanswered_debit = departure.is_debit;
    crossing.may_take_less = departure.may_take_less;
    // A hold that is released, no answer changes.
    if (departure.made != IdMade::nothing) crossing.hold = places ? command.id : departure.taken;
    crossing.names_payee = departure.names_payee;
    crossing.is_known = departure.is_exact && transit != nullptr;
    context_.books.crossings.put({command.ledger, command.id}, crossing);
}

void CrossingFold::keep_in_transit(const CommandInTransit& sent, std::uint64_t content,
                                   const Departure& departure) {
    if (!context_.is_believed) return;
    const Command& command = sent.command;
    const CommandBody& body = command.body;
    Decided said{.content = content};
    IdMade made = departure.made;
    if (made == IdMade::pair) {
        said.payee = kElsewhere;
        if (!sent.changes.empty()) {
            said.payer = sent.changes[0].account.value();
            said.amount = sent.changes[0].amount;
        }
    }
    if (made == IdMade::hold && !sent.hold) made = IdMade::nothing;
    if (made == IdMade::hold) {
        said.payer = sent.hold->payer.value();
        if (sent.hold->payee) said.payee = sent.hold->payee->value();
    }
    IdRow row = context_.row_of(IdRowKind::in_transit, command.ledger, command.id, said);
    row.made = made;
    context_.sinks.ids.add(row);
    if (!departure.taken.is_zero() && sent.hold && sent.hold->status != HoldStatus::open)
        context_.keep(IdRowKind::hold_ended, command.ledger, departure.taken,
                      HoldEnd{sent.hold->status});
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
