#include "projector/queries/command_outcome.h"

#include "projector/queries/books.h"
#include "projector/queries/shard_readers.h"

#include <utility>
#include <variant>

namespace vouch::projector {
namespace {

/// The command that a found event is about, the member's own when the event is that of its group.
const Command& command_of(const CommandDecided& decided, std::optional<std::size_t> member) {
    if (!member) return decided.command;
    return std::get_if<Group>(&decided.command.body)->members[*member];
}

/// Amounts in facts are in units of the account that they are about; without one, of the account
/// that the command, or the member that failed, is decided by.
Status fill_facts(const ShardReaders& shards, const Command& command, CommandOutcome& outcome) {
    AccountId account = outcome.facts.account;
    if (account.is_zero()) {
        const Command* failed = &command;
        if (const auto* group = std::get_if<Group>(&command.body)) {
            for (std::size_t i = 0; i < group->members.size() && i < outcome.members.size(); ++i) {
                const Outcome member = outcome.members[i].outcome;
                const bool is_culprit = !is_accepted(member) && member != Outcome::group_failed;
                if (is_culprit) failed = &group->members[i];
            }
        }
        account = deciding_account(*failed);
    } else {
        outcome.account = shards.shown(command.ledger, account);
    }
    if (account.is_zero()) return {};
    const Result<const AccountInfo*> info = shards.find_account(command.ledger, account);
    if (!info) return info.error();
    if (*info != nullptr) outcome.asset = (*info)->asset;
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
    if (const auto* sent = std::get_if<CommandInTransit>(&event.event())) {
        out.in_transit = true;
        out.to = sent->to;
        out.moved = sent->moved;
        out.id_text = sent->command.id_text;
        const Status filled = fill_facts(*shards_, sent->command, out);
        if (!filled) return filled.error();
        return std::optional(std::move(out));
    }
    if (const auto* answered = std::get_if<CommandAnswered>(&event.event())) {
        out.outcome = answered->outcome;
        out.answered = answered->by;
        out.facts = answered->facts;
        out.moved = answered->moved;
        out.id_text = event.command()->id_text;
        const Status filled = fill_facts(*shards_, *event.command(), out);
        if (!filled) return filled.error();
        return std::optional(std::move(out));
    }
    const auto& decided = *std::get_if<CommandDecided>(&event.event());
    out.outcome = decided.outcome;
    out.id_text = command_of(decided, event.member).id_text;
    if (event.member) {
        // The facts of a refused group are those of the member that failed.
        out.group = decided.command.id;
        const bool has_outcome = *event.member < decided.members.size();
        out.outcome = has_outcome ? decided.members[*event.member].outcome : Outcome::group_failed;
        if (out.outcome == Outcome::group_failed) return std::optional(std::move(out));
        out.facts = decided.facts;
    } else {
        out.facts = decided.facts;
        out.moved = decided.moved;
        if (!decided.group.is_zero()) out.group = decided.group;
        out.members.assign(decided.members.begin(), decided.members.end());
        if (const auto* group = std::get_if<Group>(&decided.command.body)) {
            for (const Command& member : group->members)
                out.member_ids.push_back(shown_id(member.id, member.id_text));
        }
    }
    const Status filled = fill_facts(*shards_, command_of(decided, event.member), out);
    if (!filled) return filled.error();
    return std::optional(std::move(out));
}

}  // namespace vouch::projector
