// Claimed rows of accounts and holds against the books.
#include "reconciler/shard_fold.h"

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

/// The account's row after `leg`; empty when its sums do not fit.
std::optional<Change> ShardFold::follow(const Leg& leg) const {
    const Account& account = books_.accounts.at(leg.account);
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

void ShardFold::check_change(const Change& claimed, const Change& expected) {
    if (claimed != expected) {
        const Check check =
            claimed.account != expected.account ? Check::wrong_account : Check::wrong_change;
        report(check, "account " + std::to_string(expected.account.value()) + ": " +
                          describe_difference(expected, claimed));
    }
    adopt(claimed);
}

void ShardFold::check_changes(std::span<const Change> claimed, std::span<const Leg> legs) {
    if (claimed.size() != legs.size()) {
        report(Check::wrong_change, "expected " + std::to_string(legs.size()) + " changes, found " +
                                        std::to_string(claimed.size()));
        return adopt_all(claimed);
    }
    for (std::size_t i = 0; i < legs.size(); ++i) {
        const Account* account = books_.accounts.known(legs[i].account);
        if (books_.was_broken() && (account == nullptr || !books_.is_sure(*account))) {
            adopt(claimed[i]);
            continue;
        }
        const std::optional<Change> expected = account == nullptr ? std::nullopt : follow(legs[i]);
        if (expected) {
            check_change(claimed[i], *expected);
        } else {
            report(Check::wrong_change, "account " + std::to_string(legs[i].account.value()) +
                                            ": its totals do not let the change through");
            adopt(claimed[i]);
        }
    }
}

void ShardFold::adopt(const Change& claimed) {
    const std::uint16_t index = change_++;
    if (books_.accounts.known(claimed.account) == nullptr) return;
    Account& account = books_.accounts.at(claimed.account);
    account.totals = claimed.totals;
    account.limit = claimed.limit;
    account.state = claimed.state;
    account.version = claimed.version;
    account.generation = books_.generation;
    if (!keeps_history_) return;
    std::uint64_t& history = history_[claimed.account.value()];
    history = history_digest(history, event_, index, claimed);
}

void ShardFold::adopt_all(std::span<const Change> claimed) {
    for (const Change& change : claimed) adopt(change);
}

void ShardFold::adopt_hold(LedgerId ledger, const HoldState& hold) {
    const HoldKey key{ledger, hold.id};
    if (hold.status == HoldStatus::open) {
        books_.holds.put(key, {hold, books_.generation});
    } else {
        books_.holds.erase(key);
        // Another shard may still refuse it, or a capture of it, whatever became of it here.
        books_.crossings.hold_ended(key, hold);
    }
}

void ShardFold::check_hold(const std::optional<HoldState>& claimed, const HoldState& expected) {
    if (!claimed) {
        report(Check::wrong_hold, "hold " + id_text(expected.id) + ": its state is missing");
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
        report(Check::wrong_hold, "hold " + id_text(expected.id) + ": " + what);
    }
}

std::vector<ShardFold::Leg> ShardFold::release_legs(const HoldState& hold, Amount freed) const {
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

std::uint64_t ShardFold::history_digest(std::uint64_t before, EventNumber event,
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
    hash.add(std::uint64_t{index} << 32 | side << 24 |
             std::uint64_t{change.limit.is_unlimited()} << 16 |
             std::uint64_t{change.state.closed} << 8 |
             static_cast<std::uint64_t>(change.state.block));
    return hash.value();
}

}  // namespace vouch::reconciler
