#pragma once

#include "command-handler/intake/claimed_facts.h"
#include "command-handler/intake/directory.h"
#include "command-handler/intake/routing.h"
#include "events/entries/command.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace vouch::command_handler {

/// What a stream of commands itself tells of the accounts it opens and the holds and entries it
/// makes, before they have an outcome; and what the books answered about the others. So that a
/// capture may follow its hold in the next line without waiting for it.
///
/// A line's claims are `likely` until its outcome is known: then they are certain, or `refused` and
/// only good for what the books do not know better. So the same lines become the same commands
/// however fast outcomes come: a capture of a hold that is refused names the account either way.
/// (Not so where a line would open an account that is open already with another asset: what goes by
/// that line while it is in flight is refused with it.)
/// What a line makes but does not spell out (the entry of a capture of an unknown hold, an entry of
/// many postings), and what two lines in flight say differently, is `pending` for later lines.
///
/// A line's later members go by what its earlier ones say, whatever is known besides: a group is
/// done as a whole or not at all. So it is read alike whenever it is sent, and told as it was read
/// (projector/queries/asked_command.h). Other lines know nothing of it before it is sent.
///
/// Where several shards decide, the lines' order needs every account that a line changes, also
/// those that it names only by a hold or entry: then these are looked up even where the line says
/// all that its command needs, and `behind` gives their accounts.
///
/// Memory is bounded: two generations of kGenerationFacts each, the older one dropped when the
/// newer is full. What is in flight is never dropped as long as the caller has at most
/// kFactsInFlightMax claims without outcome. One thread; the books' directory outlives it.
class StreamDirectory {
public:
    static constexpr std::size_t kFactsInFlightMax = 65'536;
    static constexpr std::size_t kGenerationFacts = ClaimedFacts<AccountFact>::kGenerationFacts;
    static_assert(kGenerationFacts >= 2 * kFactsInFlightMax);
    /// Longer entries are not remembered posting by posting.
    static constexpr std::size_t kPostingsRememberedMax = 8;

    StreamDirectory(Directory& books, std::uint32_t shard_count)
        : books_(books), shard_count_(shard_count) {}

    /// As Directory's.
    AccountFact account(LedgerId ledger, AccountId account);
    HoldFact hold(LedgerId ledger, CommandId hold);
    EntryFact entry(LedgerId ledger, CommandId entry);

    /// What the books say, whatever lines claim.
    bool has_account(LedgerId ledger, AccountId account) {
        return books_.account(ledger, account).certainty == Certainty::certain;
    }
    bool has_command(const Command& command) {
        return books_.seen(command, std::nullopt).has_value();
    }

    /// The line that questions and claims are of from now on. Numbers count from 1 and never go
    /// down; a line that was not sent may start again.
    void start_line(std::uint64_t line);
    /// True when holds and entries are to be looked up for the order of lines alone.
    bool orders_lines() const { return shard_count_ > 1; }
    /// The accounts of the holds and entries that the line asked for so far.
    std::span<const AccountId> behind() const { return behind_; }
    /// The entries that it asked for and that are known.
    std::span<const EntrySize> entries() const { return sizes_; }
    /// The line is this command, or a group that has it as a member, and goes on behind it.
    void learn(const Command& command);
    /// The line is sent: what it said counts for others from now on.
    void claim();
    /// The line has its outcome. Lines that taught nothing need not be told.
    void settle(std::uint64_t line, bool accepted) {
        end_line(line, accepted ? LineEnd::accepted : LineEnd::refused);
    }
    /// The line has no outcome, and none is waited for: it has said nothing.
    void withdraw(std::uint64_t line) { end_line(line, LineEnd::withdrawn); }

    /// Claims without outcome.
    std::size_t facts_in_flight() const { return in_flight_; }

private:
    enum class What : std::uint8_t { account, hold, entry };
    struct Claim {
        What what = What::account;
        FactSubject key;
    };
    /// What a member of the line that is being read says.
    struct Own {
        FactSubject key;
        std::variant<AccountFact, HoldFact, EntryFact> fact;
    };
    struct Line {
        std::uint64_t line = 0;
        bool settled = false;
        Claim claim;
        std::vector<Claim> more;  ///< of a group's further members
    };

    void add_claim(What what, const FactSubject& key);
    void end_claim(const Claim& claim, std::uint64_t line, LineEnd end);
    void end_line(std::uint64_t line, LineEnd end);
    /// The first of the line's own; null when it has none.
    template <class Fact>
    const Fact* own(const FactSubject& key) const;
    EntryFact fact_of(LedgerId ledger, const Command& command);
    HoldFact find_hold(LedgerId ledger, CommandId hold);
    EntryFact find_entry(LedgerId ledger, CommandId entry);

    Directory& books_;
    std::uint32_t shard_count_;
    std::vector<Own> own_;  ///< until the line is sent
    std::vector<AccountId> behind_;
    std::vector<EntrySize> sizes_;
    ClaimedFacts<AccountFact> accounts_;
    ClaimedFacts<HoldFact> holds_;
    ClaimedFacts<EntryFact> entries_;
    std::deque<Line> lines_;  ///< ascending; those not settled, and settled ones between them
    std::size_t in_flight_ = 0;
    std::uint64_t line_ = 0;
};

}  // namespace vouch::command_handler
