#include "command-handler/intake/stream_directory.h"

#include "events/check.h"
#include "events/entries/command.h"
#include "events/overloads.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace vouch::command_handler {

namespace {

/// As the line's own members may believe it. What one does not spell out cannot be known, and
/// waiting would not help.
template <class Fact>
Fact as_certain(Fact fact) {
    if (fact.certainty == Certainty::pending) return Fact();
    fact.certainty = Certainty::certain;
    return fact;
}

}  // namespace

template <class Fact>
const Fact* StreamDirectory::own(const FactSubject& key) const {
    for (const Own& each : own_) {
        const Fact* const fact = std::get_if<Fact>(&each.fact);
        if (fact != nullptr && each.key == key) return fact;
    }
    return nullptr;
}

AccountFact StreamDirectory::account(LedgerId ledger, AccountId account) {
    const FactSubject key{ledger, account.high(), account.low()};
    if (const auto* const said = own<AccountFact>(key)) return as_certain(*said);
    if (const auto known = accounts_.believed(key)) return *known;
    const AccountFact fact = books_.account(ledger, account);
    // Only what is known is remembered: an unknown account may be opened at any time.
    if (fact.certainty == Certainty::certain) accounts_.keep(key, fact);
    return accounts_.or_refused(fact, key);
}

HoldFact StreamDirectory::hold(LedgerId ledger, CommandId hold) {
    const HoldFact fact = find_hold(ledger, hold);
    for (const AccountId account : {fact.payer, fact.payee}) {
        if (!account.is_zero()) behind_.push_back(account);
    }
    return fact;
}

EntryFact StreamDirectory::entry(LedgerId ledger, CommandId entry) {
    EntryFact fact = find_entry(ledger, entry);
    for (const PostingFact& posting : fact.postings) behind_.push_back(posting.account);
    if (!fact.postings.empty()) sizes_.push_back({entry, fact.postings.size()});
    return fact;
}

HoldFact StreamDirectory::find_hold(LedgerId ledger, CommandId hold) {
    const FactSubject key{ledger, hold.high(), hold.low()};
    if (const auto* const said = own<HoldFact>(key)) return as_certain(*said);
    if (const auto known = holds_.believed(key)) return *known;
    return holds_.or_refused(books_.hold(ledger, hold), key);
}

EntryFact StreamDirectory::find_entry(LedgerId ledger, CommandId entry) {
    const FactSubject key{ledger, entry.high(), entry.low()};
    if (const auto* const said = own<EntryFact>(key)) return as_certain(*said);
    if (auto known = entries_.believed(key)) return *std::move(known);
    return entries_.or_refused(books_.entry(ledger, entry), key);
}

EntryFact StreamDirectory::fact_of(LedgerId ledger, const Command& command) {
    EntryFact fact{.certainty = Certainty::likely, .postings = {}};
    const auto add = [&](AccountId account, Side side) {
        fact.postings.push_back({account, side});
    };
    const bool is_known = std::visit(
        Overloads{
            [&](const Transfer& transfer) {
                add(transfer.debit, Side::debit);
                add(transfer.credit, Side::credit);
                return true;
            },
            [&](const PostEntry& entry) {
                if (entry.postings.size() > kPostingsRememberedMax) return false;
                for (const Posting& posting : entry.postings) {
                    if (!posting.amount.is_zero()) add(posting.account, posting.side);
                }
                return true;
            },
            [&](const CaptureHold& capture) {
                AccountId payee = capture.credit;
                const FactSubject key{ledger, capture.hold.high(), capture.hold.low()};
                std::optional<HoldFact> hold;
                if (const auto* const said = own<HoldFact>(key)) hold = as_certain(*said);
                if (!hold) hold = holds_.believed(key);
                const bool is_told = hold && hold->certainty != Certainty::pending;
                if (payee.is_zero() && is_told) payee = hold->payee;
                if (capture.account.is_zero() || payee.is_zero()) return false;
                add(capture.account, Side::debit);
                add(payee, Side::credit);
                return true;
            },
            []<class Body>(const Body&) {
                static_assert(kCommandKind<Body>.makes != Makes::entry);
                return false;
            },
        },
        command.body);
    if (is_known) return fact;
    return {.certainty = Certainty::pending, .postings = {}};
}

void StreamDirectory::add_claim(What what, const FactSubject& key) {
    ++in_flight_;
    if (lines_.empty() || lines_.back().line != line_) {
        VOUCH_ASSERT(lines_.empty() || lines_.back().line < line_);
        lines_.push_back({.line = line_, .settled = false, .claim = {what, key}, .more = {}});
    } else {
        lines_.back().more.push_back({what, key});
    }
}

void StreamDirectory::start_line(std::uint64_t line) {
    VOUCH_ASSERT(line >= line_);
    line_ = line;
    own_.clear();
    behind_.clear();
    sizes_.clear();
}

void StreamDirectory::learn(const Command& command) {
    const LedgerId ledger = command.ledger;
    const FactSubject made{ledger, command.id.high(), command.id.low()};
    switch (kind_of(command.body).makes) {
        case Makes::account: {
            const auto& open = std::get<OpenAccount>(command.body);
            own_.push_back({{ledger, open.account.high(), open.account.low()},
                            AccountFact{.certainty = Certainty::likely, .asset = open.asset}});
            return;
        }
        case Makes::hold: {
            const auto& hold = std::get<PlaceHold>(command.body);
            own_.push_back({made, HoldFact{.certainty = Certainty::likely,
                                           .payer = hold.debit,
                                           .payee = hold.credit}});
            return;
        }
        case Makes::entry:
            own_.push_back({made, fact_of(ledger, command)});
            return;
        case Makes::reversal:  // nothing can be about it
        case Makes::nothing:
            return;
    }
}

void StreamDirectory::claim() {
    for (Own& each : own_) {
        const auto claim_in = [&](auto& facts, What what, auto& fact) {
            if (facts.claim(each.key, std::move(fact), line_)) add_claim(what, each.key);
        };
        std::visit(Overloads{
                       [&](AccountFact& fact) { claim_in(accounts_, What::account, fact); },
                       [&](HoldFact& fact) { claim_in(holds_, What::hold, fact); },
                       [&](EntryFact& fact) { claim_in(entries_, What::entry, fact); },
                   },
                   each.fact);
    }
    own_.clear();
}

void StreamDirectory::end_claim(const Claim& claim, std::uint64_t line, LineEnd end) {
    --in_flight_;
    switch (claim.what) {
        case What::account:
            return accounts_.end(claim.key, line, end);
        case What::hold:
            return holds_.end(claim.key, line, end);
        case What::entry:
            return entries_.end(claim.key, line, end);
    }
}

void StreamDirectory::end_line(std::uint64_t line, LineEnd end) {
    const auto found = std::lower_bound(lines_.begin(), lines_.end(), line,
                                        [](const Line& a, std::uint64_t b) { return a.line < b; });
    if (found == lines_.end() || found->line != line || found->settled) return;
    end_claim(found->claim, line, end);
    for (const Claim& claim : found->more) end_claim(claim, line, end);
    found->settled = true;
    while (!lines_.empty() && lines_.front().settled) lines_.pop_front();
}

}  // namespace vouch::command_handler
