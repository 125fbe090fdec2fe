#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/shard/locator.h"
#include "events/entries/event.h"

#include <cstdint>
#include <vector>

namespace vouch::command_handler {

/// A fact that an event makes known.
struct EventFact {
    FactKey key;
    /// It replaces what was known before; else it is made known only where nothing was.
    bool replaces = true;
};

/// The mark and the sums of an entry that can be undone here.
FactKey entry_state_key(const EntryKey& entry);
FactKey refunded_key(const EntryKey& entry, std::uint32_t posting);

/// Appends what an event makes known. Kinds that are not here make nothing.
void list_facts(const CommandDecided& event, std::vector<EventFact>& facts);
void list_facts(const CommandInTransit& event, std::vector<EventFact>& facts);
void list_facts(const CommandAnswered& event, std::vector<EventFact>& facts);
void list_facts(const StepFollowed& event, std::vector<EventFact>& facts);
void list_facts(const HoldExpired& event, std::vector<EventFact>& facts);
/// Of any event.
void list_facts_of_any(const Event& event, std::vector<EventFact>& facts);

}  // namespace vouch::command_handler
