#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/shard/event_facts.h"
#include "command-handler/shard/fact_index.h"
#include "command-handler/shard/past_events.h"
#include "events/entries/arena.h"
#include "events/result.h"

#include <optional>
#include <vector>

namespace vouch::command_handler {

/// What a shard knows of the past beyond its state: looks up where a fact's event stands, and reads
/// it there. The shard's thread.
class ShardFacts final : public FactSource {
public:
    /// Both outlive it.
    ShardFacts(ShardId shard, FactIndex& index, PastEvents& events)
        : shard_(shard), index_(index), events_(events) {}

    // --- FactSource. A fault of log or store is kept in `fault`; the answer is then not to be
    // used.
    std::optional<PastCommand> find_command(LedgerId ledger, CommandId id) override;
    std::optional<HoldState> find_closed_hold(LedgerId ledger, CommandId hold) override;
    std::optional<EntryState> find_entry_state(const EntryKey& entry) override;
    Amount find_refunded(const EntryKey& entry, std::uint32_t posting) override;
    std::optional<StepFollowed> find_followed_entry(LedgerId ledger, CommandId entry) override;
    /// Answers given so far are no longer needed.
    void forget_answers() override { arena_.clear(); }

    /// The first fault met while answering; the shard must stop.
    const std::optional<Fault>& fault() const { return fault_; }
    bool has_failed() const override { return fault_.has_value(); }

    /// Adds what an event at `locator` makes known to its record's facts.
    template <class Known>
    void add(const Known& event, const Locator& locator, std::vector<AddedFact>& added) {
        listed_.clear();
        list_facts(event, listed_);
        add_listed(locator, added);
    }
    void add_any(const Event& event, const Locator& locator, std::vector<AddedFact>& added);

private:
    void add_listed(const Locator& locator, std::vector<AddedFact>& added);
    std::optional<Locator> locate(const FactKey& key);
    std::optional<Event> read(const Locator& locator);
    std::optional<EntryState> read_entry_state(CommandId entry, const Locator& locator);
    std::optional<PastCommand> crossed(const CommandInTransit& sent, const Locator& locator);
    /// A fault: the event is not what the locator was made for.
    std::nullopt_t not_in(const Locator& locator, const char* what);

    ShardId shard_;
    FactIndex& index_;
    PastEvents& events_;
    std::vector<EventFact> listed_;  // of the event being added
    Arena arena_;
    std::optional<Fault> fault_;
};

}  // namespace vouch::command_handler
