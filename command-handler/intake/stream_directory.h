#pragma once

#include "command-handler/intake/directory.h"
#include "events/entries/command.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vouch::command_handler {

/// What a stream of commands itself tells of the accounts it opens and the holds and entries it
/// makes, before they have an outcome; and what the books answered about the others. So that a
/// capture may follow its hold in the next line without waiting for it.
///
/// A line's claims are `likely` until its outcome is known: then they are certain, or `refused` and
/// only good for what the books do not know better. So the same lines become the same commands
/// however fast outcomes come: a capture of a hold that is refused names the account either way.
/// What a line makes but does not spell out (the entry of a capture of an unknown hold, an entry of
/// many postings), and what two lines in flight say differently, is `pending` for later lines.
///
/// Where several shards decide, the lines' order needs every account that a line changes, also those
/// that it names only by a hold or entry: then these are looked up even where the line says all that
/// its command needs, and `behind` gives their accounts.
///
/// Memory is bounded: two generations of kGenerationFacts each, the older one dropped when the
/// newer is full. What is in flight is never dropped as long as the caller has at most
/// kFactsInFlightMax claims without outcome. One thread; the books' directory outlives it.
class StreamDirectory final : public Directory {
public:
    static constexpr std::size_t kFactsInFlightMax = 65'536;
    static constexpr std::size_t kGenerationFacts = 2 * kFactsInFlightMax;
    /// Longer entries are not remembered posting by posting.
    static constexpr std::size_t kPostingsRememberedMax = 8;

    StreamDirectory(Directory& books, std::uint32_t shard_count)
        : books_(books), shard_count_(shard_count) {}

    AccountFact account(LedgerId ledger, AccountId account) override;
    HoldFact hold(LedgerId ledger, CommandId hold) override;
    EntryFact entry(LedgerId ledger, CommandId entry) override;
    std::optional<KnownCommand> seen(const Command& command,
                                     std::optional<ShardId> decides) override {
        return books_.seen(command, decides);
    }
    std::optional<StoppedShard> stop_before(const Command& command, ShardId decides,
                                            std::span<const AccountId> behind) override {
        return books_.stop_before(command, decides, behind);
    }
    bool may_have_seen(LedgerId ledger, CommandId id) override {
        return books_.may_have_seen(ledger, id);
    }
    const std::optional<StoppedShard>& unknown() const override { return books_.unknown(); }
    void forget_unknown() override { books_.forget_unknown(); }

    /// The line that questions and claims are of from now on. Numbers count from 1 and never go
    /// down; a line that was withdrawn may start again.
    void start_line(std::uint64_t line);
    /// True when holds and entries are to be looked up for the order of lines alone.
    bool orders_lines() const { return shard_count_ > 1; }
    /// The accounts of the holds and entries that the line asked for so far.
    std::span<const AccountId> behind() const { return behind_; }
    /// The line is about to be sent with this command, or with a group that has it as a member.
    void learn(const Command& command);
    /// The line has its outcome. Lines that taught nothing need not be told.
    void settle(std::uint64_t line, bool accepted) {
        end_line(line, accepted ? LineEnd::accepted : LineEnd::refused);
    }
    /// The line is not sent: it has said nothing.
    void withdraw(std::uint64_t line) { end_line(line, LineEnd::withdrawn); }

    /// Claims without outcome.
    std::size_t facts_in_flight() const { return in_flight_; }

private:
    struct Key {
        LedgerId ledger;
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return keyed_hash(HashKey::of_process(), key.ledger.value(), key.high, key.low);
        }
    };

    template <class Fact>
    struct MemoryEntry {
        Fact fact;
        std::uint64_t line = 0;  ///< the line that says so; 0: the books
    };
    /// A map that forgets its oldest entries, a generation at a time.
    template <class Fact>
    class Memory {
    public:
        MemoryEntry<Fact>* find(const Key& key);
        void insert(const Key& key, MemoryEntry<Fact> entry);
        void erase(const Key& key);

    private:
        using Map = boost::unordered_flat_map<Key, MemoryEntry<Fact>, KeyHash>;
        Map newer_;
        Map older_;
    };

    enum class What : std::uint8_t { account, hold, entry };
    enum class LineEnd : std::uint8_t { accepted, refused, withdrawn };
    struct Claim {
        What what = What::account;
        Key key;
    };
    struct Line {
        std::uint64_t line = 0;
        bool settled = false;
        Claim claim;
        std::vector<Claim> more;  ///< of a group's further members
    };

    template <class Fact>
    Fact seen_from_line(const MemoryEntry<Fact>& known) const;
    /// What memory says without asking anybody; empty when the books are to be asked first.
    template <class Fact>
    std::optional<Fact> remembered(Memory<Fact>& memory, const Key& key) const;
    /// What the books said, or else what a refused line did.
    template <class Fact>
    static Fact or_refused(Fact fact, Memory<Fact>& memory, const Key& key);
    void add_claim(What what, const Key& key);
    template <class Fact>
    void claim(Memory<Fact>& memory, What what, const Key& key, Fact fact);
    template <class Fact>
    static void end_claim(Memory<Fact>& memory, const Key& key, std::uint64_t line, LineEnd end);
    void end_claim(const Claim& claim, std::uint64_t line, LineEnd end);
    void end_line(std::uint64_t line, LineEnd end);
    std::optional<Asset> asset_of(LedgerId ledger, AccountId account);
    EntryFact fact_of(LedgerId ledger, const Command& command);
    HoldFact find_hold(LedgerId ledger, CommandId hold);
    EntryFact find_entry(LedgerId ledger, CommandId entry);

    Directory& books_;
    std::uint32_t shard_count_;
    std::vector<AccountId> behind_;
    Memory<AccountFact> accounts_;
    Memory<HoldFact> holds_;
    Memory<EntryFact> entries_;
    std::deque<Line> lines_;  ///< ascending; those not settled, and settled ones between them
    std::size_t in_flight_ = 0;
    std::uint64_t line_ = 0;
};

}  // namespace vouch::command_handler
