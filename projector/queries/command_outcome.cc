#include "projector/queries/command_outcome.h"

#include "events/entries/codec.h"
#include "events/entries/command_parts.h"
#include "events/overloads.h"
#include "projector/queries/books.h"
#include "projector/queries/shard_readers.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace vouch::projector {
namespace {

/// The member that the facts of a group that failed are of, and those in front of it; else the
/// command itself.
struct FactsOf {
    const Command& command;
    std::span<const Command> before;
};
FactsOf facts_of(const Command& command, std::span<const Command> before,
                 const CommandOutcome& outcome) {
    const auto* group = std::get_if<Group>(&command.body);
    if (group == nullptr || !outcome.failed) return {command, before};
    return {group->members[*outcome.failed], group->members.first(*outcome.failed)};
}

/// Amounts in facts are in units of the account that they are about; without one, of the account
/// that the command, or the member that failed, is decided by. Of one that was not open then it is
/// said only what the group's own opening says.
Status fill_facts(const ShardReaders& shards, const FactsOf& facts, CommandOutcome& outcome) {
    const bool has_refused_member = outcome.failed && *outcome.failed < outcome.members.size();
    const Outcome refusal =
        has_refused_member ? outcome.members[*outcome.failed].outcome : outcome.outcome;
    // The fact is of the side that lowers the account: nothing there, it is the other one that was
    // in use, or a debit that was not answered.
    std::optional<AmountFact>& held = outcome.facts.held;
    const bool is_of_other_side = refusal == Outcome::in_use && held && held->amount.is_zero();
    if (is_of_other_side) held.reset();
    AccountId account = outcome.facts.account;
    const bool is_named = !account.is_zero();
    if (is_named) outcome.account = shards.shown(facts.command.ledger, account);
    const auto is_seen_before = [&](std::size_t member) {
        return std::ranges::find(outcome.seen_before, member) != outcome.seen_before.end();
    };
    // Then the facts are of that time.
    const bool was_refused_before = outcome.failed && is_seen_before(*outcome.failed);
    if (!is_named) account = deciding_account(facts.command);
    if (const std::optional<OwnOpening> own = opening_of(facts.before, account)) {
        if (is_named && !own->opening.name.empty()) outcome.account = own->opening.name;
        if (!was_refused_before || is_seen_before(own->at)) outcome.asset = own->opening.asset;
        return {};
    }
    if (account.is_zero() || refusal == Outcome::account_not_found) return {};
    const Result<const AccountInfo*> info = shards.find_account(facts.command.ledger, account);
    if (!info) return info.error();
    if (*info == nullptr) return {};
    const RecordedAt& opened = (*info)->opened;
    const bool is_here = opened.shard == outcome.recorded.shard;
    if (is_here && opened.event > outcome.recorded.event) return {};
    outcome.asset = (*info)->asset;
    if (!is_of_other_side || was_refused_before) return {};
    const AccountNumber number = (*info)->number;
    const Side raising = normal_side((*info)->account_class);
    const Result<std::optional<Change>> before =
        shards.at(outcome.recorded.shard).newest_change(number, outcome.recorded.event);
    if (!before) return before.error();
    // Members in front may have changed it, which was undone with their group.
    const bool is_as_met = *before && (*before)->version == outcome.facts.version;
    if (is_as_met && !(*before)->totals.held(raising).is_zero())
        held = AmountFact{false, (*before)->totals.held(raising)};
    return {};
}

void fill_decided(const CommandDecided& decided, std::optional<std::size_t> member,
                  CommandOutcome& out) {
    if (member) {
        const bool has_outcome = *member < decided.members.size();
        out.outcome = has_outcome ? decided.members[*member].outcome : Outcome::group_failed;
        // The facts of a refused group are those of the member that failed.
        if (out.outcome != Outcome::group_failed) out.facts = decided.facts;
        return;
    }
    out.outcome = decided.outcome;
    out.facts = decided.facts;
    out.moved = decided.moved;
    out.members.assign(decided.members.begin(), decided.members.end());
}

/// Of a group that failed: who had an outcome before it, and the member that it failed by. One that
/// had failed with another group before has no outcome of its own to tell that by.
Status add_failed(ShardReader& shard, const CommandDecided& decided, CommandOutcome& out) {
    for (std::size_t i = 0; i < out.members.size() && !out.failed; ++i) {
        const Outcome each = out.members[i].outcome;
        if (!is_accepted(each) && each != Outcome::group_failed) out.failed = i;
    }
    const auto* group = std::get_if<Group>(&decided.command.body);
    if (group == nullptr || is_accepted(decided.outcome)) return {};
    const bool has_none = decided.outcome == Outcome::group_failed && !out.failed;
    for (std::size_t i = 0; i < group->members.size(); ++i) {
        const LedgerId ledger = decided.command.ledger;
        const CommandId id = group->members[i].id;
        const Result<std::optional<EventNumber>> first = shard.find_command(ledger, id);
        if (!first) return first.error();
        if (!*first || **first == out.recorded.event) continue;
        out.seen_before.push_back(i);
        if (!has_none || out.failed) continue;
        const Result<std::unique_ptr<FoundEvent>> earlier = find_event_on(shard, ledger, id);
        if (!earlier) return earlier.error();
        const Event& found = (*earlier)->event();
        const auto* own = std::get_if<CommandDecided>(&found);
        const auto* answered = std::get_if<CommandAnswered>(&found);
        const bool is_refused = own != nullptr ? !is_accepted(own->outcome)
                                               : answered && !is_accepted(answered->outcome);
        if (is_refused) out.failed = i;
    }
    return {};
}

/// Of a command, or of a member of a group, that was decided at once.
Status add_decided(ShardReader& shard, LedgerId ledger, const CommandDecided& decided,
                   std::optional<std::size_t> member, CommandOutcome& out) {
    fill_decided(decided, member, out);
    if (!member) {
        if (Status added = add_failed(shard, decided, out); !added) return added;
    }
    const CommandId group = member ? decided.command.id : decided.group;
    if (group.is_zero()) return {};
    Result<std::string> text = sent_id(shard, ledger, group);
    if (!text) return text.error();
    out.group = group;
    out.group_text = *std::move(text);
    return {};
}

Status add_conflicts(const ShardReaders& shards, LedgerId ledger, CommandId id,
                     CommandOutcome& out) {
    std::size_t bytes = 0;
    for (const auto& shard : shards) {
        const std::size_t room = kConflictsToldMax - out.conflicts.size();
        const Result<std::vector<EventNumber>> events =
            shard->find_conflicts(ledger, id, room + 1);
        if (!events) return events.error();
        EventWalk walk = shard->walk();
        for (const EventNumber event : *events) {
            if (out.conflicts.size() == kConflictsToldMax) {
                out.has_more_conflicts = true;
                return {};
            }
            if (const Status sought = walk.seek(event); !sought) return sought.error();
            const Result<bool> read = walk.next();
            if (!read) return read.error();
            const auto* conflict = *read ? std::get_if<ConflictSeen>(&walk.event()) : nullptr;
            if (conflict == nullptr || conflict->command.id != id)
                return shard->corrupt("a conflict's row names another event");
            bytes += encoded_size(conflict->command);
            if (bytes > kConflictBytesToldMax && !out.conflicts.empty()) {
                out.has_more_conflicts = true;
                return {};
            }
            Result<AskedCommand> asked = asked_of(shards, walk.recorded(), conflict->command);
            if (!asked) return asked.error();
            out.conflicts.push_back({walk.recorded(), *std::move(asked)});
        }
    }
    return {};
}

}  // namespace

std::string shown_id(CommandId id, std::string_view text) {
    return text.empty() ? id_text(id) : std::string(text);
}

Result<std::optional<CommandOutcome>> Books::outcome(LedgerId ledger, CommandId id) {
    const Result<std::unique_ptr<FoundEvent>> found = find_event(ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<CommandOutcome>();
    const FoundEvent& event = **found;
    CommandOutcome out;
    out.id = id;
    out.recorded = event.recorded;
    out.as_of = shards_->at(out.recorded.shard).as_of();
    Result<std::vector<RecordedAt>> others = other_events(ledger, id, out.recorded.shard);
    if (!others) return others.error();
    out.others = *std::move(others);
    const Command& command = *event.own_command();
    out.id_text = command.id_text;
    ShardReader& shard = shards_->at(out.recorded.shard);
    Result<AskedCommand> asked =
        asked_of(*shards_, out.recorded, command, event.members_before());
    if (!asked) return asked.error();
    out.asked = *std::move(asked);
    const Status told = std::visit(
        Overloads{
            [&](const CommandInTransit& sent) {
                out.in_transit = true;
                out.to = sent.to;
                out.moved = sent.moved;
                return Status();
            },
            [&](const CommandAnswered& answered) {
                out.outcome = answered.outcome;
                out.answered = answered.by;
                out.facts = answered.facts;
                out.moved = answered.moved;
                return Status();
            },
            [&](const CommandDecided& decided) {
                return add_decided(shard, ledger, decided, event.member, out);
            },
            [&](const auto&) -> Status {
                return shard.corrupt("a command's row names another event");
            },
        },
        event.event());
    if (!told) return told.error();
    const Status filled =
        fill_facts(*shards_, facts_of(command, event.members_before(), out), out);
    if (!filled) return filled.error();
    const Status added = add_conflicts(*shards_, ledger, id, out);
    if (!added) return added.error();
    return std::optional(std::move(out));
}

}  // namespace vouch::projector
