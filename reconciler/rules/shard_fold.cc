#include "reconciler/rules/shard_fold.h"

#include "events/entries/codec.h"

#include <utility>

namespace vouch::reconciler {

namespace {

/// The step that a command came with, if it was forwarded.
Step forward_of(const Command& command) {
    Step step;
    step.kind = ForwardStep{command};
    return step;
}

}  // namespace

ShardFold::ShardFold(const Deployment& deployment, ShardId shard, const ContentDigest& content,
                     const FoldSinks& sinks, bool keeps_history)
    : context_(deployment, shard, content, sinks),
      changes_(context_, keeps_history),
      groups_(context_),
      reversals_(context_, changes_),
      command_fold_(context_, changes_, groups_, reversals_),
      crossings_(context_, changes_, reversals_),
      answers_(context_, changes_),
      followed_(context_, changes_),
      expiries_(context_, changes_) {}

bool ShardFold::fold(const Chunk& chunk, const PreparedRecord& record, EventNumber first_event,
                     bool believed) {
    // Far enough ahead that a row is there when its transfer comes, near enough that it is still
    // there.
    constexpr std::size_t kAhead = 8;
    context_.record = record.position;
    context_.time = record.header.time;
    context_.event = first_event;
    next_command_ = record.header.next_command;
    context_.is_believed = believed;
    context_.is_clean = true;
    in_head_ = true;
    phase_ = Phase::term;
    context_.commands = 0;
    last_sent_.reset();
    context_.steps.begin_record(
        {context_.books.shard, context_.record, first_event, context_.time, record.digest},
        believed);
    const std::span<const std::uint32_t> items =
        std::span(chunk.items).subspan(record.first_item, record.item_count);
    for (std::size_t i = 0; i < items.size(); ++i, context_.event = context_.event.next()) {
        if (i + kAhead < items.size() && (items[i + kAhead] & Chunk::kIsTransfer) != 0) {
            const PlainTransfer& ahead = chunk.transfers[items[i + kAhead] & ~Chunk::kIsTransfer];
            context_.books.accounts.prefetch(ahead.debit.number);
            context_.books.accounts.prefetch(ahead.credit.number);
        }
        context_.steps.at(context_.event);
        changes_.begin_event();
        if ((items[i] & Chunk::kIsTransfer) != 0) {
            fold_transfer(record, chunk.transfers[items[i] & ~Chunk::kIsTransfer]);
        } else {
            fold_event(*chunk.events[items[i]], i == 0, record.is_whole && i + 1 == items.size());
        }
    }
    if (!record.is_whole) {
        context_.report(Check::canonical, record.fault);
        groups_.forget();
        return false;
    }
    if (!items.empty()) context_.event = EventNumber(context_.event.value() - 1);
    context_.steps.at(context_.event);
    followed_.check_transit_used({});
    groups_.end_group();
    context_.steps.end_record();
    return context_.is_clean;
}

void ShardFold::fold_transfer(const PreparedRecord& record, const PlainTransfer& plain) {
    // What is the first of its phase, or a forwarded command, is looked at as a whole, too.
    const bool is_plain =
        phase_ == Phase::commands && !groups_.has_members() && !context_.steps.is_taking();
    if (is_plain) ++context_.commands;
    if (!is_plain || !changes_.take_plain(plain)) {
        // Whatever does not fit is looked at again as a whole, slowly, by the rules for all
        // commands.
        arena_.clear();
        const Result<Event> event =
            decode_event(record.body.subspan(plain.body_offset, plain.body_size), arena_);
        VOUCH_ASSERT(event.has_value());
        if (is_plain) --context_.commands;
        const auto& decided = std::get<CommandDecided>(*event);
        begin_command(&decided);
        return command_fold_.fold_command(decided, plain.content);
    }
    ++context_.accepted;
    if (!context_.is_believed) return;
    IdRow row = context_.row_of(IdRowKind::decided, plain.ledger, plain.id,
                                Decided{plain.amount, plain.content, plain.debit.number.value(),
                                        plain.credit.number.value()});
    row.outcome = Outcome::posted;
    row.made = IdMade::pair;
    context_.sinks.ids.add(row);
    context_.keep_seen(plain.ledger, plain.id);
}

/// Each kind of event, at its place in a record.
struct ShardFold::EventFold {
    ShardFold& fold;
    const PreparedEvent& prepared;
    bool is_first;
    bool is_last;

    void operator()(const CommandDecided& decided) const {
        fold.begin_command(&decided);
        fold.command_fold_.fold_command(decided, prepared.content);
    }
    void operator()(const CommandAnswered& answered) const {
        fold.enter(Phase::steps);
        fold.groups_.end_group();
        fold.answers_.fold_answered(answered);
    }
    void operator()(const CommandInTransit& sent) const {
        fold.begin_command(nullptr);
        fold.groups_.end_group();
        ++fold.context_.commands;
        fold.context_.steps.took(forward_of(sent.command));
        fold.followed_.check_transit_used(sent.changes);
        fold.crossings_.fold_in_transit(sent, prepared.content);
    }
    void operator()(const ConflictSeen& conflict) const {
        fold.begin_command(nullptr);
        fold.groups_.end_group();
        ++fold.context_.commands;
        fold.context_.steps.took(forward_of(conflict.command));
        fold.fold_reference(IdRowKind::conflict, conflict.command, conflict.first_event,
                            prepared.content);
    }
    void operator()(const ForwardRepeated& repeated) const {
        if (!fold.context_.steps.is_taking())
            fold.context_.report(Check::wrong_steps,
                                 "a repeat of a command that was not forwarded");
        fold.begin_command(nullptr);
        fold.groups_.end_group();
        fold.context_.steps.took(forward_of(repeated.command));
        fold.fold_reference(IdRowKind::forward_repeated, repeated.command, repeated.first_event,
                            prepared.content);
    }
    void operator()(const CommandForwarded& forwarded) const {
        fold.enter(Phase::commands);
        fold.groups_.end_group();
        ++fold.context_.commands;
        fold.fold_forwarded(forwarded, prepared.content);
    }
    void operator()(const Unreadable& unreadable) const {
        fold.enter(Phase::commands);
        fold.groups_.end_group();
        ++fold.context_.commands;
        fold.fold_unreadable(unreadable);
    }
    void operator()(const TermStarted&) const {
        if (!is_first)
            fold.context_.report(Check::event_order,
                                 "a term starts only with a record's first event");
    }
    void operator()(const EpochSealed&) const {
        fold.enter(Phase::seal);
        fold.groups_.end_group();
        if (!is_last)
            fold.context_.report(Check::event_order, "a seal is its record's last event");
    }
    void operator()(const HoldExpired& expired) const {
        fold.enter(Phase::expiries);
        fold.groups_.end_group();
        fold.expiries_.fold_expiry(expired);
    }
    void operator()(const TransitOpened& opened) const {
        fold.groups_.end_group();
        fold.followed_.fold_transit_opened(opened);
    }
    void operator()(const StepFollowed& followed) const {
        fold.enter(Phase::steps);
        fold.followed_.check_transit_used(followed.changes);
        fold.groups_.end_group();
        fold.followed_.fold_followed(followed);
    }
    void operator()(const StepsTaken& taken) const {
        fold.enter(Phase::steps);
        fold.groups_.end_group();
        fold.context_.steps.take(taken);
    }
    void operator()(const StepRefused&) const {
        fold.context_.steps.end_taking();
        fold.enter(Phase::steps);
        fold.groups_.end_group();
    }
    void operator()(const StepsSent& sent) const {
        fold.enter(Phase::sent);
        fold.groups_.end_group();
        fold.check_sent_order(sent);
        fold.context_.steps.sent(sent);
    }
    void operator()(const Mark&) const { fold.fold_mark(is_first); }
    // What it says is held against the records before: act_check.cc.
    template <class Act>
        requires(kEventKind<Act>.is_act)
    void operator()(const Act&) const {
        fold.enter(Phase::acts);
    }
};

void ShardFold::fold_event(const PreparedEvent& prepared, bool is_first, bool is_last) {
    if (!std::holds_alternative<CommandInTransit>(prepared.event) &&
        !std::holds_alternative<StepFollowed>(prepared.event)) {
        followed_.check_transit_used({});
    }
    std::visit(EventFold{*this, prepared, is_first, is_last}, prepared.event);
}

/// Each kind of event has its place in a record; nothing is due any more before the first step or
/// command.
void ShardFold::enter(Phase phase) {
    if (phase > Phase::steps) context_.steps.end_taking();
    if (phase < phase_) {
        context_.report(Check::event_order,
                        phase == Phase::expiries
                            ? "holds expire at the head of a record, before any command"
                            : "events are not in the order that a record has");
    } else {
        phase_ = phase;
    }
    const bool begins = phase == Phase::steps || phase == Phase::commands;
    if (begins && in_head_) {
        in_head_ = false;
        expiries_.end_due();
    }
}

void ShardFold::fold_unreadable(const Unreadable& unreadable) {
    if (unreadable.outcome != Outcome::malformed && unreadable.outcome != Outcome::too_large)
        context_.report(Check::wrong_outcome, "what is unreadable is malformed or too large");
    // A batch may span records, and only the last of them goes on behind it.
    if (unreadable.next_offset.value_or(unreadable.offset) > next_command_)
        context_.report(Check::input_offset, "unreadable beyond the record's own position");
    if (unreadable.field == "isolated") {
        ++isolated_;
        isolated_last_ = unreadable.offset;
    }
}

/// It stands alone (but for a seal), and nothing is due.
void ShardFold::fold_mark(bool is_first) {
    if (!is_first) return context_.report(Check::event_order, "a mark stands alone in its record");
    enter(Phase::commands);
    phase_ = Phase::seal;
}

/// A command that another shard forwarded is one of the steps taken.
void ShardFold::begin_command(const CommandDecided* decided) {
    enter(context_.steps.is_taking() ? Phase::steps : Phase::commands);
    if (decided == nullptr || !decided->group.is_zero()) return;
    context_.steps.took(forward_of(decided->command));
}

void ShardFold::check_sent_order(const StepsSent& sent) {
    const std::pair key(sent.to, sent.number);
    if (last_sent_ && key <= *last_sent_)
        context_.report(Check::event_order, "batches sent stand by receiving shard and number");
    last_sent_ = key;
}

void ShardFold::fold_forwarded(const CommandForwarded& forwarded, std::uint64_t content) {
    const AccountId decides = deciding_account(forwarded.command);
    if (decides.is_zero() || context_.books.is_here(decides)) {
        context_.report(Check::wrong_shard, "forwarded, but it is decided here");
    } else if (context_.books.home_of(decides) != forwarded.to) {
        context_.report(Check::wrong_shard,
                        "forwarded to another shard than that which decides it");
    }
    context_.steps.follow(forwarded.to, forward_of(forwarded.command));
    context_.keep(IdRowKind::forwarded, forwarded.command.ledger, forwarded.command.id,
                  Forwarded{content});
}

void ShardFold::fold_reference(IdRowKind kind, const Command& command, EventNumber first,
                               std::uint64_t content) {
    context_.check_decides_here(command);
    context_.keep(kind, command.ledger, command.id, NamedFirst{content, first.value()});
}

}  // namespace vouch::reconciler
