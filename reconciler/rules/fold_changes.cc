// Claimed rows of accounts and holds against the books.
#include "reconciler/rules/fold_changes.h"

#include "reconciler/reading/content_digest.h"
#include "reconciler/rules/limit_rule.h"

#include <tuple>

namespace vouch::reconciler {

namespace {

std::string text_of(Amount amount) { return vouch::to_text(amount, Scale(0)); }

/// The first of a row's fields that differs, with both values.
std::string describe_difference(const Change& expected, const Change& found) {
    const auto differ = [](const char* field, const std::string& a, const std::string& b) {
        return std::string(field) + ", expected " + a + " found " + b;
    };
    const auto number = [](std::uint64_t value) { return std::to_string(value); };
    if (expected.account != found.account) {
        return differ("account number", number(expected.account.value()),
                      number(found.account.value()));
    }
    if (expected.version != found.version) {
        return differ("version", number(expected.version.value()), number(found.version.value()));
    }
    const Totals& a = expected.totals;
    const Totals& b = found.totals;
    if (a.debits_posted != b.debits_posted)
        return differ("debits posted", text_of(a.debits_posted), text_of(b.debits_posted));
    if (a.credits_posted != b.credits_posted) {
        return differ("credits posted", text_of(a.credits_posted), text_of(b.credits_posted));
    }
    if (a.debits_held != b.debits_held)
        return differ("debits held", text_of(a.debits_held), text_of(b.debits_held));
    if (a.credits_held != b.credits_held)
        return differ("credits held", text_of(a.credits_held), text_of(b.credits_held));
    if (expected.limit != found.limit) return "limit";
    if (expected.state != found.state)
        return differ("state", std::string(to_text(expected.state)),
                      std::string(to_text(found.state)));
    if (expected.id != found.id) return "id of the account";
    if (expected.side != found.side) return "side of the posting";
    return differ("amount", text_of(expected.amount), text_of(found.amount));
}

}  // namespace

std::optional<Change> ChangeFold::follow(const Leg& leg) const {
    const Account& account = context_.books.accounts.at(leg.account);
    Change next;
    next.account = leg.account;
    next.id = account.id;
    next.version = account.version.next();
    next.totals = account.totals;
    next.limit = account.limit;
    next.state = account.state;
    if (leg.frees) {
        const std::optional<Amount> held = next.totals.held(*leg.frees).minus(leg.freed);
        if (!held) return std::nullopt;
        next.totals.held(*leg.frees) = *held;
    }
    if (leg.holds) {
        const std::optional<Amount> held = next.totals.held(*leg.holds).plus(leg.held);
        if (!held) return std::nullopt;
        next.totals.held(*leg.holds) = *held;
    }
    if (leg.posts) {
        const std::optional<Amount> posted = next.totals.posted(*leg.posts).plus(leg.amount);
        if (!posted) return std::nullopt;
        next.totals.posted(*leg.posts) = *posted;
        next.side = leg.posts;
        next.amount = leg.amount;
    }
    for (const Side side : {Side::debit, Side::credit}) {
        if (!next.totals.posted(side).plus(next.totals.held(side))) return std::nullopt;
    }
    return next;
}

void ChangeFold::check_change(const Change& claimed, const Change& expected) {
    if (claimed != expected) {
        const Check check =
            claimed.account != expected.account ? Check::wrong_account : Check::wrong_change;
        context_.report(check, "account " + std::to_string(expected.account.value()) + ": " +
                                   describe_difference(expected, claimed));
    }
    adopt(claimed);
}

void ChangeFold::check_changes(std::span<const Change> claimed, std::span<const Leg> legs) {
    if (claimed.size() != legs.size()) {
        context_.report(Check::wrong_change, "expected " + std::to_string(legs.size()) +
                                                 " changes, found " +
                                                 std::to_string(claimed.size()));
        return adopt_all(claimed);
    }
    for (std::size_t i = 0; i < legs.size(); ++i) {
        const Account* account = context_.books.accounts.known(legs[i].account);
        if (context_.books.was_broken() &&
            (account == nullptr || !context_.books.is_sure(*account))) {
            adopt(claimed[i]);
            continue;
        }
        const std::optional<Change> expected = account == nullptr ? std::nullopt : follow(legs[i]);
        if (expected) {
            check_change(claimed[i], *expected);
        } else {
            context_.report(Check::wrong_change, "account " +
                                                     std::to_string(legs[i].account.value()) +
                                                     ": its totals do not let the change through");
            adopt(claimed[i]);
        }
    }
}

void ChangeFold::adopt(const Change& claimed) {
    const std::uint16_t index = change_++;
    if (context_.books.accounts.known(claimed.account) == nullptr) return;
    Account& account = context_.books.accounts.at(claimed.account);
    account.totals = claimed.totals;
    account.limit = claimed.limit;
    account.state = claimed.state;
    account.version = claimed.version;
    account.generation = context_.books.generation;
    if (!keeps_history_) return;
    std::uint64_t& history = history_[claimed.account.value()];
    history = history_digest(history, context_.event, index, claimed);
}

void ChangeFold::open(const Account& account, const Change& claimed) {
    context_.books.accounts.put(claimed.account, account);
    if (keeps_history_) history_.resize(context_.books.accounts.size(), history_start());
    adopt(claimed);
}

void ChangeFold::adopt_all(std::span<const Change> claimed) {
    for (const Change& change : claimed) adopt(change);
}

void ChangeFold::adopt_hold(LedgerId ledger, const HoldState& hold) {
    const HoldKey key{ledger, hold.id};
    if (hold.status == HoldStatus::open) {
        context_.books.holds.put(key, {hold, context_.books.generation});
    } else {
        context_.books.holds.erase(key);
        // Another shard may still refuse it, or a capture of it, whatever became of it here.
        context_.books.crossings.hold_ended(key, hold);
    }
}

void ChangeFold::adopt_followed_hold(ShardId from, LedgerId ledger, const HoldState& hold) {
    OpenHolds& holds = context_.books.crossings.followed(from);
    if (hold.status == HoldStatus::open) {
        holds.put({ledger, hold.id}, {hold, context_.books.generation});
    } else {
        holds.erase({ledger, hold.id});
    }
}

void ChangeFold::check_hold(const std::optional<HoldState>& claimed, const HoldState& expected) {
    if (!claimed) {
        context_.report(Check::wrong_hold,
                        "hold " + id_text(expected.id) + ": its state is missing");
    } else if (*claimed != expected) {
        std::string what = "accounts or id";
        if (claimed->remaining != expected.remaining) {
            what = "remaining, expected " + text_of(expected.remaining) + " found " +
                   text_of(claimed->remaining);
        } else if (claimed->captured != expected.captured) {
            what = "captured, expected " + text_of(expected.captured) + " found " +
                   text_of(claimed->captured);
        } else if (claimed->expires_at != expected.expires_at) {
            what = "expiry";
        } else if (claimed->status != expected.status) {
            what = "status, expected " + std::string(to_text(expected.status)) + " found " +
                   std::string(to_text(claimed->status));
        }
        context_.report(Check::wrong_hold, "hold " + id_text(expected.id) + ": " + what);
    }
}

std::vector<Leg> ChangeFold::release_legs(const HoldState& hold, Amount freed) const {
    std::vector<Leg> legs;
    // A capture that names its payee elsewhere may leave a hold open with nothing in it.
    if (freed.is_zero()) return legs;
    legs.push_back({.account = hold.payer,
                    .posts = {},
                    .amount = {},
                    .frees = Side::debit,
                    .freed = freed,
                    .holds = {},
                    .held = {}});
    if (hold.payee) {
        legs.push_back({.account = *hold.payee,
                        .posts = {},
                        .amount = {},
                        .frees = Side::credit,
                        .freed = freed,
                        .holds = {},
                        .held = {}});
    }
    return legs;
}

bool ChangeFold::take_plain(const PlainTransfer& plain) {
    AccountTable& accounts = context_.books.accounts;
    if (plain.debit.number == plain.credit.number || plain.amount.is_zero()) return false;
    if (plain.debit.number.value() >= accounts.size() ||
        plain.credit.number.value() >= accounts.size())
        return false;
    Account& debit = accounts.at(plain.debit.number);
    Account& credit = accounts.at(plain.credit.number);
    if (debit.asset != credit.asset || (plain.decimals && debit.asset.scale() != *plain.decimals))
        return false;
    const auto fits = [&](const Account& account, const PlainTransfer::Leg& leg, Side side) {
        if (!context_.books.is_sure(account) || account.id != leg.id ||
            account.ledger != plain.ledger)
            return false;
        if (account.state.closed || blocks(account.state.block, side)) return false;
        if (leg.version != account.version.next() || leg.state != account.state ||
            leg.limit != account.limit)
            return false;
        if (context_.books.crossings.has_unanswered() &&
            context_.books.crossings.unanswered(leg.number) != WideSum())
            return false;
        const std::optional<Amount> posted = account.totals.posted(side).plus(plain.amount);
        if (!posted || !posted->plus(account.totals.held(side))) return false;
        const Side other = opposite(side);
        if (leg.totals.posted(side) != *posted ||
            leg.totals.posted(other) != account.totals.posted(other))
            return false;
        if (leg.totals.held(side) != account.totals.held(side)) return false;
        if (leg.totals.held(other) != account.totals.held(other)) return false;
        return account.normal() == side || keeps_limit(leg.totals, account.normal(), account.limit);
    };
    if (!fits(debit, plain.debit, Side::debit) || !fits(credit, plain.credit, Side::credit))
        return false;
    for (const auto& [account, leg, side] :
         {std::tuple<Account&, const PlainTransfer::Leg&, Side>(debit, plain.debit, Side::debit),
          std::tuple<Account&, const PlainTransfer::Leg&, Side>(credit, plain.credit,
                                                                Side::credit)}) {
        account.totals = leg.totals;
        account.version = leg.version;
        if (!keeps_history_) continue;
        const Change change{leg.number, leg.version, leg.totals,  leg.limit,
                            leg.state,  side,        plain.amount};
        std::uint64_t& history = history_[leg.number.value()];
        history = history_digest(history, context_.event, side == Side::debit ? 0 : 1, change);
    }
    return true;
}

std::uint64_t ChangeFold::history_digest(std::uint64_t before, EventNumber event,
                                         std::uint16_t index, const Change& change) {
    WordHash hash;
    hash.add(before);
    hash.add(event.value());
    hash.add(change.version.value());
    hash.add(change.totals.debits_posted), hash.add(change.totals.credits_posted);
    hash.add(change.totals.debits_held), hash.add(change.totals.credits_held);
    hash.add(change.limit.below_zero());
    hash.add(change.amount);
    const std::uint64_t side = change.side ? static_cast<std::uint64_t>(*change.side) : 0;
    hash.add(
        std::uint64_t{index} << 32 | side << 24 | std::uint64_t{change.limit.is_unlimited()} << 16 |
        std::uint64_t{change.state.closed} << 8 | static_cast<std::uint64_t>(change.state.block));
    return hash.value();
}

}  // namespace vouch::reconciler
