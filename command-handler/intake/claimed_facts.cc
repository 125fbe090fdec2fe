#include "command-handler/intake/claimed_facts.h"

#include <algorithm>
#include <utility>

namespace vouch::command_handler {

namespace {

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
typename ClaimedFacts<Fact>::Entry* ClaimedFacts<Fact>::entry(const FactSubject& key) {
    if (const auto it = newer_.find(key); it != newer_.end()) return &it->second;
    if (const auto it = older_.find(key); it != older_.end()) return &it->second;
    return nullptr;
}

template <class Fact>
void ClaimedFacts<Fact>::insert(const FactSubject& key, Entry entry) {
    if (newer_.size() >= kGenerationFacts) {
        std::swap(newer_, older_);
        newer_.clear();
    }
    newer_.insert_or_assign(key, std::move(entry));
}

template <class Fact>
void ClaimedFacts<Fact>::erase(const FactSubject& key) {
    newer_.erase(key);
    older_.erase(key);
}

template <class Fact>
std::optional<Fact> ClaimedFacts<Fact>::believed(const FactSubject& key) {
    const Entry* const known = entry(key);
    if (known == nullptr || known->fact.certainty == Certainty::refused) return std::nullopt;
    return known->fact;
}

template <class Fact>
Fact ClaimedFacts<Fact>::or_refused(Fact said, const FactSubject& key) {
    if (said.certainty != Certainty::unknown) return said;
    const Entry* const refused = entry(key);
    return refused != nullptr ? refused->fact : said;
}

template <class Fact>
bool ClaimedFacts<Fact>::claim(const FactSubject& key, Fact fact, std::uint64_t line) {
    Entry* const known = entry(key);
    if (known == nullptr || known->fact.certainty == Certainty::refused) {
        insert(key, {std::move(fact), line});
        return true;
    }
    // What is certain stays, and saying the same again says nothing new.
    if (!is_open_claim(known->fact.certainty) || says_the_same(known->fact, fact)) return false;
    known->fact.certainty = Certainty::pending;
    return std::exchange(known->line, line) != line;
}

template <class Fact>
void ClaimedFacts<Fact>::end(const FactSubject& key, std::uint64_t line, LineEnd end) {
    Entry* const known = entry(key);
    if (known == nullptr || known->line != line || !is_open_claim(known->fact.certainty)) return;
    // What was pending the books know from now on; what was withdrawn nobody does.
    if (known->fact.certainty == Certainty::pending || end == LineEnd::withdrawn) return erase(key);
    known->fact.certainty = end == LineEnd::accepted ? Certainty::certain : Certainty::refused;
}

template class ClaimedFacts<AccountFact>;
template class ClaimedFacts<HoldFact>;
template class ClaimedFacts<EntryFact>;

}  // namespace vouch::command_handler
