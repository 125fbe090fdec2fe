#include "command-handler/core/group_execution.h"

#include "command-handler/core/decide.h"
#include "command-handler/core/deciding.h"
#include "command-handler/core/limits.h"

#include <optional>
#include <span>
#include <variant>

namespace vouch::command_handler {

void GroupExecution::run() {
    const std::span<const Command> members = std::get<Group>(group_.command.body).members;
    const std::span<MemberOutcome> outcomes = arena_.make<MemberOutcome>(members.size());
    const OpenChanges::Mark state_start = state_.changes().mark();
    const std::uint64_t sink_start = sink_.position();
    group_.outcome = Outcome::done;
    group_.members = outcomes;
    if (refuse_whole()) {
        for (MemberOutcome& each : outcomes) each = {Outcome::group_failed, false};
    }
    for (std::size_t i = 0; i < members.size() && group_.outcome == Outcome::done; ++i) {
        outcomes[i] = run_member(members[i]);
        if (is_accepted(outcomes[i].outcome)) continue;
        state_.changes().undo_to(state_start);
        sink_.undo_to(sink_start);
        group_.outcome = Outcome::group_failed;
        for (std::size_t k = 0; k < members.size(); ++k) {
            if (k != i) outcomes[k] = {Outcome::group_failed, false};
        }
    }
    sink_.append(group_);
}

bool GroupExecution::refuse_whole() {
    Deciding deciding{state_, facts_, group_, time_, arena_};
    if (refuse_expired(deciding)) return true;
    const std::optional<Version> expected = group_.command.expected_version;
    const AccountId decides = deciding_account(group_.command);
    if (!expected || decides.is_zero()) return false;
    const Party account = party(deciding, decides, std::nullopt);
    if (account.is_remote) return false;
    // An account that is not open has version 0.
    const Version version = account.row ? account.row->standing.version : Version(0);
    if (version == *expected) return false;
    return deciding.refuse(
        Outcome::version_mismatch,
        account.row ? facts_about(deciding.state, *account.row) : facts_about(account.id));
}

/// What a member looked at is forgotten with it: of 500 short ones each may undo a long entry.
MemberOutcome GroupExecution::run_member(const Command& member) {
    facts_.forget_answers();
    const Arena::Mark start = arena_.mark();
    const MemberOutcome outcome = decide_member(member);
    arena_.rewind(start);
    return outcome;
}

MemberOutcome GroupExecution::decide_member(const Command& member) {
    if (const std::optional<PastCommand> past = facts_.find_command(member.ledger, member.id)) {
        if (!same_content(past->command(), member)) return {Outcome::conflict, false};
        // It has no outcome yet that the group's could follow from.
        if (past->in_transit) return {Outcome::not_supported_across_shards, false};
        const Outcome first = past->outcome();
        if (is_accepted(first)) return {first, true};
        if (first != Outcome::group_failed) group_.facts = past->event.facts;
        return {first, false};
    }
    CommandDecided decided;
    decided.command = member;
    decided.group = group_.command.id;
    decide(state_, facts_, decided, time_, arena_, false);
    postings_ += decided.changes.size();
    if (postings_ > kPostingsMax) return {Outcome::too_large, false};
    if (is_accepted(decided.outcome)) {
        state_.apply(decided);
        sink_.append(decided);
    } else {
        group_.facts = decided.facts;
    }
    return {decided.outcome, false};
}

}  // namespace vouch::command_handler
