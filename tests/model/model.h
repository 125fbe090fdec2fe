#pragma once

#include "events/entries/event.h"
#include "tests/model/books.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::model {

struct EntryAfter {
    CommandId id;
    bool reversed = false;
    std::vector<Refunded> refunded;
    friend bool operator==(const EntryAfter&, const EntryAfter&) = default;
};

/// An event that the rules demand, without its place in the log. Real events are brought into this
/// form to be compared (tests/support/event_effects.h).
struct Effect {
    enum class Kind { decided, conflict, expired };
    Kind kind = Kind::decided;
    LedgerId ledger;
    CommandId id;         ///< the command's; of an expiry the hold's
    std::string content;  ///< content_of the command; empty for an expiry
    Outcome outcome = Outcome::malformed;
    std::vector<Change> changes;
    std::optional<HoldState> hold;
    std::optional<EntryAfter> entry;
    Facts facts;
    CommandId group;
    std::optional<Amount> moved;
    std::vector<MemberOutcome> members;

    friend bool operator==(const Effect&, const Effect&) = default;
};

/// What a caller is told, and what the log says of it.
struct Verdict {
    Outcome outcome = Outcome::malformed;
    bool repeated = false;
    Facts facts;
    std::optional<Amount> moved;
    std::vector<MemberOutcome> members;
    std::vector<Effect> effects;  ///< in order; empty for a repeat
};

/// docs/rules.md as the plainest code that says the same: the second opinion that the decision core
/// is held against. Integers without bound, maps in order, whole copies instead of undoing; it
/// shares the language of events/money and events/entries with the core and nothing else.
///
/// One shard of `shards`. What must hold before decide is the codec's to check: a command is well
/// formed. One thread.
class Model {
public:
    explicit Model(std::uint32_t shards = 1, ShardId shard = ShardId(0))
        : shards_(shards), shard_(shard) {}
    /// One shard alone that goes on from these books.
    Model(Books books, Timestamp time) : time_(time), books_(std::move(books)) {}

    /// Sums may leave the range of an Amount from now on, and nothing is refused for that.
    void lift_range() { has_range_ = false; }

    /// Begins a record at `time`, not earlier than the one before: holds due by then expire.
    std::vector<Effect> begin_record(Timestamp time);

    /// Decides one command in the record begun last.
    Verdict decide(const Command& command);

    const Books& books() const { return books_; }
    Timestamp time() const { return time_; }

private:
    Verdict decide_new(const Command& command, CommandId group);
    Verdict decide_group(const Command& command, const Group& group);
    bool is_here(AccountId account) const;

    std::uint32_t shards_ = 1;
    ShardId shard_;
    Timestamp time_;
    Books books_;
    bool has_range_ = true;

    friend class Case;
};

/// One line for people: everything in `effect`.
std::string render(const Effect& effect);
std::string render(const Facts& facts);

}  // namespace vouch::model
