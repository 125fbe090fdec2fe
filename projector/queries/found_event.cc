#include "projector/queries/found_event.h"

#include "events/entries/codec.h"
#include "projector/queries/shard_reader.h"

#include <utility>
#include <variant>

namespace vouch::projector {

const Command* FoundEvent::command() const {
    if (const auto* decided = std::get_if<CommandDecided>(&event_)) return &decided->command;
    const CommandInTransit* first = sent();
    return first == nullptr ? nullptr : &first->command;
}

const Command* FoundEvent::own_command() const {
    const Command* whole = command();
    return member ? &std::get_if<Group>(&whole->body)->members[*member] : whole;
}

std::span<const Command> FoundEvent::members_before() const {
    if (!member) return {};
    return std::get_if<Group>(&command()->body)->members.first(*member);
}

const CommandInTransit* FoundEvent::sent() const {
    return std::get_if<CommandInTransit>(first_ ? &*first_ : &event_);
}

Result<std::unique_ptr<FoundEvent>> find_event_on(ShardReader& shard, LedgerId ledger,
                                                  CommandId id) {
    const Result<std::optional<EventNumber>> number = shard.find_command(ledger, id);
    if (!number) return number.error();
    if (!*number) return std::unique_ptr<FoundEvent>();
    EventWalk walk = shard.walk();
    const Status found = walk.seek(**number);
    if (!found) return found.error();
    const Result<bool> read = walk.next();
    if (!read) return read.error();

    auto out = std::make_unique<FoundEvent>();
    out->recorded = walk.recorded();
    const ByteView bytes = walk.event_bytes();
    out->bytes_.assign(bytes.begin(), bytes.end());
    Result<Event> event = decode_event(out->bytes_, out->arena_);
    if (!event) return event.error();
    out->event_ = *std::move(event);
    if (const auto* answered = std::get_if<CommandAnswered>(&out->event_)) {
        const Status first = walk.seek(answered->first_event);
        if (!first) return first.error();
        const Result<bool> has_first = walk.next();
        if (!has_first) return has_first.error();
        const ByteView first_bytes = walk.event_bytes();
        out->first_bytes_.assign(first_bytes.begin(), first_bytes.end());
        Result<Event> sent = decode_event(out->first_bytes_, out->arena_);
        if (!sent) return sent.error();
        out->first_ = *std::move(sent);
        if (out->sent() == nullptr)
            return shard.corrupt("the outcome of a crossing cites another event");
    }
    const Command* command = out->command();
    if (command == nullptr) return shard.corrupt("a command's row names another event");
    if (command->id == id) return out;
    const auto* group = std::get_if<Group>(&command->body);
    const std::size_t members = group == nullptr ? 0 : group->members.size();
    for (std::size_t i = 0; i < members; ++i) {
        if (group->members[i].id != id) continue;
        out->member = i;
        return out;
    }
    return shard.corrupt("a command's row names the event of another command");
}

}  // namespace vouch::projector
