#include "tests/support/written_events.h"

#include "events/check.h"
#include "events/entries/codec.h"

#include <variant>

namespace vouch::test {

namespace {

using command_handler::PastCommand;

/// A failed group holds its members' outcomes; those of an accepted one have events of their own.
std::optional<std::size_t> failed_member(const CommandDecided& decided, CommandId id) {
    const auto* group = std::get_if<Group>(&decided.command.body);
    if (group == nullptr || is_accepted(decided.outcome)) return std::nullopt;
    for (std::size_t i = 0; i < group->members.size(); ++i) {
        if (group->members[i].id == id) return i;
    }
    return std::nullopt;
}

CommandDecided without_outcome(const CommandInTransit& event) {
    CommandDecided decided;
    decided.command = event.command;
    decided.changes = event.changes;
    decided.hold = event.hold;
    decided.entry = event.entry;
    decided.moved = event.moved;
    return decided;
}

CommandDecided with_command(const CommandAnswered& event, const Command& command) {
    CommandDecided decided;
    decided.command = command;
    decided.outcome = event.outcome;
    decided.changes = event.changes;
    decided.hold = event.hold;
    decided.entry = event.entry;
    decided.facts = event.facts;
    decided.moved = event.moved;
    return decided;
}

bool makes_entry(const StepFollowed& event) {
    if (!is_accepted(event.outcome)) return false;
    const auto* credit = std::get_if<CreditStep>(&event.step.kind);
    return credit != nullptr ? credit->makes_entry
                             : std::holds_alternative<CaptureStep>(event.step.kind);
}

}  // namespace

void WrittenEvents::write(const Event& event) {
    std::vector<std::byte> batch(encoded_event_max(event));
    batch.resize(static_cast<std::size_t>(append_event(event, batch.data()) - batch.data()));
    total_ += batch.size();
    ends_.push_back(total_);
    EventReader reader(batch);
    const auto bytes = reader.next();
    VOUCH_ASSERT(bytes.has_value() && bytes->has_value());
    bytes_.emplace_back((*bytes)->begin(), (*bytes)->end());
    Result<Event> read = decode_event(bytes_.back(), arena_);
    VOUCH_ASSERT(read.has_value());
    events_.push_back(*read);
}

void WrittenEvents::undo_to(std::uint64_t position) {
    bytes_.resize(position);
    events_.resize(position);
    ends_.resize(position);
    total_ = ends_.empty() ? 0 : ends_.back();
}

void WrittenEvents::send(ShardId to, const Step& step) {
    SentStep sent{shard_, record_, {}};
    append_to_steps(step, sent.bytes);
    steps_[{shard_, to}].push_back(std::move(sent));
}

// The outcome of a command that crossed stands behind its first event.
std::optional<PastCommand> WrittenEvents::find_command(LedgerId ledger, CommandId id) {
    std::optional<PastCommand> found;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const EventNumber number(i);
        const Event& event = events_[i];
        if (const auto* in_transit = std::get_if<CommandInTransit>(&event)) {
            const Command& command = in_transit->command;
            if (command.ledger != ledger || command.id != id) continue;
            found = PastCommand{without_outcome(*in_transit), record_, number, std::nullopt, true};
            continue;
        }
        if (const auto* answered = std::get_if<CommandAnswered>(&event)) {
            if (answered->ledger != ledger || answered->id != id) continue;
            VOUCH_ASSERT(found && found->number == answered->first_event);
            return PastCommand{with_command(*answered, found->event.command), record_, number,
                               std::nullopt, false, answered->by};
        }
        const auto* decided = std::get_if<CommandDecided>(&event);
        if (decided == nullptr || decided->command.ledger != ledger) continue;
        const std::optional<std::size_t> member = failed_member(*decided, id);
        if (decided->command.id != id && !member) continue;
        if (decided->command.id == id) {
            return PastCommand{*decided, record_, number, std::nullopt};
        }
        if (!found) return PastCommand{*decided, record_, number, member};
    }
    return found;
}

std::optional<HoldState> WrittenEvents::find_closed_hold(LedgerId ledger, CommandId hold) {
    std::optional<HoldState> last;
    const auto see = [&](LedgerId its, const std::optional<HoldState>& state) {
        if (its == ledger && state && state->id == hold) last = state;
    };
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const Event& event = events_[i];
        if (const auto* decided = std::get_if<CommandDecided>(&event)) {
            see(decided->command.ledger, decided->hold);
        } else if (const auto* in_transit = std::get_if<CommandInTransit>(&event)) {
            see(in_transit->command.ledger, in_transit->hold);
        } else if (const auto* answered = std::get_if<CommandAnswered>(&event)) {
            see(answered->ledger, answered->hold);
        } else if (const auto* expired = std::get_if<HoldExpired>(&event)) {
            see(expired->ledger, expired->hold);
        }
    }
    if (last && last->status == HoldStatus::open) last.reset();
    return last;
}

void WrittenEvents::for_each_state(const command_handler::EntryKey& entry,
                                   const std::function<void(const EntryState&)>& see) {
    const auto look = [&](LedgerId its, const std::optional<EntryState>& state,
                          std::optional<ShardId> leader) {
        if (its == entry.ledger && state && state->id == entry.id && leader == entry.leader)
            see(*state);
    };
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const Event& event = events_[i];
        if (const auto* decided = std::get_if<CommandDecided>(&event)) {
            look(decided->command.ledger, decided->entry, std::nullopt);
        } else if (const auto* in_transit = std::get_if<CommandInTransit>(&event)) {
            look(in_transit->command.ledger, in_transit->entry, in_transit->to);
        } else if (const auto* answered = std::get_if<CommandAnswered>(&event)) {
            look(answered->ledger, answered->entry, answered->by.shard);
        }
    }
}

std::optional<EntryState> WrittenEvents::find_entry_state(
    const command_handler::EntryKey& entry) {
    std::optional<EntryState> last;
    for_each_state(entry, [&](const EntryState& state) { last = state; });
    return last;
}

Amount WrittenEvents::find_refunded(const command_handler::EntryKey& entry,
                                    std::uint32_t posting) {
    Amount sum;
    for_each_state(entry, [&](const EntryState& state) {
        for (const Refunded& each : state.refunded) {
            if (each.posting == posting) sum = each.amount;
        }
    });
    return sum;
}

std::optional<StepFollowed> WrittenEvents::find_followed_entry(LedgerId ledger, CommandId entry) {
    for (std::size_t i = events_.size(); i > 0; --i) {
        const Event& event = events_[i - 1];
        const auto* followed = std::get_if<StepFollowed>(&event);
        if (followed == nullptr || followed->step.ledger != ledger) continue;
        if (followed->step.command == entry && makes_entry(*followed)) return *followed;
    }
    return std::nullopt;
}

}  // namespace vouch::test
