#include "reconciler/rules/derive.h"

#include "events/entries/command_parts.h"
#include "events/money/wide_sum.h"
#include "reconciler/rules/asked_command.h"
#include "reconciler/rules/derive_amount.h"
#include "reconciler/rules/derive_crossing.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <utility>

// What does not depend on amounts: who is named, in which state, and in which order it is asked.

namespace vouch::reconciler {

namespace {

using Answer = std::optional<Refusal>;

Answer expired(const AskedCommand& asked) {
    if (asked.command.expires_at.value() == 0 || asked.time < asked.command.expires_at) return {};
    return refusal(Outcome::command_expired);
}

Answer missing(const AskedCommand& asked) {
    const bool needs_account =
        !hold_of(asked.command.body).is_zero() || is_reversal(asked.command.body);
    if (needs_account && deciding_account(asked.command).is_zero())
        return refusal(Outcome::account_missing);
    const auto* capture = asked.body<CaptureHold>();
    if (capture && asked.hold && !asked.hold->state.payee && capture->credit.is_zero())
        return refusal(Outcome::account_missing);
    return {};
}

Answer not_found(const AskedCommand& asked) {
    if (asked.body<OpenAccount>()) return {};
    for (const Named& named : asked.named) {
        if (named.is_here && named.account == nullptr)
            return refusal(Outcome::account_not_found, asked.facts(named));
    }
    return {};
}

Answer exists(const AskedCommand& asked) {
    if (!asked.body<OpenAccount>() || asked.named[0].account == nullptr) return {};
    return refusal(Outcome::account_exists, asked.facts(asked.named[0]));
}

Answer wrong_account(const AskedCommand& asked) {
    if (asked.hold == nullptr) return {};
    if (asked.named[0].account && asked.named[0].number != asked.hold->state.payer) {
        return refusal(Outcome::wrong_account, asked.facts(asked.named[0]));
    }
    const auto* capture = asked.body<CaptureHold>();
    if (!capture || capture->credit.is_zero() || !asked.hold->state.payee) return {};
    const Named& credit = asked.named[1];
    const AccountId remote = asked.hold->state.remote_payee;
    if (!remote.is_zero() ? credit.id == remote
                          : credit.account && credit.number == *asked.hold->state.payee)
        return {};
    return refusal(Outcome::wrong_account, asked.facts(credit));
}

Answer same_account(const AskedCommand& asked) {
    const bool is_pair =
        asked.body<Transfer>() || asked.body<PlaceHold>() || asked.body<CaptureHold>();
    if (!is_pair || asked.named.size() < 2 || asked.named[0].id != asked.named[1].id) return {};
    return refusal(Outcome::same_account, asked.facts(asked.named[0]));
}

Answer asset_mismatch(const AskedCommand& asked) {
    if (asked.command.amount_decimals) {
        if (const auto* open = asked.body<OpenAccount>();
            open && open->asset.scale() != *asked.command.amount_decimals) {
            return refusal(Outcome::asset_mismatch, asked.facts(asked.named[0]));
        }
        for (const Named& named : asked.named) {
            if (named.account && named.account->asset.scale() != *asked.command.amount_decimals) {
                return refusal(Outcome::asset_mismatch, asked.facts(named));
            }
        }
    }
    const bool is_pair =
        asked.body<Transfer>() || asked.body<PlaceHold>() || asked.body<CaptureHold>();
    if (!is_pair || asked.named.size() < 2 || !asked.named[0].account || !asked.named[1].account)
        return {};
    if (asked.named[0].account->asset == asked.named[1].account->asset) return {};
    return refusal(Outcome::asset_mismatch, asked.facts(asked.named[1]));
}

Answer zero_amount(const AskedCommand& asked) {
    bool is_zero = false;
    if (const auto* transfer = asked.body<Transfer>()) is_zero = transfer->amount.is_zero();
    if (const auto* place = asked.body<PlaceHold>()) is_zero = place->amount.is_zero();
    if (const auto* capture = asked.body<CaptureHold>())
        is_zero = capture->amount && capture->amount->is_zero();
    if (const auto* entry = asked.body<PostEntry>()) {
        // A side with a leg of zero needs one of more.
        for (const Side side : {Side::debit, Side::credit}) {
            std::size_t legs_of_zero = 0;
            std::size_t other_legs = 0;
            for (const Posting& p : entry->postings) {
                if (p.side == side) ++(p.amount.is_zero() ? legs_of_zero : other_legs);
            }
            if (legs_of_zero != 0 && other_legs == 0) is_zero = true;
        }
    }
    if (!is_zero) return {};
    return refusal(Outcome::zero_amount);
}

Answer unbalanced(const AskedCommand& asked) {
    const auto* entry = asked.body<PostEntry>();
    if (!entry) return {};
    if (std::ranges::any_of(asked.named, [](const Named& named) { return !named.is_here; }))
        return {};
    std::map<Asset, std::pair<WideSum, WideSum>> sums;
    for (std::size_t i = 0; i < asked.named.size(); ++i) {
        auto& [debits, credits] = sums[asked.named[i].account->asset];
        (entry->postings[i].side == Side::debit ? debits : credits).add(entry->postings[i].amount);
    }
    for (const auto& [asset, both] : sums) {
        if (both.first != both.second) return refusal(Outcome::unbalanced);
    }
    return {};
}

Answer closed_or_frozen(const AskedCommand& asked) {
    for (const Named& named : asked.named) {
        if (named.account && named.account->state.closed)
            return refusal(Outcome::account_closed, asked.facts(named));
    }
    for (const Side side : {Side::debit, Side::credit}) {
        for (const Named& named : asked.named) {
            if (!named.account || named.blockable != side ||
                !blocks(named.account->state.block, side))
                continue;
            return refusal(side == Side::debit ? Outcome::debits_frozen : Outcome::credits_frozen,
                           asked.facts(named));
        }
    }
    return {};
}

Answer version_mismatch(const AskedCommand& asked) {
    if (!asked.command.expected_version || asked.named.empty()) return {};
    const AccountId decides = deciding_account(asked.command);
    const auto found = std::ranges::find(asked.named, decides, &Named::id);
    if (found == asked.named.end() || !found->is_here) return {};
    // An account that is not open yet has version 0.
    const Version version = found->account ? found->account->version : Version(0);
    if (version == *asked.command.expected_version) return {};
    return refusal(Outcome::version_mismatch, asked.facts(*found));
}

Answer hold_status(const AskedCommand& asked) {
    if (hold_of(asked.command.body).is_zero()) return {};
    if (asked.hold == nullptr) return refusal(Outcome::hold_not_found);
    const auto* capture = asked.body<CaptureHold>();
    if (!capture) return {};
    // One that names its payee on another shard may leave a hold open with nothing in it.
    const bool exceeds = capture->amount ? *capture->amount > asked.hold->state.remaining
                                         : asked.hold->state.remaining.is_zero();
    if (!exceeds) return {};
    Facts told;
    told.remaining = AmountFact{false, asked.hold->state.remaining};
    return refusal(Outcome::exceeds_hold, told);
}

Answer not_closable(const AskedCommand& asked) {
    if (!asked.body<CloseAccount>() || !asked.named[0].account) return {};
    const Totals& totals = asked.named[0].account->totals;
    if (totals.debits_posted != totals.credits_posted)
        return refusal(Outcome::not_zero, asked.facts(asked.named[0]));
    const bool is_unanswered = asked.books.crossings.unanswered(asked.named[0].number) != WideSum();
    if (totals.debits_held.is_zero() && totals.credits_held.is_zero() && !is_unanswered) return {};
    return refusal(Outcome::in_use, asked.facts(asked.named[0]));
}

using Rule = Answer (*)(const AskedCommand&);

/// What the first of the rules says that refuses.
Answer first_of(std::initializer_list<Rule> rules, const AskedCommand& asked) {
    for (const Rule rule : rules) {
        if (const Answer answer = rule(asked)) return answer;
    }
    return {};
}

Derived before_past(const AskedCommand& asked) {
    Derived derived;
    derived.is_sure = !asked.is_unsure();
    if (derived.is_sure) derived.refusal = first_of({expired, missing, not_found}, asked);
    return derived;
}

}  // namespace

Derived derive(const ReplayedBooks& books, const Command& command, Timestamp time, bool alone) {
    const AskedCommand asked(books, command, time);
    Derived derived = before_past(asked);
    if (!derived.is_sure || derived.refusal) return derived;
    derived.refusal =
        first_of({exists, wrong_account, same_account, asset_mismatch, zero_amount, unbalanced,
                  closed_or_frozen, version_mismatch, hold_status, not_closable},
                 asked);
    if (derived.refusal) return derived;
    const DerivedAmount amount = derive_amount(asked);
    derived.moved = amount.moved;
    derived.refusal = amount.refusal;
    if (derived.refusal) return derived;
    const DerivedCrossing crossing = derive_crossing(asked, amount.moved, alone);
    derived.refusal = crossing.refusal;
    derived.crosses = crossing.to;
    return derived;
}

Derived derive_before_past(const ReplayedBooks& books, const Command& command, Timestamp time) {
    return before_past(AskedCommand(books, command, time));
}

}  // namespace vouch::reconciler
