#include "command-handler/shard/shard_facts.h"

#include "events/part_of.h"

#include <string>
#include <variant>

namespace vouch::command_handler {
namespace {

PastCommand in_transit(const CommandInTransit& event, const Locator& locator) {
    PastCommand past{
        .event = {}, .record = locator.record, .number = locator.event, .member = std::nullopt};
    past.event.command = event.command;
    past.event.changes = event.changes;
    past.event.hold = event.hold;
    past.event.entry = event.entry;
    past.event.moved = event.moved;
    past.in_transit = true;
    return past;
}

/// What an event made of a hold that is led here. One that is followed is no fact of this shard.
std::optional<HoldState> led_hold_of(const Event& event) {
    if (std::holds_alternative<StepFollowed>(event)) return std::nullopt;
    return part_of(event, std::optional<HoldState>(),
                   [](const auto& e) -> decltype(e.hold) { return e.hold; });
}

std::optional<EntryState> entry_state_of(const Event& event) {
    return part_of(event, std::optional<EntryState>(),
                   [](const auto& e) -> decltype(e.entry) { return e.entry; });
}

}  // namespace

std::optional<Locator> ShardFacts::locate(const FactKey& key) {
    const Result<std::optional<Locator>> found = index_.find(key);
    if (found) return *found;
    fault_ = found.error();
    return std::nullopt;
}

std::optional<Event> ShardFacts::read(const Locator& locator) {
    Result<Event> event = events_.read(locator, arena_);
    if (event) return *event;
    fault_ = event.error();
    return std::nullopt;
}

// What is read back is verified, but where it stands was told by the shard store: that it is about
// what was asked is looked at as well.
std::nullopt_t ShardFacts::not_in(const Locator& locator, const char* what) {
    fault_ = Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + " record " +
                                           std::to_string(locator.record.value()) +
                                           ": expected " + what + " in event " +
                                           std::to_string(locator.event.value())};
    return std::nullopt;
}

std::optional<PastCommand> ShardFacts::find_command(LedgerId ledger, CommandId id) {
    const std::optional<Locator> locator = locate({FactKind::command, ledger, id});
    if (!locator) return std::nullopt;
    std::optional<Event> event = read(*locator);
    if (!event) return std::nullopt;
    if (const auto* transit = std::get_if<CommandInTransit>(&*event);
        transit && transit->command.id == id && transit->command.ledger == ledger) {
        return crossed(*transit, *locator);
    }
    const auto* decided = std::get_if<CommandDecided>(&*event);
    if (!decided || decided->command.ledger != ledger)
        return not_in(*locator, "the command's outcome");
    PastCommand past{.event = *decided,
                     .record = locator->record,
                     .number = locator->event,
                     .member = std::nullopt};
    if (past.event.command.id == id) return past;
    const Group* group = std::get_if<Group>(&past.event.command.body);
    for (std::size_t i = 0; group && i < group->members.size(); ++i) {
        if (group->members[i].id != id) continue;
        past.member = i;
        return past;
    }
    return not_in(*locator, "the command's outcome");
}

/// A command that was sent to another shard, with its outcome when it has one.
std::optional<PastCommand> ShardFacts::crossed(const CommandInTransit& sent,
                                               const Locator& locator) {
    const FactKey key{FactKind::answered, sent.command.ledger, sent.command.id};
    const std::optional<Locator> outcome = locate(key);
    if (fault_) return std::nullopt;
    if (!outcome) return in_transit(sent, locator);
    const std::optional<Event> event = read(*outcome);
    if (!event) return std::nullopt;
    const auto* answered = std::get_if<CommandAnswered>(&*event);
    if (!answered || answered->ledger != key.ledger || answered->id != key.id ||
        answered->first_event != locator.event)
        return not_in(*outcome, "the outcome of a command that crossed");
    PastCommand past{.event = {},
                     .record = outcome->record,
                     .number = outcome->event,
                     .member = std::nullopt,
                     .answered = answered->by};
    past.event.command = sent.command;
    past.event.outcome = answered->outcome;
    past.event.changes = answered->changes;
    past.event.hold = answered->hold;
    past.event.entry = answered->entry;
    past.event.facts = answered->facts;
    past.event.moved = answered->moved;
    return past;
}

std::optional<HoldState> ShardFacts::find_closed_hold(LedgerId ledger, CommandId hold) {
    const std::optional<Locator> locator = locate({FactKind::closed_hold, ledger, hold});
    if (!locator) return std::nullopt;
    const std::optional<Event> event = read(*locator);
    if (!event) return std::nullopt;
    const std::optional<HoldState> found = led_hold_of(*event);
    if (!found || found->id != hold) return not_in(*locator, "the hold's end");
    return found;
}

std::optional<EntryState> ShardFacts::read_entry_state(CommandId entry, const Locator& locator) {
    const std::optional<Event> event = read(locator);
    if (!event) return std::nullopt;
    const std::optional<EntryState> found = entry_state_of(*event);
    if (!found || found->id != entry) return not_in(locator, "the entry's state");
    return found;
}

std::optional<EntryState> ShardFacts::find_entry_state(const EntryKey& entry) {
    const std::optional<Locator> locator = locate(entry_state_key(entry));
    return locator ? read_entry_state(entry.id, *locator) : std::nullopt;
}

Amount ShardFacts::find_refunded(const EntryKey& entry, std::uint32_t posting) {
    const std::optional<Locator> locator = locate(refunded_key(entry, posting));
    if (!locator) return {};
    const std::optional<EntryState> state = read_entry_state(entry.id, *locator);
    if (!state) return {};
    for (const Refunded& each : state->refunded) {
        if (each.posting == posting) return each.amount;
    }
    not_in(*locator, "the posting's refunded sum");
    return {};
}

std::optional<StepFollowed> ShardFacts::find_followed_entry(LedgerId ledger, CommandId entry) {
    const std::optional<Locator> locator = locate({FactKind::followed_entry, ledger, entry});
    if (!locator) return std::nullopt;
    const std::optional<Event> event = read(*locator);
    if (!event) return std::nullopt;
    const auto* followed = std::get_if<StepFollowed>(&*event);
    if (!followed || followed->step.command != entry) return not_in(*locator, "the followed entry");
    return *followed;
}

void ShardFacts::add_any(const Event& event, const Locator& locator,
                         std::vector<AddedFact>& added) {
    listed_.clear();
    list_facts_of_any(event, listed_);
    add_listed(locator, added);
}

void ShardFacts::add_listed(const Locator& locator, std::vector<AddedFact>& added) {
    for (const EventFact& fact : listed_) {
        if (fact.replaces || !locate(fact.key)) index_.put(fact.key, locator, added.emplace_back());
    }
}

}  // namespace vouch::command_handler
