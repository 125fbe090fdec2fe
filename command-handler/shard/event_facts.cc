#include "command-handler/shard/event_facts.h"

#include "events/entries/step_parts.h"

#include <optional>
#include <type_traits>
#include <variant>

namespace vouch::command_handler {
namespace {

std::uint16_t leader_of(const EntryKey& entry) {
    return entry.leader ? static_cast<std::uint16_t>(entry.leader->value() + 1) : std::uint16_t{0};
}

void list_closed(LedgerId ledger, const std::optional<HoldState>& hold,
                 std::vector<EventFact>& facts) {
    if (hold && hold->status != HoldStatus::open)
        facts.push_back({{FactKind::closed_hold, ledger, hold->id}});
}

void list_entry(const EntryKey& key, const EntryState& entry, std::vector<EventFact>& facts) {
    facts.push_back({entry_state_key(key)});
    for (const Refunded& each : entry.refunded) facts.push_back({refunded_key(key, each.posting)});
}

}  // namespace

FactKey entry_state_key(const EntryKey& entry) {
    return {FactKind::entry_state, entry.ledger, entry.id, 0, leader_of(entry)};
}

FactKey refunded_key(const EntryKey& entry, std::uint32_t posting) {
    return {FactKind::refunded, entry.ledger, entry.id, posting, leader_of(entry)};
}

void list_facts(const CommandDecided& event, std::vector<EventFact>& facts) {
    const LedgerId ledger = event.command.ledger;
    facts.push_back({{FactKind::command, ledger, event.command.id}});
    list_closed(ledger, event.hold, facts);
    if (event.entry) list_entry({ledger, event.entry->id}, *event.entry, facts);
    if (event.members.empty() || is_accepted(event.outcome)) return;
    // The members of a failed group have had their outcome, unless they had one before.
    for (const Command& member : std::get<Group>(event.command.body).members)
        facts.push_back({{FactKind::command, ledger, member.id}, false});
}

void list_facts(const CommandInTransit& event, std::vector<EventFact>& facts) {
    const LedgerId ledger = event.command.ledger;
    facts.push_back({{FactKind::command, ledger, event.command.id}});
    list_closed(ledger, event.hold, facts);
    // What is undone across shards came from the one that it is given back to.
    if (event.entry) list_entry({ledger, event.entry->id, event.to}, *event.entry, facts);
}

// Where the command itself stands is known already, and stays so.
void list_facts(const CommandAnswered& event, std::vector<EventFact>& facts) {
    facts.push_back({{FactKind::answered, event.ledger, event.id}});
    list_closed(event.ledger, event.hold, facts);
    if (event.entry)
        list_entry({event.ledger, event.entry->id, event.by.shard}, *event.entry, facts);
}

void list_facts(const StepFollowed& event, std::vector<EventFact>& facts) {
    if (is_accepted(event.outcome) && makes_entry(event.step.kind))
        facts.push_back({{FactKind::followed_entry, event.step.ledger, event.step.command}});
}

void list_facts(const HoldExpired& event, std::vector<EventFact>& facts) {
    facts.push_back({{FactKind::closed_hold, event.ledger, event.hold.id}});
}

void list_facts_of_any(const Event& event, std::vector<EventFact>& facts) {
    using namespace event_parts;
    std::visit(
        [&]<class E>(const E& e) {
            constexpr std::uint64_t kParts = kEventKind<E>.required | kEventKind<E>.optional;
            constexpr bool tells_facts = (kParts & (kOutcome | kHold | kEntry)) != 0;
            if constexpr (tells_facts || std::is_same_v<E, CommandDecided>) list_facts(e, facts);
        },
        event);
}

}  // namespace vouch::command_handler
