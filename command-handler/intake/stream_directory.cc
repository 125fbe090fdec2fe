#include "command-handler/intake/stream_directory.h"

#include <algorithm>
#include <variant>

#include "events/check.h"

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
/// hold or entry may be the repeat of an earlier one: its accounts are certain then, their assets are
/// what those accounts really have.
void forget_assets(AccountFact&) {}
void forget_assets(HoldFact& fact) { fact.asset.reset(); }
void forget_assets(EntryFact& fact) {
    for (PostingFact& posting : fact.postings) posting.asset.reset();
}

bool is_open_claim(Certainty certainty) {
    return certainty == Certainty::likely || certainty == Certainty::pending;
}

}  // namespace

template <class Fact>
Fact StreamDirectory::seen_from_line(const MemoryEntry<Fact>& known) const {
    if (known.line != line_) return known.fact;
    // A group is done as a whole or not at all: what an earlier member says is true for a later one.
    // What that member does not spell out cannot be known, though, and waiting would not help.
    if (known.fact.certainty == Certainty::pending) return {};
    Fact fact = known.fact;
    fact.certainty = Certainty::certain;
    return fact;
}

AccountFact StreamDirectory::account(LedgerId ledger, AccountId account) {
    const Key key{ledger, account.high(), account.low()};
    if (const auto* known = accounts_.find(key)) return seen_from_line(*known);
    const AccountFact fact = books_.account(ledger, account);
    // Only what is known is remembered: an unknown account may be opened at any time.
    if (fact.certainty == Certainty::certain) accounts_.insert(key, {fact, 0});
    return fact;
}

HoldFact StreamDirectory::hold(LedgerId ledger, CommandId hold) {
    const Key key{ledger, hold.high(), hold.low()};
    if (const auto* known = holds_.find(key)) return seen_from_line(*known);
    return books_.hold(ledger, hold);
}

EntryFact StreamDirectory::entry(LedgerId ledger, CommandId entry) {
    const Key key{ledger, entry.high(), entry.low()};
    if (const auto* known = entries_.find(key)) return seen_from_line(*known);
    return books_.entry(ledger, entry);
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
            for (const Posting& posting : entry->postings) add(posting.account, posting.side);
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

template <class Fact>
void StreamDirectory::claim(Memory<Fact>& memory, What what, const Key& key, Fact fact) {
    const std::uint64_t line = line_;
    if (memory.find(key) != nullptr) return;
    memory.insert(key, {std::move(fact), line});
    ++in_flight_;
    // A line that was settled as not sent, and is read again now.
    if (!lines_.empty() && lines_.back().line == line && lines_.back().settled) lines_.pop_back();
    if (lines_.empty() || lines_.back().line != line) {
        VOUCH_ASSERT(lines_.empty() || lines_.back().line < line);
        lines_.push_back({.line = line, .settled = false, .claim = {what, key}, .more = {}});
    } else {
        lines_.back().more.push_back({what, key});
    }
}

void StreamDirectory::start_line(std::uint64_t line) {
    VOUCH_ASSERT(line >= line_);
    line_ = line;
}

void StreamDirectory::learn(const Command& command) {
    const LedgerId ledger = command.ledger;
    const Key made{ledger, command.id.high(), command.id.low()};
    if (const auto* open = std::get_if<OpenAccount>(&command.body)) {
        claim(accounts_, What::account, {ledger, open->account.high(), open->account.low()},
              AccountFact{.certainty = Certainty::likely, .asset = open->asset});
    } else if (const auto* hold = std::get_if<PlaceHold>(&command.body)) {
        claim(holds_, What::hold, made,
              HoldFact{.certainty = Certainty::likely,
                       .payer = hold->debit,
                       .payee = hold->credit,
                       .asset = asset_of(ledger, hold->debit)});
    } else if (std::holds_alternative<Transfer>(command.body) ||
               std::holds_alternative<PostEntry>(command.body) ||
               std::holds_alternative<CaptureHold>(command.body)) {
        claim(entries_, What::entry, made, fact_of(ledger, command));
    }
}

template <class Fact>
void StreamDirectory::settle_claim(Memory<Fact>& memory, const Key& key, std::uint64_t line, bool accepted) {
    auto* known = memory.find(key);
    if (known == nullptr || known->line != line || !is_open_claim(known->fact.certainty)) return;
    if (accepted && known->fact.certainty == Certainty::likely) {
        known->fact.certainty = Certainty::certain;
        forget_assets(known->fact);
    } else {
        // Refused, or settled and now to be asked of the books.
        memory.erase(key);
    }
}

void StreamDirectory::settle_claim(const Claim& claim, std::uint64_t line, bool accepted) {
    --in_flight_;
    switch (claim.what) {
        case What::account: return settle_claim(accounts_, claim.key, line, accepted);
        case What::hold: return settle_claim(holds_, claim.key, line, accepted);
        case What::entry: return settle_claim(entries_, claim.key, line, accepted);
    }
}

void StreamDirectory::settle(std::uint64_t line, bool accepted) {
    const auto found = std::lower_bound(lines_.begin(), lines_.end(), line,
                                        [](const Line& a, std::uint64_t b) { return a.line < b; });
    if (found == lines_.end() || found->line != line || found->settled) return;
    settle_claim(found->claim, line, accepted);
    for (const Claim& claim : found->more) settle_claim(claim, line, accepted);
    found->settled = true;
    while (!lines_.empty() && lines_.front().settled) lines_.pop_front();
}

}  // namespace vouch::command_handler
