#include "command-handler/shard/answer_details.h"

#include "events/entries/command_parts.h"

#include <algorithm>
#include <span>
#include <variant>

namespace vouch::command_handler {
namespace {

/// The member that a group failed by; the end when none has a refusal of its own.
auto own_refusal(const CommandDecided& decided) {
    return std::ranges::find_if(decided.members, [](const MemberOutcome& member) {
        return !is_accepted(member.outcome) && member.outcome != Outcome::group_failed;
    });
}

/// The command whose facts they are, and those in front of it: of a group, the member that it
/// failed by.
struct FactsOf {
    const Command& command;
    std::span<const Command> before;
};
FactsOf facts_of(const CommandDecided& decided) {
    const auto* group = std::get_if<Group>(&decided.command.body);
    const auto failed = own_refusal(decided);
    if (group == nullptr || failed == decided.members.end()) return {decided.command, {}};
    const auto at = static_cast<std::size_t>(failed - decided.members.begin());
    return {group->members[at], group->members.first(at)};
}

/// Of the account that the facts are about, where the group would have opened it itself.
std::optional<OwnOpening> own_opening(const CommandDecided& decided) {
    const FactsOf facts = facts_of(decided);
    const AccountId named = decided.facts.account;
    return opening_of(facts.before, named.is_zero() ? deciding_account(facts.command) : named);
}

/// Records that are read to find it, at most: behind them nobody is named.
constexpr std::size_t kEarlierReadMax = 20;

/// Of a group that failed, who had an outcome before it: it has an event before the group's.
void add_seen_before(const ShardBooks& books, const CommandDecided& decided, EventNumber event,
                     AnswerDetails& details) {
    const auto* group = std::get_if<Group>(&decided.command.body);
    if (group == nullptr || is_accepted(decided.outcome)) return;
    const LedgerId ledger = decided.command.ledger;
    for (std::size_t i = 0; i < group->members.size(); ++i) {
        // Where the index cannot be read the shard ends by itself; nobody is named until then.
        const Result<std::optional<Locator>> first =
            books.index->find({FactKind::command, ledger, group->members[i].id});
        if (!first) return;
        if (*first && (*first)->event != event) details.seen_before.push_back(i);
    }
}

/// Of one that failed by a member that had failed with another group. Reads other events: `decided`
/// may be gone then.
void add_failed_before(const ShardBooks& books, const CommandDecided& decided,
                       AnswerDetails& details) {
    const auto* group = std::get_if<Group>(&decided.command.body);
    if (group == nullptr || decided.outcome != Outcome::group_failed ||
        own_refusal(decided) != decided.members.end())
        return;
    const LedgerId ledger = decided.command.ledger;
    // The first of them that was refused: the group came to it past those that were accepted.
    std::vector<CommandId> ids;
    for (const std::size_t i : details.seen_before) ids.push_back(group->members[i].id);
    for (std::size_t k = 0; k < std::min(ids.size(), kEarlierReadMax); ++k) {
        books.facts->forget_answers();
        const std::optional<PastCommand> past = books.facts->find_command(ledger, ids[k]);
        if (!past) return;
        if (past->in_transit || is_accepted(past->outcome())) continue;
        details.failed_before = details.seen_before[k];
        return;
    }
}

std::optional<Asset> asset_decided_in(const ShardState& state, const CommandDecided& decided) {
    const AccountId account = deciding_account(facts_of(decided).command);
    if (account.is_zero()) return std::nullopt;
    const AccountRow* row = state.find(decided.command.ledger, account);
    if (row == nullptr) return std::nullopt;
    return state.accounts().asset(*row);
}

bool is_seen(const AnswerDetails& details, std::size_t member) {
    return std::ranges::find(details.seen_before, member) != details.seen_before.end();
}

/// Whether the facts are older than the group's own opening: of a member that had been refused
/// before, when only this group would open the account.
bool are_before(const CommandDecided& decided, std::size_t opening, const AnswerDetails& details) {
    return is_seen(details, facts_of(decided).before.size()) && !is_seen(details, opening);
}

/// An account in use: what is held is recorded of the side that lowers it. Where nothing is, the
/// account itself tells what the other side holds, for as long as nothing has changed it. Members
/// in front may have changed it, which was undone with their group: its versions are given out
/// again.
void add_held(const AccountRow& row, const CommandDecided& decided, AnswerDetails& details) {
    const auto failed = own_refusal(decided);
    const bool is_member = failed != decided.members.end();
    const Outcome refusal = is_member ? failed->outcome : decided.outcome;
    Facts& facts = details.facts;
    if (refusal != Outcome::in_use || !facts.held || !facts.held->amount.is_zero()) return;
    const bool is_first = !is_member || (failed == decided.members.begin() && !is_seen(details, 0));
    if (is_first && facts.version == row.standing.version) {
        facts.held->amount = row.standing.totals.held(row.normal());
    } else {
        facts.held.reset();
    }
}

}  // namespace

std::optional<AnswerDetails> details_of(const ShardBooks& books, const CommandDecided& decided,
                                        EventNumber event) {
    if (!has_details(decided)) return std::nullopt;
    const ShardState& state = books.state;
    AnswerDetails details;
    details.facts = decided.facts;
    details.moved = decided.moved;
    details.members.assign(decided.members.begin(), decided.members.end());
    const AccountTable& accounts = state.accounts();
    add_seen_before(books, decided, event, details);
    if (const std::optional<OwnOpening> own = own_opening(decided)) {
        if (!are_before(decided, own->at, details)) details.asset = own->opening.asset;
    } else if (!decided.facts.account.is_zero()) {
        const AccountRow* row = state.find(decided.command.ledger, decided.facts.account);
        if (row) {
            details.asset = accounts.asset(*row);
            add_held(*row, decided, details);
        } else if (decided.outcome != Outcome::asset_mismatch) {
            details.asset = asset_decided_in(state, decided);  // the other shard's is the same
        }
    } else if (!decided.changes.empty()) {
        details.asset = accounts.asset(accounts.row(decided.changes.front().account));
    } else {
        details.asset = asset_decided_in(state, decided);
    }
    add_failed_before(books, decided, details);
    return details;
}

std::optional<AnswerDetails> details_of(const ShardBooks& books, const PastCommand& past) {
    if (past.member && past.outcome() == Outcome::group_failed) return std::nullopt;
    std::optional<AnswerDetails> details = details_of(books, past.event, past.number);
    // The group's facts are those of the member that made it fail; its members are its own.
    if (details && past.member) {
        details->members.clear();
        details->seen_before.clear();
    }
    return details;
}

}  // namespace vouch::command_handler
