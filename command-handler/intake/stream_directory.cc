#include "command-handler/intake/stream_directory.h"

#include "events/check.h"
#include "events/entries/command.h"

#include <algorithm>
#include <variant>

namespace vouch::command_handler {

template <class Fact>
StreamDirectory::MemoryEntry<Fact>* StreamDirectory::Memory<Fact>::find(const Key& key) {
    if (const auto it = newer_.find(key); it != newer_.end()) return &it->second;
    if (const auto it = older_.find(key); it != older_.end()) return &it->second;
    return nullptr;
}

template <class Fact>
void StreamDirectory::Memory<Fact>::insert(const Key& key, MemoryEntry<Fact> entry) {
    if (newer_.size() >= kGenerationFacts) {
        std::swap(newer_, older_);
        newer_.clear();
    }
    newer_.insert_or_assign(key, std::move(entry));
}

template <class Fact>
void StreamDirectory::Memory<Fact>::erase(const Key& key) {
    newer_.erase(key);
    older_.erase(key);
}

namespace {

/// An account's asset is part of what its opening says, so an accepted opening is certain of it. A
/// hold or entry may be the repeat of an earlier one: its accounts are certain then, their assets
/// are what those accounts really have.
void forget_assets(AccountFact&) {}
void forget_assets(HoldFact& fact) { fact.asset.reset(); }
void forget_assets(EntryFact& fact) {
    for (PostingFact& posting : fact.postings) posting.asset.reset();
}

bool says_the_same(const AccountFact& a, const AccountFact& b) { return a.asset == b.asset; }
bool says_the_same(const HoldFact& a, const HoldFact& b) {
    return a.payer == b.payer && a.payee == b.payee;
}
bool says_the_same(const EntryFact& a, const EntryFact& b) {
    return std::equal(a.postings.begin(), a.postings.end(), b.postings.begin(), b.postings.end(),
                      [](const PostingFact& x, const PostingFact& y) {
                          return x.account == y.account && x.side == y.side;
                      });
}

bool is_open_claim(Certainty certainty) {
    return certainty == Certainty::likely || certainty == Certainty::pending;
}

}  // namespace

template <class Fact>
Fact StreamDirectory::seen_from_line(const MemoryEntry<Fact>& known) const {
    if (known.line != line_) return known.fact;
    // A group is done as a whole or not at all: what an earlier member says is true for a later
    // one. What that member does not spell out cannot be known, though, and waiting would not help.
    if (known.fact.certainty == Certainty::pending) return {};
    Fact fact = known.fact;
    fact.certainty = Certainty::certain;
    return fact;
}

template <class Fact>
std::optional<Fact> StreamDirectory::remembered(Memory<Fact>& memory, const Key& key) const {
    const MemoryEntry<Fact>* known = memory.find(key);
    if (known == nullptr || known->fact.certainty == Certainty::refused) return std::nullopt;
    return seen_from_line(*known);
}

template <class Fact>
Fact StreamDirectory::or_refused(Fact fact, Memory<Fact>& memory, const Key& key) {
    if (fact.certainty != Certainty::unknown) return fact;
    const MemoryEntry<Fact>* refused = memory.find(key);
    return refused != nullptr ? refused->fact : fact;
}

AccountFact StreamDirectory::account(LedgerId ledger, AccountId account) {
    const Key key{ledger, account.high(), account.low()};
    if (const auto known = remembered(accounts_, key)) return *known;
    const AccountFact fact = books_.account(ledger, account);
    // Only what is known is remembered: an unknown account may be opened at any time.
    if (fact.certainty == Certainty::certain) accounts_.insert(key, {fact, 0});
    return or_refused(fact, accounts_, key);
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
    return fact;
}

HoldFact StreamDirectory::find_hold(LedgerId ledger, CommandId hold) {
    const Key key{ledger, hold.high(), hold.low()};
    if (const auto known = remembered(holds_, key)) return *known;
    return or_refused(books_.hold(ledger, hold), holds_, key);
}

EntryFact StreamDirectory::find_entry(LedgerId ledger, CommandId entry) {
    const Key key{ledger, entry.high(), entry.low()};
    if (auto known = remembered(entries_, key)) return *std::move(known);
    return or_refused(books_.entry(ledger, entry), entries_, key);
}

std::optional<Asset> StreamDirectory::asset_of(LedgerId ledger, AccountId account) {
    const auto* known = accounts_.find({ledger, account.high(), account.low()});
    if (known == nullptr) return std::nullopt;
    return known->fact.asset;
}

EntryFact StreamDirectory::fact_of(LedgerId ledger, const Command& command) {
    EntryFact fact{.certainty = Certainty::likely, .postings = {}};
    const auto add = [&](AccountId account, Side side) {
        fact.postings.push_back({account, side, asset_of(ledger, account)});
    };
    if (const auto* transfer = std::get_if<Transfer>(&command.body)) {
        add(transfer->debit, Side::debit);
        add(transfer->credit, Side::credit);
        return fact;
    }
    if (const auto* entry = std::get_if<PostEntry>(&command.body)) {
        if (entry->postings.size() <= kPostingsRememberedMax) {
            for (const Posting& posting : entry->postings) {
                if (!posting.amount.is_zero()) add(posting.account, posting.side);
            }
            return fact;
        }
    }
    if (const auto* capture = std::get_if<CaptureHold>(&command.body)) {
        AccountId payee = capture->credit;
        const auto* hold = holds_.find({ledger, capture->hold.high(), capture->hold.low()});
        if (payee.is_zero() && hold != nullptr) payee = hold->fact.payee;
        if (!capture->account.is_zero() && !payee.is_zero()) {
            add(capture->account, Side::debit);
            add(payee, Side::credit);
            return fact;
        }
    }
    return {.certainty = Certainty::pending, .postings = {}};
}

void StreamDirectory::add_claim(What what, const Key& key) {
    ++in_flight_;
    // A line that was withdrawn, and is read again now.
    if (!lines_.empty() && lines_.back().line == line_ && lines_.back().settled) lines_.pop_back();
    if (lines_.empty() || lines_.back().line != line_) {
        VOUCH_ASSERT(lines_.empty() || lines_.back().line < line_);
        lines_.push_back({.line = line_, .settled = false, .claim = {what, key}, .more = {}});
    } else {
        lines_.back().more.push_back({what, key});
    }
}

template <class Fact>
void StreamDirectory::claim(Memory<Fact>& memory, What what, const Key& key, Fact fact) {
    MemoryEntry<Fact>* const known = memory.find(key);
    if (known == nullptr || known->fact.certainty == Certainty::refused) {
        memory.insert(key, {std::move(fact), line_});
        return add_claim(what, key);
    }
    // What is certain stays, and saying the same again says nothing new.
    if (!is_open_claim(known->fact.certainty) || says_the_same(known->fact, fact)) return;
    if (known->line != line_) add_claim(what, key);
    known->fact.certainty = Certainty::pending;
    known->line = line_;
}

void StreamDirectory::start_line(std::uint64_t line) {
    VOUCH_ASSERT(line >= line_);
    line_ = line;
    behind_.clear();
}

void StreamDirectory::learn(const Command& command) {
    const LedgerId ledger = command.ledger;
    const Key made{ledger, command.id.high(), command.id.low()};
    switch (kind_of(command.body).makes) {
        case Makes::account: {
            const auto& open = std::get<OpenAccount>(command.body);
            return claim(accounts_, What::account,
                         {ledger, open.account.high(), open.account.low()},
                         AccountFact{.certainty = Certainty::likely, .asset = open.asset});
        }
        case Makes::hold: {
            const auto& hold = std::get<PlaceHold>(command.body);
            return claim(holds_, What::hold, made,
                         HoldFact{.certainty = Certainty::likely,
                                  .payer = hold.debit,
                                  .payee = hold.credit,
                                  .asset = asset_of(ledger, hold.debit)});
        }
        case Makes::entry:
            return claim(entries_, What::entry, made, fact_of(ledger, command));
        case Makes::reversal:  // nothing can be about it
        case Makes::nothing:
            return;
    }
}

template <class Fact>
void StreamDirectory::end_claim(Memory<Fact>& memory, const Key& key, std::uint64_t line,
                                LineEnd end) {
    auto* known = memory.find(key);
    if (known == nullptr || known->line != line || !is_open_claim(known->fact.certainty)) return;
    // What was pending the books know from now on; what was withdrawn nobody does.
    if (known->fact.certainty == Certainty::pending || end == LineEnd::withdrawn)
        return memory.erase(key);
    known->fact.certainty = end == LineEnd::accepted ? Certainty::certain : Certainty::refused;
    forget_assets(known->fact);
}

void StreamDirectory::end_claim(const Claim& claim, std::uint64_t line, LineEnd end) {
    --in_flight_;
    switch (claim.what) {
        case What::account:
            return end_claim(accounts_, claim.key, line, end);
        case What::hold:
            return end_claim(holds_, claim.key, line, end);
        case What::entry:
            return end_claim(entries_, claim.key, line, end);
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
