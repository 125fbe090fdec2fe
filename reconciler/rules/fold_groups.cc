// Groups: members' events stand directly before the event of the group itself, in one record.
#include "reconciler/rules/fold_groups.h"

#include "reconciler/rules/derive.h"
#include "reconciler/rules/named_hold.h"

#include <algorithm>

namespace vouch::reconciler {

void GroupFold::fold_member(const CommandDecided& decided, std::uint64_t content) {
    Member member;
    member.id = decided.command.id;
    member.content = content;
    member.outcome = decided.outcome;
    member.group = decided.group;
    for (const Change& change : decided.changes) member.changed.push_back(change.account);
    members_.push_back(std::move(member));
}

void GroupFold::end_group() {
    if (members_.empty()) return;
    context_.report(Check::wrong_group,
                    "events of members without that of group " + id_text(members_.front().group));
    members_.clear();
}

void GroupFold::fold_group(const CommandDecided& decided) {
    const Group& group = std::get<Group>(decided.command.body);
    if (decided.members.size() != group.members.size() || group.members.empty()) {
        context_.report(Check::wrong_group, "not one outcome for each member");
    } else {
        const std::optional<Outcome> refusal = group_refusal(decided, group);
        if (refusal && decided.outcome != *refusal) {
            context_.report(Check::wrong_outcome, "expected " + std::string(to_text(*refusal)) +
                                                      " found " +
                                                      std::string(to_text(decided.outcome)));
        } else if (decided.outcome == Outcome::done) {
            check_group_done(decided, group);
        } else {
            check_group_failed(decided);
        }
        for (std::size_t i = 0; i < group.members.size(); ++i) {
            const MemberOutcome& outcome = decided.members[i];
            if (!outcome.repeated && decided.outcome == Outcome::done) continue;
            const Command& member = group.members[i];
            const bool is_derived =
                i != 0 || outcome.repeated || is_first_member_derived(decided, group);
            IdRow row = context_.row_of(
                outcome.repeated ? IdRowKind::member_repeated : IdRowKind::member_failed,
                member.ledger, member.id, MemberSaid{context_.content.of(member), is_derived});
            row.outcome = outcome.outcome;
            context_.keep(row);
        }
    }
    members_.clear();
}

void GroupFold::check_group_done(const CommandDecided& decided, const Group& group) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        const MemberOutcome& outcome = decided.members[i];
        if (!is_accepted(outcome.outcome)) {
            return context_.report(Check::wrong_group,
                                   "done, but member " + std::to_string(i) + " was refused");
        }
        if (outcome.repeated) continue;
        const bool fits = next < members_.size() && members_[next].id == group.members[i].id &&
                          members_[next].content == context_.content.of(group.members[i]) &&
                          members_[next].outcome == outcome.outcome &&
                          members_[next].group == decided.command.id;
        if (!fits)
            return context_.report(Check::wrong_group, "the event of member " + std::to_string(i) +
                                                           " does not stand before");
        ++next;
    }
    if (next != members_.size())
        context_.report(Check::wrong_group, "an event of no member stands before");
}

/// A group that fails leaves nothing of its members. One of them has its own refusal, or none when
/// the group itself was refused.
void GroupFold::check_group_failed(const CommandDecided& decided) {
    if (!members_.empty())
        return context_.report(Check::wrong_group, "events of members of a group that failed");
    const auto is_own = [](const MemberOutcome& member) {
        return member.outcome != Outcome::group_failed;
    };
    const auto is_wrong = [](const MemberOutcome& member) {
        return is_accepted(member.outcome) || member.repeated;
    };
    const auto own = std::ranges::count_if(decided.members, is_own);
    const bool is_whole =
        decided.outcome == Outcome::command_expired || decided.outcome == Outcome::version_mismatch;
    if (!is_whole && decided.outcome != Outcome::group_failed) {
        return context_.report(Check::wrong_outcome,
                               "a group is done, fails, expires or finds another version");
    }
    if (std::ranges::any_of(decided.members, is_wrong) || own > (is_whole ? 0 : 1)) {
        return context_.report(
            Check::wrong_group,
            "members of a group that failed are group_failed, but the one that was refused");
    }
}

/// Nothing was done before the first member, so that its refusal follows from the books, unless it
/// had its outcome before; the id check knows that. What other members found depends on effects
/// taken back.
bool GroupFold::is_first_member_derived(const CommandDecided& decided, const Group& group) const {
    const Command& member = group.members.front();
    if (decided.outcome != Outcome::group_failed || std::holds_alternative<Reverse>(member.body) ||
        std::holds_alternative<Refund>(member.body)) {
        return true;
    }
    CommandDecided alone;
    alone.command = member;
    alone.outcome = decided.members.front().outcome;
    const Derived derived = derive(context_.books, member, context_.time, false);
    if (!derived.is_sure || may_depend_on_past(context_.books, alone, derived)) return true;
    if (!derived.refusal)
        return alone.outcome == Outcome::group_failed || alone.outcome == Outcome::conflict;
    return derived.refusal->outcome == alone.outcome && derived.refusal->facts == decided.facts;
}

/// The group's own expiry and version, as before its members. Empty when neither refuses it.
std::optional<Outcome> GroupFold::group_refusal(const CommandDecided& decided,
                                                const Group& group) const {
    const Command& command = decided.command;
    if (command.expires_at.value() != 0 && context_.time >= command.expires_at)
        return Outcome::command_expired;
    if (decided.outcome == Outcome::command_expired) return Outcome::done;
    if (!command.expected_version) {
        return decided.outcome == Outcome::version_mismatch ? std::optional(Outcome::done)
                                                            : std::nullopt;
    }
    const AccountId decides = deciding_account(group.members.front());
    if (decides.is_zero() || !context_.books.is_here(decides)) return std::nullopt;
    const auto number = context_.books.accounts.find(command.ledger, decides);
    if (number ? !context_.books.is_sure(context_.books.accounts.at(*number))
               : context_.books.was_broken()) {
        return std::nullopt;
    }
    // An account that is not open has version 0.
    std::uint64_t version = number ? context_.books.accounts.at(*number).version.value() : 0;
    for (const Member& member : members_) {
        version -=
            static_cast<std::uint64_t>(number ? std::ranges::count(member.changed, *number) : 0);
    }
    const bool is_mismatch = Version(version) != *command.expected_version;
    if (is_mismatch) return Outcome::version_mismatch;
    return decided.outcome == Outcome::version_mismatch ? std::optional(Outcome::done)
                                                        : std::nullopt;
}

}  // namespace vouch::reconciler
