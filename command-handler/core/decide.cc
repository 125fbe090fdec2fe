#include "command-handler/core/decide.h"

#include "command-handler/core/across_shards.h"
#include "command-handler/core/deciding.h"
#include "command-handler/core/limits.h"
#include "events/check.h"

namespace vouch::command_handler {
namespace {

bool refuse_expired(Deciding& deciding) {
    const Timestamp expires_at = deciding.command().expires_at;
    return expires_at.value() != 0 && deciding.time >= expires_at &&
           deciding.refuse(Outcome::command_expired);
}

/// A command that decides what it alone can: groups are executed, not decided.
struct DecideBody {
    Deciding& deciding;

    void operator()(const Transfer& c) const { decide_transfer(deciding, c); }
    void operator()(const PlaceHold& c) const { decide_place(deciding, c); }
    void operator()(const CaptureHold& c) const { decide_capture(deciding, c); }
    void operator()(const ReleaseHold& c) const { decide_release(deciding, c); }
    void operator()(const PostEntry& c) const { decide_entry(deciding, c); }
    void operator()(const OpenAccount& c) const { decide_open(deciding, c); }
    void operator()(const UpdateAccount& c) const { decide_update(deciding, c); }
    void operator()(const FreezeAccount& c) const { decide_freeze(deciding, c); }
    void operator()(const UnfreezeAccount& c) const { decide_unfreeze(deciding, c); }
    void operator()(const CloseAccount& c) const { decide_close(deciding, c); }
    void operator()(const ExtendHold& c) const { decide_extend(deciding, c); }
    void operator()(const Reverse& c) const { decide_reverse(deciding, c); }
    void operator()(const Refund& c) const { decide_refund(deciding, c); }
    void operator()(const Group&) const { VOUCH_ASSERT(false); }
    // The record's time is the one that the command set.
    void operator()(const SetClock&) const { deciding.accept(Outcome::clock_set); }
};

void clear_result(CommandDecided& decided) {
    decided.changes = {};
    decided.hold.reset();
    decided.entry.reset();
    decided.facts = Facts{};
    decided.moved.reset();
    decided.members = {};
}

/// Decides one command that was not seen before and is no group: fills every field of `decided` but
/// its command and group. Where to cross to is told in `departure`; without, the command may not
/// cross.
void decide(const ShardState& state, FactSource& facts, CommandDecided& decided, Timestamp time,
            Arena& arena, const Departure** departure) {
    clear_result(decided);
    Deciding deciding{state, facts, decided, time, arena, departure};
    if (refuse_expired(deciding)) return;
    std::visit(DecideBody{deciding}, decided.command.body);
}

/// One group on its way through its members.
class GroupExecution {
public:
    GroupExecution(ShardState& state, FactSource& facts, CommandDecided& group, Timestamp time,
                   EventSink& sink, Arena& arena)
        : state_(state), facts_(facts), group_(group), time_(time), sink_(sink), arena_(arena) {}

    void run() {
        const std::span<const Command> members = std::get<Group>(group_.command.body).members;
        const std::span<MemberOutcome> outcomes = arena_.make<MemberOutcome>(members.size());
        const ShardState::Mark state_start = state_.mark();
        const std::uint64_t sink_start = sink_.position();
        group_.outcome = Outcome::done;
        group_.members = outcomes;
        if (refuse_whole()) {
            for (MemberOutcome& each : outcomes) each = {Outcome::group_failed, false};
        }
        for (std::size_t i = 0; i < members.size() && group_.outcome == Outcome::done; ++i) {
            outcomes[i] = run_member(members[i]);
            if (is_accepted(outcomes[i].outcome)) continue;
            state_.undo_to(state_start);
            sink_.undo_to(sink_start);
            group_.outcome = Outcome::group_failed;
            for (std::size_t k = 0; k < members.size(); ++k) {
                if (k != i) outcomes[k] = {Outcome::group_failed, false};
            }
        }
        sink_.append(group_);
    }

private:
    bool refuse_whole() {
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
    MemberOutcome run_member(const Command& member) {
        facts_.forget_answers();
        const Arena::Mark start = arena_.mark();
        const MemberOutcome outcome = decide_member(member);
        arena_.rewind(start);
        return outcome;
    }

    MemberOutcome decide_member(const Command& member) {
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
        decide(state_, facts_, decided, time_, arena_, nullptr);
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

    ShardState& state_;
    FactSource& facts_;
    CommandDecided& group_;
    Timestamp time_;
    EventSink& sink_;
    Arena& arena_;
    std::size_t postings_ = 0;  // a short command may mirror a long entry
};

}  // namespace

namespace {

EventNumber last_event(const EventSink& sink) { return EventNumber(sink.next_event().value() - 1); }

/// True when another shard decides the command, which then went there.
bool forward(const ShardState& state, const Command& command, EventSink& sink) {
    if (state.shard_count() == 1) return false;
    const AccountId decides = deciding_account(command);
    if (decides.is_zero() || state.is_local(decides)) return false;
    const ShardId to = shard_of(decides, state.shard_count());
    sink.append(CommandForwarded{.command = command, .to = to});
    sink.send(to, Step{.ledger = {}, .command = {}, .kind = ForwardStep{command}});
    return true;
}

void send_away(ShardState& state, const CommandDecided& decided, const Departure& departure,
               EventSink& sink) {
    if (departure.transit && !departure.transit->is_open) {
        const TransitOpened opening = departure.transit->opening();
        state.apply(opening);
        sink.append(opening);
    }
    CommandInTransit event;
    event.command = decided.command;
    event.to = departure.to;
    event.changes = decided.changes;
    event.hold = decided.hold;
    event.entry = decided.entry;
    event.moved = decided.moved;
    state.apply(event, sink.next_event());
    sink.append(event);
    sink.send(departure.to, Step{.ledger = decided.command.ledger,
                                 .command = decided.command.id,
                                 .kind = departure.step});
}

}  // namespace

Execution execute(ShardState& state, FactSource& facts, CommandDecided& decided, bool may_be_seen,
                  Timestamp time, EventSink& sink, Arena& arena) {
    if (forward(state, decided.command, sink)) {
        return {Execution::Kind::forwarded, sink.record(), last_event(sink), std::nullopt};
    }
    if (may_be_seen) {
        if (std::optional<PastCommand> past =
                facts.find_command(decided.command.ledger, decided.command.id)) {
            const bool repeats = same_content(past->command(), decided.command);
            const Execution::Kind kind =
                repeats ? Execution::Kind::repeated : Execution::Kind::conflict;
            if (!repeats)
                sink.append(ConflictSeen{.command = decided.command, .first_event = past->number});
            return {kind, past->record, past->number, std::move(past)};
        }
    }
    if (std::holds_alternative<Group>(decided.command.body)) {
        clear_result(decided);
        decided.group = CommandId();
        GroupExecution(state, facts, decided, time, sink, arena).run();
    } else {
        decided.group = CommandId();
        const Departure* departure = nullptr;
        decide(state, facts, decided, time, arena, &departure);
        if (departure) {
            send_away(state, decided, *departure, sink);
            return {Execution::Kind::in_transit, sink.record(), last_event(sink), std::nullopt};
        }
        if (is_accepted(decided.outcome)) state.apply(decided);
        sink.append(decided);
    }
    return {Execution::Kind::decided, sink.record(), last_event(sink), std::nullopt};
}

}  // namespace vouch::command_handler
