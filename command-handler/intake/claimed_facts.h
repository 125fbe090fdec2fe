#pragma once

#include "command-handler/intake/directory.h"
#include "events/money/ids.h"
#include "events/money/keyed_hash.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vouch::command_handler {

/// What a fact is about: an account, hold or entry, by its id.
struct FactSubject {
    LedgerId ledger;
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend bool operator==(const FactSubject&, const FactSubject&) = default;
};

/// What becomes of a line, and so of what it has claimed.
enum class LineEnd : std::uint8_t { accepted, refused, withdrawn };

/// Facts of one kind, AccountFact, HoldFact or EntryFact: what lines claim before they have an
/// outcome, and what the books said. Forgets the oldest, a generation at a time.
template <class Fact>
class ClaimedFacts {
public:
    /// In each of two generations.
    static constexpr std::size_t kGenerationFacts = 131'072;

    /// What is believed without asking anybody; empty when the books are to be asked first.
    std::optional<Fact> believed(const FactSubject& key);
    /// What the books said, or, when they know of none, what a refused line did.
    Fact or_refused(Fact said, const FactSubject& key);

    /// The books are certain of it.
    void keep(const FactSubject& key, const Fact& fact) { insert(key, {fact, 0}); }
    /// The line says so. True: it has claimed something, for the first time, which is to be ended.
    bool claim(const FactSubject& key, Fact fact, std::uint64_t line);
    void end(const FactSubject& key, std::uint64_t line, LineEnd end);

private:
    struct Entry {
        Fact fact;
        std::uint64_t line = 0;  ///< the line that says so; 0: the books
    };
    struct KeyHash {
        std::size_t operator()(const FactSubject& key) const noexcept {
            return keyed_hash(HashKey::of_process(), key.ledger.value(), key.high, key.low);
        }
    };
    using Map = boost::unordered_flat_map<FactSubject, Entry, KeyHash>;

    Entry* entry(const FactSubject& key);
    void insert(const FactSubject& key, Entry entry);
    void erase(const FactSubject& key);

    Map newer_;
    Map older_;
};

}  // namespace vouch::command_handler
